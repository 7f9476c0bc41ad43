/**
 * Pauses when somebody leaves, when memory is short, and over long runs.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RECORD_BYTES } from "../../src/port/batch.ts";
import { numbersOf, range } from "./frames.ts";
import { Lab } from "./lab.ts";
import { framesOf, openPausing, PAUSE_MS, recover } from "./pausing.ts";

Deno.test("Pauses goes on when the slow VM leaves", () => {
  const { lab, p } = openPausing(3);
  lab.ingress(p[1], [...framesOf(0, 1, 0, 6), ...framesOf(2, 1, 6, 2)]);
  p[0].gone = true;
  lab.egressOf(p[0]).retry();
  assertEquals(lab.goneOnes.length, 1);
  lab.leave(p[0]);
  assertEquals([p[1].readWanted, lab.pauses.isPaused(p[1])], [true, false]);
  // Two were parked for it: either lost with it, or flooded as nobody's.
  assertEquals(numbersOf(p[2].taken).slice(-2), [6, 7]);
  assertEquals(lab.drops(p[0])["peer-gone"]! + p[2].taken.length, 8);
  lab.checkBalance();
});

Deno.test("Pauses.forget() forwards what a leaving sender had parked", () => {
  const { lab, p } = openPausing(3);
  lab.ingress(p[1], [...framesOf(0, 1, 0, 6), ...framesOf(2, 1, 6, 2)]);
  const before = lab.arena.available;
  lab.leave(p[1]);
  assertEquals([numbersOf(p[2].taken), lab.drops(p[0])], [[6, 7], { "queue-full": 2 }]);
  assert(lab.arena.available > before);
  lab.checkBalance();
});

Deno.test("Pauses.forget() leaves no other VM marked as stuck", () => {
  const { lab, p } = openPausing(4);
  p[3].room = 0;
  // Its frames wait for VM 0 and behind that for VM 3, which is full as well.
  lab.ingress(p[2], framesOf(3, 2, 0, 4));
  lab.ingress(p[1], [...framesOf(0, 1, 10, 5), ...framesOf(3, 1, 20, 2)]);
  lab.leave(p[1]);
  lab.ingress(p[2], framesOf(0, 2, 30, 1));
  assertEquals(lab.pauses.isPaused(p[2]), true, "VM 0 is slow, not stuck");
  lab.checkBalance();
});

Deno.test("Pauses.park() drops and counts when the arena has no room for a parked batch", () => {
  const lab = new Lab(10 << 20);
  const p = [0, 1, 2].map(() => lab.join({ queue: 4096, full: "pause", pauseMs: PAUSE_MS }));
  for (const port of p) lab.fdb.learn(0x5254, port.row, port.row, lab.seconds);
  p[0].room = 0;
  lab.ingress(p[1], framesOf(0, 1, 0, 6));
  assert(lab.arena.available < 64 * RECORD_BYTES);
  lab.ingress(p[2], framesOf(0, 2, 10, 2)); // a VM must not be able to end the engine
  lab.checkBalance();
});

/** What happens in one step of a run: who sends how much, what the slow VM takes. */
interface Step {
  readonly sender: number;
  readonly count: number;
  readonly takes: number;
}

Deno.test("Pauses makes a path to a slow VM lossless and keeps each sender's order", () => {
  const step = fc.record({
    sender: fc.integer({ min: 1, max: 3 }),
    count: fc.nat(12),
    takes: fc.nat(4),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => slowRun(steps)),
    { numRuns: 80 },
  );
});

function slowRun(steps: readonly Step[]): void {
  const { lab, p } = openPausing(4, { pauseMs: 1000 });
  const sent = [0, 0, 0, 0];
  for (const { sender, count, takes } of steps) {
    // The kernel does not report a port that is not read; its VM's socket fills instead.
    if (p[sender].readWanted) {
      lab.ingress(p[sender], framesOf(0, sender, sender * 10_000 + sent[sender], count));
      sent[sender] += count;
    }
    p[0].room = takes;
    lab.wait(lab.now + 5);
    lab.checkBalance();
  }
  recover(lab, p[0]);
  const numbers = numbersOf(p[0].taken);
  for (const sender of [1, 2, 3]) {
    const mine = numbers.filter((number) => Math.floor(number / 10_000) === sender);
    assertEquals(mine, range(sender * 10_000, sender * 10_000 + sent[sender]));
    assertEquals([lab.drops(p[sender]), p[sender].readWanted], [{}, true]);
  }
  assertEquals(lab.drops(p[0]), {});
}
