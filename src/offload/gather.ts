/**
 * Frames as they are to be sent when they are not sent as they lie: each a list of pieces.
 *
 * A frame that was cut, put together or given another header is a **prefix** in scratch memory (stream
 * length, vnet header, rewritten protocol headers, in this order) and **bodies**, slices of what was
 * received; bodies are never copied. Pieces are bytes of the wire: a datagram is the pieces of one frame, a
 * stream takes the pieces of many frames one after the other.
 *
 * @module
 */
import { FRAME_PIECES, NO_SCATTER, type Scatter } from "../frame/scatter.ts";
import type { VnetBytes } from "./policy.ts";

/** Frames, and pieces of frames, that are gathered before they are sent. */
export const GATHER_FRAMES = 1024, GATHER_PIECES = 4096;
/** Bytes of prefixes. */
export const GATHER_SCRATCH = 256 * 1024;
/** Most bytes in front of the headers of a frame: a stream length and a vnet header. */
const LEAD_BYTES = 16;

/** See the head of this file. */
export class Gather {
  /** Frames gathered. */
  frames = 0;
  /** Pieces gathered. */
  pieces = 0;
  /** First piece of each frame; that of the frame after the last is {@linkcode pieces}. */
  readonly first: Int32Array = new Int32Array(GATHER_FRAMES + 1);
  /** Bytes of each frame on the wire, vnet header included and the length prefix of a stream not. */
  readonly size: Int32Array = new Int32Array(GATHER_FRAMES);
  /** Where each piece is; beyond 2^32 perhaps, in the memory of a guest. */
  readonly pieceAt: Float64Array = new Float64Array(GATHER_PIECES);
  readonly pieceLength: Int32Array = new Int32Array(GATHER_PIECES);
  /** True when the length of each frame goes in front of it: a stream. */
  framed = false;
  /** Offset of the vnet header of the frame that was {@linkcode open}ed last; it is all zeros until written. */
  vnet = 0;
  readonly #view: DataView;
  readonly #scatter: Scatter;
  readonly #start: number;
  readonly #end: number;
  #vnetBytes: VnetBytes = 0;
  #scratch: number;
  #bytes = 0;
  #lead = 0;

  /**
   * @param scratch offset of {@linkcode GATHER_SCRATCH} bytes for prefixes
   * @param scatter frames that are not where they seem to be
   */
  constructor(view: DataView, scratch: number, scatter: Scatter = NO_SCATTER) {
    this.#view = view;
    this.#scatter = scatter;
    this.#start = this.#scratch = scratch;
    this.#end = scratch + GATHER_SCRATCH;
  }

  /** Forget all frames; those to come are for a port with `vnetBytes` of header, in a stream or not. */
  begin(framed: boolean, vnetBytes: VnetBytes): void {
    this.framed = framed;
    this.#vnetBytes = vnetBytes;
    this.frames = this.pieces = 0;
    this.#scratch = this.#start;
  }

  /** True when `frames` more frames of together `pieces` pieces and `headers` bytes of rewritten headers fit. */
  fits(frames: number, pieces: number, headers: number): boolean {
    return this.frames + frames <= GATHER_FRAMES && this.pieces + pieces <= GATHER_PIECES &&
      this.#scratch + headers + frames * (LEAD_BYTES + 8) <= this.#end;
  }

  /**
   * Begin a frame with `headerBytes` of headers of its own (0: all of it are bodies).
   *
   * @returns offset where the headers belong; the vnet header, if there is one, is at {@linkcode vnet}
   */
  open(headerBytes: number): number {
    const view = this.#view;
    const lead = this.#scratch;
    let at = lead;
    if (this.framed) at += 4;
    this.vnet = at;
    if (this.#vnetBytes !== 0) {
      view.setInt32(at, 0);
      view.setInt32(at + 4, 0);
      view.setInt16(at + 8, 0);
      // One buffer holds the frame: what a driver with VIRTIO_F_VERSION_1 wants to read there (virtio 5.1.6.4).
      if (this.#vnetBytes === 12) view.setInt16(at + 10, 0x0100);
      at += this.#vnetBytes;
    }
    const end = at + headerBytes;
    this.first[this.frames] = this.pieces;
    this.#lead = lead;
    this.#bytes = end - lead - (this.framed ? 4 : 0);
    if (end !== lead) {
      this.pieceAt[this.pieces] = lead;
      this.pieceLength[this.pieces++] = end - lead;
    }
    this.#scratch = (end + 7) & ~7;
    return at;
  }

  /** Add a frame as it lies at `at`, behind its vnet header if it has one and, for a stream, its length. */
  asIs(at: number, length: number): void {
    const lead = this.#vnetBytes + (this.framed ? 4 : 0);
    this.first[this.frames] = this.pieces;
    if (this.#scatter.holds(at)) this.#scattered(at - lead, lead + length);
    else this.#piece(at - lead, lead + length);
    this.size[this.frames++] = this.#vnetBytes + length;
    this.first[this.frames] = this.pieces;
  }

  /** Add `length` bytes at `at` to the open frame. */
  body(at: number, length: number): void {
    if (this.#scatter.holds(at)) this.#scattered(at, length);
    else this.#piece(at, length);
    this.#bytes += length;
  }

  /** End the open frame. */
  close(): void {
    if (this.framed) this.#view.setInt32(this.#lead, this.#bytes);
    this.size[this.frames++] = this.#bytes;
    this.first[this.frames] = this.pieces;
  }

  /** Take back all frames from `frame` on. */
  rewind(frame: number): void {
    this.pieces = this.first[frame];
    this.frames = frame;
  }

  /** Add bytes of a frame in a guest's memory: what is of its head and in front of it from the slot, the rest as it lies. */
  #scattered(at: number, length: number): void {
    const scatter = this.#scatter, slot = scatter.slotOf(at), frame = scatter.at(slot);
    const { pieceAt, pieceLength } = scatter, last = scatter.end[slot], end = at + length;
    if (last - scatter.first[slot] > FRAME_PIECES) scatter.pull(frame, end - frame);
    const head = Math.min(end, frame + scatter.head[slot]);
    let next = at;
    if (at < head) {
      this.#piece(at, head - at);
      next = head;
    }
    for (let i = scatter.first[slot], start = frame; i < last && next < end; i++) {
      const stop = Math.min(end, start + pieceLength[i]);
      if (next < stop) {
        this.#piece(pieceAt[i] + (next - start), stop - next);
        next = stop;
      }
      start += pieceLength[i];
    }
  }

  #piece(at: number, length: number): void {
    this.pieceAt[this.pieces] = at;
    this.pieceLength[this.pieces++] = length;
  }
}
