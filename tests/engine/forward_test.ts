/**
 * The forwarder's decisions, one by one; forward_model_test.ts has their interplay.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { BROADCAST, frameOf, mac, numbersOf } from "./frames.ts";
import { Lab, openLab, taken } from "./lab.ts";

Deno.test("Forwarder learns a source and then answers it alone", () => {
  const lab = new Lab();
  const p = [lab.join(), lab.join(), lab.join()];
  lab.ingress(p[0], [frameOf(mac(1), mac(0))]);
  assertEquals([taken(p), lab.count(p[0], "copies")], [[0, 1, 1], 1]);
  lab.ingress(p[1], [frameOf(mac(0), mac(1))]);
  lab.ingress(p[0], [frameOf(mac(1), mac(0))]);
  assertEquals(taken(p), [1, 2, 1]);
  lab.checkBalance();
});

Deno.test("Forwarder hands on every byte as it came", () => {
  const { lab, p } = openLab(2);
  const bytes = fc.uint8Array({ minLength: 14, maxLength: 3000 });
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 20 }), (frames) => {
      p[1].taken.length = 0;
      for (const frame of frames) frame.set(frameOf(mac(1), mac(0), { bytes: 12 }));
      lab.ingress(p[0], frames);
      assertEquals(p[1].taken, frames);
    }),
    { numRuns: 50 },
  );
});

Deno.test("Forwarder floods groups and unknown stations to every port but the ingress", () => {
  const { lab, p } = openLab(5);
  const groups = [BROADCAST, "33:33:00:00:00:01", "01:00:5e:00:00:fb", "01:80:c2:00:00:00"];
  for (const dst of [...groups, mac(77), "00:00:00:00:00:00"]) {
    lab.ingress(p[2], [frameOf(dst, mac(2))]);
  }
  assertEquals(taken(p), [6, 6, 0, 6, 6]);
  assertEquals([lab.count(p[2], "copies"), lab.drops(p[2])], [6 * 3, {}]);
  lab.checkBalance();
});

Deno.test("Forwarder drops what a bridge must not forward, and learns from it", () => {
  const { lab, p } = openLab(3);
  const frames = Array.from({ length: 15 }, (_, i) => {
    return frameOf(`01:80:c2:00:00:${(i + 1).toString(16).padStart(2, "0")}`, mac(40 + i));
  });
  lab.ingress(p[0], frames);
  lab.ingress(p[0], [frameOf("01:80:c2:00:00:10", mac(0))]);
  assertEquals([taken(p), lab.drops(p[0])], [[0, 1, 1], { reserved: 15 }]);
  assertEquals(lab.fdb.lookup(0x5254, 54), 0);
  lab.checkBalance();
});

Deno.test("Forwarder drops bad sources and learns nothing from them", () => {
  const { lab, p } = openLab(3);
  const before = lab.fdb.size;
  for (const src of [BROADCAST, "00:00:00:00:00:00", "01:00:00:00:00:01", "33:33:00:00:00:01"]) {
    lab.ingress(p[0], [frameOf(mac(1), src), frameOf(BROADCAST, src), frameOf(mac(1), src)]);
  }
  assertEquals([taken(p), lab.drops(p[0])], [[0, 0, 0], { "bad-source": 12 }]);
  assertEquals(lab.fdb.size, before);
  lab.checkBalance();
});

Deno.test("Forwarder drops frames for their own port, and their own sender", () => {
  const { lab, p } = openLab(2);
  lab.ingress(p[0], [frameOf(mac(50), mac(51))]); // 51 is behind port 0 too
  lab.ingress(p[0], [frameOf(mac(51), mac(0)), frameOf(mac(0), mac(0)), frameOf(mac(51), mac(0))]);
  assertEquals([taken(p), lab.drops(p[0])], [[0, 1], { hairpin: 3 }]);
  lab.checkBalance();
});

Deno.test("Forwarder drops a flood when nobody else is there", () => {
  const { lab, p } = openLab(1);
  lab.ingress(p[0], [frameOf(BROADCAST, mac(0)), frameOf(mac(9), mac(0))]);
  assertEquals([lab.drops(p[0]), lab.count(p[0], "copies")], [{ nowhere: 2 }, 0]);
  lab.checkBalance();
});

Deno.test("Forwarder drops runts and oversize frames in the middle of a run", () => {
  const { lab, p } = openLab(2, { maxFrame: 1514 });
  const sizes = [60, 13, 60, 0, 1514, 1515, 14, 60, 1, 69_632, 60];
  lab.ingress(p[0], sizes.map((bytes, number) => frameOf(mac(1), mac(0), { number, bytes })));
  assertEquals(p[1].taken.map((frame) => frame.length), [60, 60, 1514, 14, 60, 60]);
  assertEquals(lab.drops(p[0]), { runt: 3, oversize: 2 });
  assertEquals(lab.count(p[0], "rxFrames"), sizes.length);
  assertEquals(lab.count(p[0], "rxBytes"), sizes.reduce((sum, size) => sum + size));
  lab.checkBalance();
});

Deno.test("Forwarder judges size by the ingress's max-frame and then by the egress's", () => {
  const lab = new Lab();
  const p = [9014, 1514, 9014].map((maxFrame) => lab.join({ maxFrame }));
  lab.ingress(p[0], [9014, 1514, 9014, 60].map((bytes) => frameOf(BROADCAST, mac(0), { bytes })));
  assertEquals([taken(p), lab.drops(p[1]), lab.drops(p[0])], [[0, 2, 4], { oversize: 2 }, {}]);
  lab.checkBalance();
});

Deno.test("Forwarder learns per VLAN", () => {
  const { lab, p } = openLab(3);
  lab.ingress(p[0], [frameOf(BROADCAST, mac(60), { vid: 5 })]);
  lab.ingress(p[1], [frameOf(BROADCAST, mac(60), { vid: 6 })]);
  for (const port of p) port.taken.length = 0;
  lab.ingress(p[2], [
    frameOf(mac(60), mac(2), { vid: 5 }),
    frameOf(mac(60), mac(2), { vid: 6 }),
    frameOf(mac(60), mac(2), { vid: 5 }),
    frameOf(mac(60), mac(2), { vid: 7 }), // unknown there: flooded
    frameOf(mac(60), mac(2)),
  ]);
  assertEquals([taken(p), lab.moves], [[4, 3, 0], []]);
});

Deno.test("Forwarder follows a station that moves, once a run", () => {
  const { lab, p } = openLab(3);
  const run = [frameOf(mac(1), mac(0)), frameOf(mac(1), mac(0)), frameOf(mac(1), mac(0))];
  lab.ingress(p[2], run);
  assertEquals([lab.moves, lab.fdb.lookup(0x5254, 0), lab.fdb.movedFrom], [[2], 2, 0]);
  lab.ingress(p[1], [frameOf(mac(0), mac(1))]);
  assertEquals(taken(p), [0, 3, 1]);
});

Deno.test("Forwarder forwards what it may not learn", () => {
  const lab = new Lab();
  const p = [lab.join({ maxMacs: 1 }), lab.join()];
  lab.ingress(p[0], [1, 2, 3].map((n) => frameOf(BROADCAST, mac(n))));
  assertEquals([taken(p), lab.count(p[0], "macsRefused"), lab.fdb.size], [[0, 3], 2, 1]);
});

Deno.test("Forwarder drops for a full egress where a longer frame does not fit, not behind it", () => {
  const { lab, p } = openLab(2, { queue: 4096 });
  p[1].room = 0;
  const sizes = [2000, 1500, 1000, 500, 60, 60];
  lab.ingress(p[0], sizes.map((bytes, number) => frameOf(mac(1), mac(0), { number, bytes })));
  p[1].room = Infinity;
  lab.egressOf(p[1]).retry();
  // 4096 - 2004 - 1504 = 588: 1000 does not fit, 500 does and leaves 84, which is room for one of 60.
  assertEquals(numbersOf(p[1].taken), [0, 1, 3, 4]);
  assertEquals(lab.drops(p[1]), { "queue-full": 2 });
  lab.checkBalance();
});

Deno.test("Forwarder floods past a full port and a gone one", () => {
  const { lab, p } = openLab(4, { queue: 4096 });
  p[1].room = 0;
  p[2].gone = true;
  for (let i = 0; i < 5; i++) {
    lab.ingress(p[0], [frameOf(BROADCAST, mac(0), { bytes: 1514 }), frameOf(BROADCAST, mac(0))]);
  }
  assertEquals(taken(p), [0, 0, 0, 10]);
  assertEquals(lab.drops(p[2]), { "peer-gone": 10 });
  assertEquals(lab.count(p[1], "queued") + lab.drops(p[1])["queue-full"]!, 10);
  lab.checkBalance();
});
