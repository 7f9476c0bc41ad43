/**
 * A port without a socket: a test says how many frames its VM takes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Arena } from "../../src/platform/arena.ts";
import { HEADROOM } from "../../src/port/batch.ts";
import { PORT_DEFAULTS, type PortConfig } from "../../src/port/config.ts";
import { type Port, type Tally, TX_GONE } from "../../src/port/port.ts";

/** The configuration of a port of a test; what it does not name is as on the command line. */
export function configOf(name: string, options: Partial<PortConfig> = {}): PortConfig {
  const fixed = { name, kind: "scripted", target: name, clients: "replace" } as const;
  return { ...PORT_DEFAULTS, ...fixed, ...options };
}

/** See the head of this file. */
export class ScriptedPort implements Port {
  readonly name: string;
  readonly row: number;
  readonly config: PortConfig;
  pausable = true;
  unfinished = false;
  /** Frames the VM takes before it is full. */
  room = Infinity;
  /** The VM is gone: nothing can be sent any more. */
  gone = false;
  /** What it took, in order. */
  readonly taken: Uint8Array[] = [];
  /** Frames offered by each call of {@linkcode tx}. */
  readonly offers: number[] = [];
  /** The last of each kind asked for. */
  writeWanted = false;
  readWanted = true;
  /** Why it was lost, each time. */
  readonly losses: string[] = [];
  readonly #arena: Arena;
  readonly #tally: Tally;

  constructor(
    row: number,
    arena: Arena,
    tally: Tally,
    options: Partial<PortConfig> = {},
  ) {
    this.row = row;
    this.config = configOf(`port${row}`, options);
    this.name = this.config.name;
    this.#arena = arena;
    this.#tally = tally;
  }

  ready(): void {}

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    this.offers.push(count - from);
    if (this.gone) return TX_GONE;
    const n = Math.min(this.room, count - from);
    this.room -= n;
    let bytes = 0;
    for (let i = from; i < from + n; i++) {
      assertEquals(this.#arena.view.getUint32(at[i] - HEADROOM), length[i], "length in front");
      this.taken.push(this.#arena.u8.slice(at[i], at[i] + length[i]));
      bytes += length[i];
    }
    this.#tally.sent(this.row, n, bytes);
    return n;
  }

  wantWrite(on: boolean): void {
    this.writeWanted = on;
  }

  wantRead(on: boolean): void {
    this.readWanted = on;
  }

  lose(reason: string): void {
    this.losses.push(reason);
  }
}
