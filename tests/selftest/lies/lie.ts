/**
 * A lie: a kernel that does something else than a kernel does, so that a probe is seen to fail.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import type { FakeKernel } from "../../support/fake_kernel.ts";

/** What a kernel does instead of what it should; `real` has the honest calls. */
export type Lie = (real: FakeKernel, kernel: FakeKernel) => Partial<Kernel>;

/** Lies by the probe that has to find them out, each in words, and with what the probe says then. */
export type Lies = Readonly<Record<string, readonly (readonly [string, Lie, RegExp])[]>>;

/** The same call, with another result in the place of an error. */
export function instead<A extends unknown[]>(
  call: (...args: A) => number,
  errno: number,
  result: number,
): (...args: A) => number {
  return (...args) => {
    const honest = call(...args);
    return honest === -errno ? result : honest;
  };
}

/** Let time pass in which nothing happens. */
export function pass(kernel: FakeKernel, microseconds: number): 0 {
  kernel.clock.now += microseconds / 1000;
  return 0;
}
