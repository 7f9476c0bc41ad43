/**
 * One-shot timers in virtual time.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Timers } from "../../src/engine/timers.ts";

Deno.test("Timers.run() runs what is due, once, and says when the next is", () => {
  const timers = new Timers(), ran: string[] = [];
  assertEquals(timers.run(1e9), Infinity);
  timers.add(30, () => ran.push("c"));
  timers.add(10, () => ran.push("a"));
  timers.add(20, () => ran.push("b"));
  assertEquals([timers.run(9.99), ran], [10, []]);
  assertEquals([timers.run(10), ran], [20, ["a"]]);
  assertEquals([timers.run(29), ran], [30, ["a", "b"]]);
  assertEquals([timers.run(31), ran], [Infinity, ["a", "b", "c"]]);
  assertEquals([timers.run(1e9), ran.length], [Infinity, 3]);
});

Deno.test("Timers.run() keeps the order of timers for the same time", () => {
  const timers = new Timers(), ran: number[] = [];
  for (let i = 0; i < 5; i++) timers.add(7, () => ran.push(i));
  timers.run(7);
  assertEquals(ran, [0, 1, 2, 3, 4]);
});

Deno.test("Timers.run() leaves what an action adds for later, even if it is due", () => {
  const timers = new Timers(), ran: string[] = [];
  const again = (): void => {
    ran.push("tick");
    timers.add(10, again); // due at once: must not run for ever
  };
  timers.add(10, again);
  assertEquals([timers.run(10), ran], [10, ["tick"]]);
  assertEquals([timers.run(10), ran], [10, ["tick", "tick"]]);
});

Deno.test("Timers.run() runs every timer exactly once and never early, whatever the steps", () => {
  const times = fc.array(fc.nat(1000), { maxLength: 30 });
  const steps = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 });
  fc.assert(fc.property(times, steps, (ats, widths) => {
    const timers = new Timers(), ran = new Map<number, number>();
    let now = 0;
    ats.forEach((at, i) => timers.add(at, () => ran.set(i, now)));
    for (const width of [...widths, 2000]) {
      const before = now;
      now += width;
      const next = timers.run(now);
      ats.forEach((at, i) => {
        if (at <= now) assertEquals(ran.has(i), true);
        if (at > before && at <= now) assertEquals(ran.get(i), now);
        if (at > now) assertEquals(ran.has(i), false);
      });
      assertEquals(next, Math.min(Infinity, ...ats.filter((at) => at > now)));
    }
  }));
});
