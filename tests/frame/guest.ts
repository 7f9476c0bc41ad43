/**
 * A guest whose memory we share, by hand: it shows frames as a vhost-user port does (src/port/vhost_user/),
 * cut into pieces that lie anywhere, and may change its memory whenever a test wants it to.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Headers } from "../../src/frame/headers.ts";
import type { Scatter } from "../../src/frame/scatter.ts";
import { acceptVnet } from "../../src/offload/accept.ts";
import type { Policy } from "../../src/offload/policy.ts";

/** Bytes of a frame that a port copies, at least. */
const HEAD_BYTES = 20;
/** Between two pieces; nobody may write there. */
const GAP = 5;

/** How a frame lies in a guest: where it is cut, and bytes of it that are copied. */
export interface Lie {
  readonly cuts: readonly number[];
  readonly head: number;
}

/** A frame in one piece, or in some, or in more than are worth sending as such; all sizes of heads. */
export const lies: fc.Arbitrary<Lie> = fc.record({
  cuts: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 6, arbitrary: fc.array(fc.nat(70_000), { maxLength: 6 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(200), { minLength: 66, maxLength: 120, size: "max" }) },
  ),
  head: fc.oneof(fc.constant(HEAD_BYTES), fc.nat(300), fc.constant(70_000)),
});

/** See the head of this file. */
export class Guest {
  readonly scatter: Scatter;
  readonly #view: DataView;
  readonly #u8: Uint8Array;
  readonly #memory: number;
  readonly #headers = new Headers();
  /** Where the pieces of this batch are, what they were, and how much of it had been copied. */
  readonly #placed: { at: number; bytes: Uint8Array; copied: number }[] = [];
  #free: number;

  /** @param memory offset of the guest's own, as much as the frames of a batch need; above 2^32 perhaps */
  constructor(view: DataView, u8: Uint8Array, scatter: Scatter, memory: number) {
    this.scatter = scatter;
    this.#view = view;
    this.#u8 = u8;
    this.#memory = this.#free = memory;
  }

  /** Begin a batch. */
  begin(): void {
    this.scatter.begin();
    this.#placed.length = 0;
    this.#free = this.#memory;
  }

  /** Show a frame, behind the vnet header that `policy` says, at a slot; slots are filled in order. */
  place(slot: number, wire: Uint8Array, lead: number, { cuts, head }: Lie): void {
    const { scatter } = this, frame = wire.subarray(lead), at = scatter.at(slot);
    const own = Math.min(frame.length, Math.max(HEAD_BYTES, head));
    const bounds = [...new Set(cuts.map((cut) => cut % (frame.length + 1)))].sort((a, b) => a - b);
    const ends = [...bounds.filter((cut) => cut > 0 && cut < frame.length), frame.length];
    scatter.first[slot] = scatter.pieces;
    let from = 0;
    for (const end of ends) {
      this.#lay(frame.slice(from, end), Math.max(0, Math.min(end, own) - from));
      from = end;
    }
    scatter.end[slot] = scatter.pieces;
    scatter.head[slot] = own;
    this.#u8.set(wire.subarray(0, lead + own), at - lead);
    this.#view.setUint32(at - lead - 4, wire.length);
  }

  /** As {@linkcode place}, and judge the header as a port does; returns the verdict. */
  show(slot: number, wire: Uint8Array, { vnetHdr, sends }: Policy, lie: Lie): number {
    assert(vnetHdr !== 0, "guests have a vnet header");
    const at = this.scatter.at(slot), length = wire.length - vnetHdr;
    this.place(slot, wire, vnetHdr, lie);
    if (wire[1] !== 0) this.scatter.expose(at, length, this.#headers);
    return acceptVnet(this.#view, at - vnetHdr, vnetHdr, at, length, sends, this.#headers);
  }

  /** Change all bytes that had been copied when they were shown. */
  forget(): void {
    for (const { at, copied } of this.#placed) this.#u8.fill(0xff, at, at + copied);
  }

  /** Change bytes anywhere in the frames of this batch. */
  change(seed: number): void {
    let state = seed | 1;
    for (const { at, bytes } of this.#placed) {
      state = Math.imul(state, 1_103_515_245) + 12_345 | 0;
      const from = (state >>> 8) % (bytes.length + 1), value = state >>> 24;
      this.#u8.fill(value, at + from, at + Math.min(bytes.length, from + (value & 15)));
    }
  }

  /** Change every byte of the frames of this batch. */
  wipe(): void {
    for (const { at, bytes } of this.#placed) this.#u8.fill(0xff, at, at + bytes.length);
  }

  /** True when these bytes belong to the frames of this batch. */
  holds(at: number, length: number): boolean {
    return this.#placed.some((piece) =>
      at >= piece.at && at + length <= piece.at + piece.bytes.length
    );
  }

  /** Fails when anybody but the guest has changed its memory. */
  checkUnchanged(): void {
    for (const { at, bytes } of this.#placed) {
      assertEquals(this.#u8.slice(at, at + bytes.length), bytes, `memory of the guest at ${at}`);
    }
  }

  #lay(bytes: Uint8Array, copied: number): void {
    const { scatter } = this, at = this.#free;
    this.#free += bytes.length + GAP;
    this.#u8.set(bytes, at);
    this.#placed.push({ at, bytes, copied });
    scatter.pieceAt[scatter.pieces] = at;
    scatter.pieceLength[scatter.pieces++] = bytes.length;
  }
}
