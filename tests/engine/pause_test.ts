/**
 * `full=pause`: senders wait for a slow VM, not for a stuck one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { BROADCAST, frameOf, mac, numbersOf, range } from "./frames.ts";
import { framesOf, openPausing, PAUSE_MS, recover } from "./pausing.ts";

Deno.test("Pauses parks what does not fit, stops reading, and loses nothing", () => {
  const { lab, p } = openPausing(3);
  lab.ingress(p[1], framesOf(0, 1, 0, 10));
  assertEquals([lab.pauses.isPaused(p[1]), p[1].readWanted], [true, false]);
  assertEquals([lab.pauses.framesOf(p[1]), lab.egressOf(p[0]).queued], [6, 4]);
  assertEquals([lab.count(p[1], "pauses"), lab.count(p[1], "rxFrames")], [1, 4]);
  recover(lab, p[0]);
  assertEquals(numbersOf(p[0].taken), range(0, 10));
  assertEquals([lab.pauses.isPaused(p[1]), p[1].readWanted], [false, true]);
  assertEquals([lab.drops(p[0]), lab.drops(p[1]), lab.count(p[1], "rxFrames")], [{}, {}, 10]);
  lab.checkBalance();
});

Deno.test("Pauses puts what a paused port had read already behind its parked frames", () => {
  const { lab, p } = openPausing(3);
  lab.ingress(p[1], framesOf(0, 1, 0, 6));
  lab.ingress(p[1], framesOf(0, 1, 6, 3));
  lab.ingress(p[1], framesOf(2, 1, 9, 1)); // not for the slow VM, yet it must not overtake
  assertEquals([lab.pauses.framesOf(p[1]), p[2].taken.length], [6, 0]);
  recover(lab, p[0]);
  assertEquals([numbersOf(p[0].taken), numbersOf(p[2].taken)], [range(0, 9), [9]]);
  assertEquals([lab.count(p[1], "pauses"), p[1].readWanted], [1, true]);
  lab.checkBalance();
});

Deno.test("Pauses stops the senders to a slow VM, and nobody else", () => {
  const { lab, p } = openPausing(4);
  lab.ingress(p[1], framesOf(0, 1, 0, 6));
  lab.ingress(p[2], framesOf(3, 2, 50, 6));
  lab.ingress(p[3], framesOf(2, 3, 70, 6));
  lab.ingress(p[3], framesOf(1, 3, 80, 6));
  assertEquals(p.map((port) => port.readWanted), [true, false, true, true]);
  assertEquals(p.map((port) => port.taken.length), [0, 6, 6, 6]);
});

Deno.test("Pauses lets nobody wait for a flood", () => {
  const { lab, p } = openPausing(3);
  const flood = range(0, 6).map((number) => frameOf(BROADCAST, mac(1), { number, bytes: 1000 }));
  lab.ingress(p[1], flood);
  assertEquals([lab.pauses.isPaused(p[1]), p[2].taken.length], [false, 6]);
  assertEquals(lab.drops(p[0]), { "queue-full": 2 });
  lab.checkBalance();
});

Deno.test("Pauses never pauses a port that cannot be paused, nor for a port with full=drop", () => {
  const stubborn = openPausing(2);
  stubborn.p[1].pausable = false;
  const dropping = openPausing(2, { full: "drop" });
  for (const { lab, p } of [stubborn, dropping]) {
    lab.ingress(p[1], framesOf(0, 1, 0, 6));
    assertEquals([lab.pauses.isPaused(p[1]), p[1].readWanted], [false, true]);
    assertEquals([lab.drops(p[0]), lab.count(p[1], "pauses")], [{ "queue-full": 2 }, 0]);
    lab.checkBalance();
  }
});

Deno.test("Pauses lets go after pause-ms: a stuck VM holds up others once", () => {
  const { lab, p } = openPausing(4);
  const start = lab.now;
  lab.ingress(p[1], framesOf(0, 1, 0, 6));
  lab.wait(start + PAUSE_MS - 0.5);
  assertEquals([p[1].readWanted, lab.pauses.expire()], [false, start + PAUSE_MS]);
  lab.ingress(p[2], framesOf(0, 2, 100, 3)); // a second sender does not get a time of its own
  lab.wait(start + PAUSE_MS);
  assertEquals([p[1].readWanted, p[2].readWanted], [true, true]);
  assertEquals([lab.drops(p[0]), lab.pauses.expire()], [{ "queue-full": 5 }, Infinity]);
  for (const sender of [1, 2, 3, 1]) lab.ingress(p[sender], framesOf(0, sender, 200, 2));
  assertEquals(p.map((port) => port.readWanted), [true, true, true, true]);
  assertEquals(p.map((port) => lab.count(port, "pauses")), [0, 1, 1, 0]);
  assertEquals(lab.drops(p[0]), { "queue-full": 13 });
  lab.checkBalance();
});

Deno.test("Pauses waits again for a VM that has recovered", () => {
  const { lab, p } = openPausing(2);
  lab.ingress(p[1], framesOf(0, 1, 0, 6));
  lab.wait(lab.now + PAUSE_MS);
  recover(lab, p[0]);
  assertEquals(numbersOf(p[0].taken), range(0, 4));
  p[0].room = 0;
  lab.ingress(p[1], framesOf(0, 1, 10, 6));
  assertEquals([lab.pauses.isPaused(p[1]), lab.count(p[1], "pauses")], [true, 2]);
  recover(lab, p[0]);
  assertEquals(numbersOf(p[0].taken), [...range(0, 4), ...range(10, 16)]);
  lab.checkBalance();
});

Deno.test("Pauses with pause-ms=0 lets go in the same turn", () => {
  const { lab, p } = openPausing(2, { pauseMs: 0 });
  lab.ingress(p[1], framesOf(0, 1, 0, 6));
  assertEquals(lab.pauses.expire(), Infinity);
  assertEquals([p[1].readWanted, lab.drops(p[0])], [true, { "queue-full": 2 }]);
});
