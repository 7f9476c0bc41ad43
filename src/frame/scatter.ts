/**
 * Frames in the memory of a guest: shown at a slot, and not copied there.
 *
 * A frame that a guest transmits lies in its memory, in one or several pieces, and may change at any time.
 * The switch wants it in one place, and to be what it was when it was looked at. So each such frame has a
 * slot with room for all of it, where only its **head** really is: what was looked at. The rest is there in
 * name, and where it really is say the pieces. Bytes in front of `head` are those of the slot, whatever has
 * become of the guest's own; bytes behind it are the guest's. Most frames leave by another guest's
 * ring or by a vector of pieces, and are never copied to their slot: whoever has to read or rewrite more
 * of a frame than its head {@linkcode Scatter.pull | pulls} it, and from then on it is a frame like any other.
 *
 * Length prefix and vnet header stand in front of the frame in the slot, as they do everywhere.
 *
 * @module
 */
import { type Headers, Kind } from "./headers.ts";
import { copyFew, FEW_BYTES } from "./windows.ts";

/** Frames that one batch of a guest holds. */
export const SCATTER_SLOTS = 128;
/** Longest frame of a slot: QEMU's NET_BUFSIZE, as for every port. */
const FRAME_BYTES = 69_632;
/** Room in front of a frame, for its length and vnet header; with them a head is one line of the cache. */
const LEAD_BYTES = 16;
/** Distance of slots: an odd number of cache lines, so that heads are spread over all sets of the cache. */
const SLOT_BYTES = FRAME_BYTES + 3 * 64;
/** Bytes of memory of all slots. */
export const SCATTER_BYTES = SCATTER_SLOTS * SLOT_BYTES;
/** Pieces of all frames of a batch. */
const PIECES = 4096;
/** Pieces of one frame that are worth sending as such. */
export const FRAME_PIECES = 64;
/** Bytes that hold the headers of nearly all frames. */
const EXPOSED = 256;

/** See the head of this file. */
export class Scatter {
  /** Where each piece is in the arena, beyond 2^32 perhaps; those of one frame cover all of it, one after the other. */
  readonly pieceAt: Float64Array = new Float64Array(PIECES);
  readonly pieceLength: Int32Array = new Int32Array(PIECES);
  /** Pieces of all frames so far. */
  pieces = 0;
  /** First piece of the frame of each slot, and the piece behind its last. */
  readonly first: Int32Array = new Int32Array(SCATTER_SLOTS);
  readonly end: Int32Array = new Int32Array(SCATTER_SLOTS);
  /** Bytes of the frame of each slot that are in the slot. */
  readonly head: Int32Array = new Int32Array(SCATTER_SLOTS);
  readonly #view: DataView;
  readonly #u8: Uint8Array;
  readonly #base: number;
  readonly #bytes: number;

  /**
   * @param base offset of the slots
   * @param bytes of them: {@linkcode SCATTER_BYTES}, or 0 where there are no guests
   */
  constructor(view: DataView, u8: Uint8Array, base: number, bytes: number = SCATTER_BYTES) {
    this.#view = view;
    this.#u8 = u8;
    this.#base = base;
    this.#bytes = bytes;
  }

  /** Forget all frames. */
  begin(): void {
    this.pieces = 0;
  }

  /** Where the frame of a slot is. */
  at(slot: number): number {
    return this.#base + LEAD_BYTES + slot * SLOT_BYTES;
  }

  /** True when the frame at `at` is one of these. */
  holds(at: number): boolean {
    return (at - this.#base) >>> 0 < this.#bytes;
  }

  /** The slot of a frame that is {@linkcode holds | held}. */
  slotOf(at: number): number {
    return ((at - this.#base) / SLOT_BYTES) | 0;
  }

  /** Have at least the first `bytes` bytes of a frame in its slot: all of it, when that is its length. */
  pull(at: number, bytes: number): void {
    const slot = this.slotOf(at), head = this.head[slot];
    if (head >= bytes) return;
    this.#copyPieces(at, slot, head, bytes);
    this.head[slot] = bytes;
  }

  /**
   * Have as much of a frame in its slot as `headers.walk(view, at, length)` will read: the headers of TCP and UDP are
   * looked for in its first bytes as if it ended there; when they are not all there, the whole frame is pulled.
   */
  expose(at: number, length: number, headers: Headers): void {
    if (this.head[this.slotOf(at)] === length) return;
    const most = Math.min(length, EXPOSED);
    this.pull(at, most);
    if (most === length) return;
    headers.walk(this.#view, at, most);
    if (headers.kind === Kind.OTHER) this.pull(at, length);
  }

  /** Copy what is not in the slot to where it belongs in a frame at offset `to`. */
  copyRest(to: number, at: number, length: number): void {
    const slot = this.slotOf(at), head = this.head[slot], first = this.first[slot];
    if (head === length) return;
    if (this.end[slot] - first === 1) {
      const from = this.pieceAt[first];
      this.#u8.copyWithin(to + head, from + head, from + length);
    } else this.#copyPieces(to, slot, head, length);
  }

  /** Copy the whole frame to offset `to`: quickly when that is in the slab. */
  copy(to: number, at: number, length: number): void {
    const head = this.head[this.slotOf(at)];
    this.copyRest(to, at, length);
    if (head > FEW_BYTES) this.#u8.copyWithin(to, at, at + head);
    else copyFew(this.#view, to, this.#view, at, head);
  }

  /** Copy bytes `from` .. `until - 1` of the frame of a slot to where they belong in a frame at `to`. */
  #copyPieces(to: number, slot: number, from: number, until: number): void {
    const { pieceAt, pieceLength } = this, u8 = this.#u8, end = this.end[slot];
    let done = 0;
    for (let i = this.first[slot]; i < end && done < until; i++) {
      const stop = Math.min(until, done + pieceLength[i]);
      if (stop > from) {
        const start = Math.max(from, done), source = pieceAt[i] - done;
        u8.copyWithin(to + start, source + start, source + stop);
      }
      done += pieceLength[i];
    }
  }
}

/** For memory without guests. */
export const NO_SCATTER: Scatter = new Scatter(
  new DataView(new ArrayBuffer(0)),
  new Uint8Array(),
  0,
  0,
);
