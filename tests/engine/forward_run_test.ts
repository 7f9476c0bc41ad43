/**
 * The forwarder over runs of frames, and where it stops.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { STORM_BURST } from "../../src/engine/storm.ts";
import { BROADCAST, frameOf, mac, numbersOf } from "./frames.ts";
import { openLab, taken } from "./lab.ts";

Deno.test("Forwarder limits floods to a port's budget and lets it come back", () => {
  const { lab, p } = openLab(5);
  const burst = Array.from({ length: 256 }, () => frameOf(BROADCAST, mac(0)));
  const frames = STORM_BURST / 4;
  for (let sent = 0; sent < frames; sent += 256) lab.ingress(p[0], burst);
  assertEquals([lab.drops(p[0]), p[1].taken.length], [{}, frames]);
  lab.ingress(p[0], [...burst.slice(0, 9), frameOf(mac(1), mac(0))]);
  assertEquals([lab.drops(p[0]), p[1].taken.length], [{ storm: 9 }, frames + 1]);
  lab.now += 1; // 200 copies are 50 frames
  lab.ingress(p[0], burst.slice(0, 60));
  assertEquals([lab.drops(p[0]), p[4].taken.length], [{ storm: 19 }, frames + 50]);
  lab.ingress(p[1], [frameOf(BROADCAST, mac(1))]);
  assertEquals(p[0].taken.length, 1, "others have a budget of their own");
  lab.checkBalance();
});

Deno.test("Forwarder treats shuffled conversations as it treats runs", () => {
  const pairs = fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { minLength: 1, maxLength: 120 });
  fc.assert(
    fc.property(pairs, (conversations) => {
      const frames = conversations.map(([src, dst], number) =>
        frameOf(dst === 5 ? BROADCAST : mac(dst), mac(src === 3 ? 0 : 10 + src), { number })
      );
      const together = openLab(4), apart = openLab(4);
      together.lab.ingress(together.p[0], frames);
      for (const frame of frames) apart.lab.ingress(apart.p[0], [frame]);
      // Grouped by conversation, each stays in order, though one may overtake another.
      const grouped = openLab(4);
      const order = [...conversations.keys()].sort((a, b) =>
        `${conversations[a]}` < `${conversations[b]}` ? -1 : 1
      );
      grouped.lab.ingress(grouped.p[0], order.map((i) => frames[i]));
      assertEquals(together.lab.cells, apart.lab.cells);
      assertEquals(together.lab.cells, grouped.lab.cells);
      for (let i = 0; i < 4; i++) {
        assertEquals(together.p[i].taken, apart.p[i].taken);
        const sorted = (taken: Uint8Array[]) => numbersOf(taken).sort((a, b) => a - b);
        assertEquals(sorted(grouped.p[i].taken), numbersOf(together.p[i].taken));
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("Forwarder.forward() says where it stopped and counts only what it has done", () => {
  const { lab, p } = openLab(3, { queue: 4096, full: "pause" });
  p[1].room = 0;
  const to = (n: number, bytes: number) => frameOf(mac(n), mac(0), { bytes });
  lab.load([to(2, 60), to(1, 3000), to(1, 1000), to(1, 1000), to(2, 60)]);
  assertEquals(lab.forwarder.forward(p[0], 0), 3);
  assert(lab.forwarder.refusedBy === lab.egressOf(p[1]));
  assertEquals([lab.count(p[0], "rxFrames"), lab.count(p[0], "rxBytes")], [3, 4060]);
  p[1].room = Infinity;
  lab.egressOf(p[1]).retry();
  assertEquals(lab.forwarder.forward(p[0], 3), 5);
  lab.flush();
  assertEquals([taken(p), lab.drops(p[1])], [[0, 3, 2], {}]);
  assertEquals([lab.count(p[0], "rxFrames"), lab.count(p[0], "rxBytes")], [5, 5120]);
  lab.checkBalance();
});
