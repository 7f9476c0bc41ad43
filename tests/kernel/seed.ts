/**
 * How random the kernel's tests are: the same numbers every time, unless asked for others.
 *
 * `KERNEL_SEED=7 deno task test:kernel` tries others, `KERNEL_SEED=random` others every time; a failing test
 * prints its seed. `KERNEL_RUNS=10` tries ten times as many.
 *
 * @module
 */
import { say } from "../support/time.ts";

const asked = Deno.env.get("KERNEL_SEED") ?? "1";
/** Seed of all that is random here. */
export const SEED: number = asked === "random"
  ? Math.trunc(Math.random() * 0x7fff_ffff)
  : Number(asked);
const times = Number(Deno.env.get("KERNEL_RUNS") ?? 1);
if (!Number.isInteger(SEED) || !(times > 0)) {
  throw new Error("KERNEL_SEED is a number or random, KERNEL_RUNS a number");
}

/** Parameters of a property that is tried `numRuns` times. */
export function runs(numRuns: number): { numRuns: number; seed: number } {
  return { numRuns: Math.ceil(numRuns * times), seed: SEED };
}

say(`KERNEL_SEED=${SEED}`);
