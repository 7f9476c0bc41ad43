import { assert } from "@std/assert";
import fc from "fast-check";
import { type Attack, ATTACKS } from "./hostile_guest.ts";
import { HostileLab, type HostilePlan } from "./hostile_lab.ts";

const attack = fc.record({
  what: fc.constantFrom<Attack | "reboot">(...ATTACKS, ...ATTACKS, "reboot"),
  seed: fc.integer(),
  turns: fc.integer({ min: 0, max: 4 }),
  asleep: fc.boolean(),
  frames: fc.integer({ min: 0, max: 3 }),
  length: fc.oneof(fc.integer({ min: 60, max: 1514 }), fc.integer({ min: 60, max: 65_000 })),
  provoked: fc.integer({ min: 0, max: 20 }),
});
const plan: fc.Arbitrary<HostilePlan> = fc.record({
  full: fc.constantFrom("pause" as const, "drop" as const),
  other: fc.constantFrom("stream" as const, "dgram" as const),
  queue: fc.constantFrom(140_000, 1 << 20),
});

Deno.test("hostile guest: whatever it writes, whenever, the others lose nothing and it alone goes down", () => {
  let down = 0;
  fc.assert(
    fc.property(plan, fc.array(attack, { minLength: 20, maxLength: 60 }), (plan, attacks) => {
      const lab = new HostileLab(plan);
      try {
        for (const { what, seed, turns, asleep, frames, length, provoked } of attacks) {
          if (what === "reboot" || !lab.up.includes("h")) lab.hostile.reboot();
          else lab.hostile.act(what, seed);
          for (let i = 0; i < provoked; i++) lab.provoke(length);
          lab.talk(frames, length);
          lab.turns(turns, asleep);
          if (!lab.up.includes("h")) down++;
        }
        lab.check();
        lab.recover();
        lab.check();
        lab.close();
      } catch (error) {
        throw new Error(`${error}; ${lab.text}`, { cause: error });
      }
    }),
    { numRuns: 150, endOnFailure: true },
  );
  assert(down > 10, `its port was down ${down} times only`);
});
