/**
 * A port without a socket: a test says how many frames its VM takes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { NO_SCATTER, type Scatter } from "../../src/frame/scatter.ts";
import type { Gather } from "../../src/offload/gather.ts";
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
  unfinished = 0;
  /** Bytes of the unfinished frame that the next call writes. */
  finishes = 0;
  framed = false;
  scatters = false;
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
  readonly #scatter: Scatter;

  constructor(
    row: number,
    arena: Arena,
    tally: Tally,
    options: Partial<PortConfig> = {},
    scatter: Scatter = NO_SCATTER,
  ) {
    this.#scatter = scatter;
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
    this.unfinished -= Math.min(this.unfinished, this.finishes);
    this.finishes = 0;
    const n = Math.min(this.room, count - from);
    this.room -= n;
    const lead = this.config.vnetHdr;
    let bytes = 0;
    for (let i = from; i < from + n; i++) {
      const written = this.#arena.view.getUint32(at[i] - lead - HEADROOM);
      assertEquals(written, lead + length[i], "length in front");
      this.taken.push(this.#wire(at[i], length[i]));
      bytes += length[i];
    }
    this.#tally.sent(this.row, n, bytes);
    return n;
  }

  #wire(at: number, length: number): Uint8Array {
    const { u8 } = this.#arena, scatter = this.#scatter, lead = this.config.vnetHdr;
    if (!scatter.holds(at)) return u8.slice(at - lead, at + length);
    assert(this.scatters, "the frame is in a guest's memory");
    const to = this.#arena.take(length), wire = new Uint8Array(lead + length);
    scatter.copy(to, at, length);
    wire.set(u8.subarray(at - lead, at));
    wire.set(u8.subarray(to, to + length), lead);
    this.#arena.give(to);
    return wire;
  }

  txGather(gather: Gather): number {
    this.offers.push(gather.frames);
    if (this.gone) return TX_GONE;
    const n = Math.min(this.room, gather.frames);
    this.room -= n;
    let bytes = 0;
    for (let i = 0; i < n; i++) {
      const frame = gathered(this.#arena, gather, i);
      this.taken.push(frame);
      bytes += frame.length - this.config.vnetHdr;
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

/** Frame `i` of a gather as it is on the wire, without the length a stream puts in front. */
export function gathered(arena: Arena, gather: Gather, i: number): Uint8Array {
  const bytes: number[] = [];
  for (let piece = gather.first[i]; piece < gather.first[i + 1]; piece++) {
    const at = gather.pieceAt[piece];
    bytes.push(...arena.u8.subarray(at, at + gather.pieceLength[piece]));
  }
  const frame = Uint8Array.from(bytes);
  if (!gather.framed) return frame;
  assertEquals(new DataView(frame.buffer).getUint32(0), frame.length - HEADROOM, "length in front");
  return frame.subarray(HEADROOM);
}
