/**
 * The flood limit against a budget kept by hand.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Storm, STORM_BURST, STORM_RATE } from "../../src/engine/storm.ts";

Deno.test("Storm.allowed() gives a burst at once and then the rate", () => {
  const storm = new Storm(2);
  assertEquals(storm.allowed(0, 100_000, 4, 1e6), STORM_BURST / 4);
  assertEquals(storm.allowed(0, 1, 4, 1e6), 0);
  assertEquals(storm.allowed(0, 100_000, 4, 1e6 + 10), STORM_RATE / 100 / 4);
  assertEquals(storm.allowed(1, 100_000, 4, 1e6), STORM_BURST / 4, "rows do not share");
  assertEquals(storm.allowed(0, 100_000, 4, 2e6), STORM_BURST / 4, "no more than a burst is saved");
});

Deno.test("Storm.allowed() lets ordinary floods through whole", () => {
  const storm = new Storm(1);
  for (let ms = 0; ms < 1000; ms++) assertEquals(storm.allowed(0, 3, 50, ms), 3);
});

Deno.test("Storm.allowed() never exceeds the budget over any time, and always uses it up", () => {
  const call = fc.record({
    after: fc.double({ min: 0, max: 50, noNaN: true }),
    frames: fc.nat(5000),
    others: fc.integer({ min: 1, max: 1023 }),
  });
  fc.assert(fc.property(fc.array(call, { maxLength: 50 }), (calls) => {
    const storm = new Storm(1);
    let now = 0, copies = 0, budget = STORM_BURST;
    for (const { after, frames, others } of calls) {
      now += after;
      budget = Math.min(STORM_BURST, budget + after * STORM_RATE / 1000);
      const allowed = storm.allowed(0, frames, others, now);
      assert(Number.isInteger(allowed) && allowed >= 0 && allowed <= frames);
      copies += allowed * others;
      budget -= allowed * others;
      assert(budget > -1e-6, `${budget} left`);
      if (allowed < frames) assert(budget < others + 1e-6, "more would have been possible");
    }
    assert(copies <= STORM_BURST + now * STORM_RATE / 1000 + 1e-3);
  }));
});

Deno.test("Storm lets a port that was quiet flood a frame that becomes more than a burst", () => {
  const storm = new Storm(1);
  assertEquals(storm.allowed(0, 3, 2 * STORM_BURST, 1e6), 1);
  assertEquals(storm.allowed(0, 3, 2 * STORM_BURST, 1e6 + 1), 0);
  assertEquals(storm.allowed(0, 3, 2 * STORM_BURST, 1e6 + 1000), 1);
});
