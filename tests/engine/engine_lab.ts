/**
 * The engine over the fake kernel, with scripted ports.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  Column,
  COLUMNS,
  Counters,
  DROP_REASONS,
  dropColumn,
  SHARED_BYTES,
} from "../../src/engine/counters.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { FakeKernel } from "../support/fake_kernel.ts";
import { frameOf } from "./frames.ts";
import { ScriptedPort } from "./scripted_port.ts";

/** An engine, its events, and scripted ports. */
export class EngineLab {
  readonly kernel = new FakeKernel();
  readonly shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly logs: string[] = [];
  readonly states: string[] = [];
  readonly engine = new Engine(this.kernel, new Counters(this.shared), {
    log: (level, port, text) => this.logs.push(`${level} ${port}: ${text}`),
    port: (row, name, state) => this.states.push(`${row} ${name} ${state}`),
  }, Int32Array.of(1, 2));
  readonly #read = this.kernel.arena.take(4 << 20);
  #readBytes = 0;

  join(name: string, options: Partial<PortConfig> = {}): ScriptedPort {
    const row = this.engine.enroll(name);
    const port = new ScriptedPort(row, this.kernel.arena, this.engine.tally, { name, ...options });
    this.engine.join(port);
    return port;
  }

  /** A port has read these frames. */
  ingress(port: ScriptedPort, frames: readonly Uint8Array[]): void {
    const { batch, view } = this.engine;
    batch.count = 0;
    for (const frame of frames) {
      const at = this.#read + this.#readBytes + 4;
      this.kernel.arena.u8.set(frame, at);
      batch.add(view, at, frame.length, 0);
      this.#readBytes += 4 + frame.length;
    }
    this.engine.ingress(port);
    this.kernel.arena.u8.fill(0xee, this.#read, this.#read + this.#readBytes);
    this.#readBytes = 0;
  }

  /** Turns until `ms` milliseconds have passed, without an event to say so. */
  pass(ms: number): void {
    let over = false;
    this.engine.later(ms, () => void (over = true));
    this.engine.later(ms + 0.001, () => {}); // timers run before a wait: this one ends it
    this.engine.run(() => over);
  }

  cell(row: number, column: number): number {
    return this.engine.cells[row * COLUMNS + column];
  }

  checkBalance(): void {
    let into = 0, out = 0;
    for (let row = 0; row < 8; row++) {
      into += this.cell(row, Column.rxFrames) + this.cell(row, Column.copies);
      into += this.cell(row, Column.segments) + this.cell(row, Column.merges);
      out += this.cell(row, Column.txFrames) + this.cell(row, Column.queued);
      out += this.cell(row, Column.segmented) + this.cell(row, Column.merged);
      for (const reason of DROP_REASONS) out += this.cell(row, dropColumn(reason));
    }
    assertEquals(
      into,
      out,
      "rx + copies + segments + merges = tx + drops + queued + segmented + merged",
    );
  }
}

/** `count` frames of 1000 bytes, numbered from `first` on. */
export function thousands(dst: string, src: string, first: number, count: number): Uint8Array[] {
  return Array.from(
    { length: count },
    (_, i) => frameOf(dst, src, { number: first + i, bytes: 1000 }),
  );
}
