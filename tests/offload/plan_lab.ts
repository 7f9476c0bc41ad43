/**
 * A planner over guarded memory: frames in as a port has read them, frames out as they are on the wire.
 *
 * @module
 */
import { assert } from "@std/assert";
import { type Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Headers } from "../../src/frame/headers.ts";
import { acceptVnet } from "../../src/offload/accept.ts";
import { Planner } from "../../src/offload/plan.ts";
import { needs, NO_OFFLOAD, type Policy } from "../../src/offload/policy.ts";

/** Most frames of a batch. */
export const FRAMES = 512;
const READ_BYTES = 16 << 20;
/** In front of each frame there is room for a length, and what is left of this is guarded. */
const ROOM = 32, LENGTH_BYTES = 4;
/** Guarded memory in front of the scratch memory, behind it, and behind the last frame. */
const GUARD = 4096, CANARY = 0xa5;
const SCRATCH = GUARD, SCRATCH_END = SCRATCH + GATHER_SCRATCH, READ = SCRATCH_END + GUARD;

/** A policy; what is not given is nothing. */
export function policyOf(options: Partial<Policy>): Policy {
  return { ...NO_OFFLOAD, ...options };
}

/** See the head of this file. */
export class PlanLab {
  readonly u8: Uint8Array = new Uint8Array(READ + READ_BYTES).fill(CANARY);
  readonly view: DataView = new DataView(this.u8.buffer);
  readonly planner: Planner = new Planner(this.view, SCRATCH, FRAMES);
  readonly at: Int32Array = new Int32Array(FRAMES);
  readonly length: Int32Array = new Int32Array(FRAMES);
  readonly #headers = new Headers();
  /** Frames loaded, but for those that were refused. */
  count = 0;
  /** Bytes between the guards: each record loaded, refused or not. */
  readonly #records: (readonly [from: number, to: number])[] = [];

  /** Lay frames as they are on the wire of a port with `policy`; returns how many were refused. */
  load(wires: readonly Uint8Array[], policy: Policy): number {
    let at = READ, refused = 0;
    this.#clear();
    for (const wire of wires) {
      at += ROOM;
      const lead = policy.vnetHdr, bytes = wire.length - lead;
      this.u8.set(wire, at);
      this.view.setUint32(at - LENGTH_BYTES, wire.length);
      this.#records.push([at - LENGTH_BYTES, at + wire.length]);
      const code = lead === 0
        ? 0
        : acceptVnet(this.view, at, lead, at + lead, bytes, policy.sends, this.#headers);
      if (code !== 0) refused++;
      else {
        this.at[this.count] = at + lead;
        this.length[this.count++] = bytes;
      }
      at += wire.length;
    }
    return refused;
  }

  /** Plan what was loaded for a port with `egress`; what is on its wire. */
  send(ingress: Policy, egress: Policy, framed = false): Uint8Array[] {
    const { planner } = this, { gather } = planner;
    const need = needs(ingress, egress), out: Uint8Array[] = [];
    planner.begin(ingress, egress, need, this.at, this.length, 0, this.count);
    for (let more = true; more;) {
      more = planner.fill(framed);
      for (let i = 0; i < gather.frames; i++) out.push(wireOf(this.u8, gather, i));
    }
    return out;
  }

  /** The bytes of loaded frame `i` as they are now, without what is in front of it. */
  loaded(i: number): Uint8Array {
    return this.u8.slice(this.at[i], this.at[i] + this.length[i]);
  }

  /** Fails when a byte was written that belongs neither to the scratch memory nor to a frame. */
  checkCanaries(): void {
    this.#checkGuard(0, SCRATCH);
    let free = SCRATCH_END;
    for (const [from, to] of this.#records) {
      this.#checkGuard(free, from);
      free = to;
    }
    this.#checkGuard(free, Math.max(free, READ) + GUARD);
  }

  #checkGuard(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      if (this.u8[at] !== CANARY) {
        assert(false, `byte ${at} of the guard ${from} .. ${to} was written`);
      }
    }
  }

  #clear(): void {
    const end = this.#records.at(-1)?.[1] ?? READ;
    this.u8.fill(CANARY, READ, end);
    this.#records.length = 0;
    this.count = 0;
  }
}

/** Frame `i` of a gather as it is on the wire, without the length a stream puts in front. */
export function wireOf(u8: Uint8Array, gather: Gather, i: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let piece = gather.first[i]; piece < gather.first[i + 1]; piece++) {
    const at = gather.pieceAt[piece];
    pieces.push(u8.slice(at, at + gather.pieceLength[piece]));
  }
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  if (!gather.framed) return bytes;
  const length = new DataView(bytes.buffer).getUint32(0);
  if (length !== bytes.length - 4) throw new Error(`The length in front says ${length}`);
  return bytes.subarray(4);
}
