/**
 * A kernel whose reads and writes are done at once: a read finds what lies in the window already, a
 * write takes everything. And a switch around it that forwards nothing.
 *
 * @module
 */
import { COLUMNS, ROWS } from "../../src/engine/counters.ts";
import { CellTally } from "../../src/engine/tally.ts";
import { LINUX } from "../../src/platform/abi.ts";
import type { Vector } from "../../src/platform/vectors.ts";
import { Batch, Memory } from "../../src/port/batch.ts";
import type { Switch } from "../../src/port/port.ts";
import { FakeKernel } from "../../tests/support/fake_kernel.ts";

/** See the head of this file. */
export class InstantKernel extends FakeKernel {
  /** What the next reads answer. */
  readBytes = 0;

  override read(): number {
    return this.readBytes;
  }

  override write(_fd: number, vector: Vector, count: number): number {
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += vector.length(i);
    return bytes;
  }

  override watch(): number {
    return 0;
  }

  override setBuffers(): number {
    return 0;
  }
}

/** The switch as a port sees it, with nothing behind it. */
export class InstantSwitch implements Switch {
  readonly kernel = new InstantKernel();
  readonly memory = new Memory(this.kernel.arena, LINUX);
  readonly batch = new Batch();
  readonly tally = new CellTally(new Float64Array(ROWS * COLUMNS));
  readonly now = 0;
  readonly isGathering = false;
  readonly discardUntil = Infinity;
  /** Frames handed over. */
  frames = 0;

  ingress(): void {
    this.frames += this.batch.count;
  }

  enroll(): number {
    return 0;
  }

  watch(): number {
    return 0;
  }

  watchExit(): undefined {}
  dismiss(): void {}
  join(): void {}
  leave(): void {}
  writable(): void {}
  rewatch(): void {}
  unwatch(): void {}
  poll(): void {}
  unpoll(): void {}
  later(): void {}
  misdeclared(): void {}
  log(): void {}
}
