/**
 * The recipe of enobufs_test.ts on the real Linux kernel, in real time and so bounded by counts: what is delivered is
 * what was sent minus counted drops, in order; all of it arrives although the kernel never tells that there is room;
 * and the switch stops when it is told to.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { checkDelivered } from "./eight_streams.ts";
import { RealStress } from "./real_stress.ts";

/** Bursts of every VM: some ten thousand frames. */
const BURSTS = 400;

const linux = Deno.build.os === "linux";
const skip = linux ? "" : ` [SKIPPED: ${Deno.build.os} is no Linux]`;

function descriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

function stress(seed: number, lost: "half" | "all"): void {
  using run = new RealStress(seed, lost);
  const { lab, guests, refusals } = run;
  refusals.on = true;
  run.run(BURSTS);
  run.drain();
  checkDelivered(lab, guests);
  const fulls = lab.sum("fulls"), drops = lab.sum("queue-full");
  assertEquals(lab.sum("fullsOver"), fulls);
  assertEquals(lab.sum("retries"), refusals.refused);
  assert(
    fulls > 100 && drops < run.tag / 2,
    `${fulls} times full, ${drops} of ${run.tag} lost`,
  );
  // Told to stop in the middle of it all, it stops.
  refusals.on = true;
  run.burst();
  lab.run(0.2);
  lab.stop();
}

for (const lost of ["half", "all"] as const) {
  Deno.test({
    name: `the Linux kernel: eight streams while sends are refused at random and ${lost} of the ` +
      `writable events are lost${skip}`,
    ignore: !linux,
    fn: () => {
      const before = descriptors();
      const property = fc.property(fc.integer(), (seed) => stress(seed, lost));
      fc.assert(property, { numRuns: 2, endOnFailure: true });
      assertEquals(descriptors(), before);
    },
  });
}
