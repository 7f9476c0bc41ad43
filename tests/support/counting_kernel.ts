/**
 * The fake kernel, counting the calls made to it: how often a switch turns, accepts or sends is what tells
 * waiting from spinning.
 *
 * @module
 */
import { FakeKernel } from "./fake_kernel.ts";
import type { FaultCall } from "./faults.ts";

/** See the head of this file. */
export class CountingKernel extends FakeKernel {
  readonly calls: Map<FaultCall, number> = new Map();
  /** Descriptors the last wait found ready. */
  found = 0;

  override wait(microseconds: number): number {
    return this.found = super.wait(microseconds);
  }

  /** Calls of `name` until now. */
  callsOf(name: FaultCall): number {
    return this.calls.get(name) ?? 0;
  }

  protected override call(
    name: FaultCall,
    fd: number,
    body: (limit: number) => number,
  ): number {
    this.calls.set(name, this.callsOf(name) + 1);
    return super.call(name, fd, body);
  }
}
