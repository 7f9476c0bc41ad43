/**
 * A queue of frames in the arena: where a frame waits that cannot go on now.
 *
 * Records `[u32 length, big-endian][vnet header, where the port has one][frame]` in a ring. A record never
 * wraps: every frame is one piece with its length prefix in front, so a run of records is one piece of a
 * stream write as it lies there. The ring is larger than its capacity by one record, which is why `bytes <= capacity` alone decides whether a
 * frame fits, wherever the ring's end is.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";
import { NO_SCATTER, type Scatter } from "../frame/scatter.ts";
import type { Gather } from "../offload/gather.ts";
import { HEADROOM, RECORD_BYTES } from "../port/batch.ts";

/** In place of a length: the rest of the ring is unused, go on at its start. */
const SKIP = 0xffff_ffff;

/** A first-in first-out ring of frames. */
export class FrameQueue {
  /** Most bytes it holds, prefixes included. */
  readonly capacity: number;
  /** Bytes held, prefixes included. */
  bytes = 0;
  /** Frames held. */
  frames = 0;
  readonly #arena: Arena;
  readonly #scatter: Scatter;
  /** Bytes of vnet header between length and frame. */
  readonly #lead: number;
  readonly #start: number;
  readonly #end: number;
  #head: number;
  #tail: number;

  /**
   * @param lead bytes of vnet header in front of each frame
   * @param scatter frames that are not where they seem to be
   * @throws RangeError when the arena has no room
   */
  constructor(arena: Arena, capacity: number, lead: number, scatter: Scatter = NO_SCATTER) {
    this.#scatter = scatter;
    this.capacity = capacity;
    this.#lead = lead;
    this.#arena = arena;
    this.#start = arena.take(capacity + RECORD_BYTES);
    this.#end = this.#start + capacity + RECORD_BYTES;
    this.#head = this.#tail = this.#start;
  }

  /** Copy a frame, with the vnet header in front of it, to the end; false when it does not fit. */
  put(at: number, length: number): boolean {
    const to = this.#append(this.#lead + length);
    if (to < 0) return false;
    const { u8 } = this.#arena, lead = this.#lead;
    if (this.#scatter.holds(at)) {
      u8.copyWithin(to, at - lead, at);
      this.#scatter.copy(to + lead, at, length);
    } else u8.copyWithin(to, at - lead, at + length);
    return true;
  }

  /** Copy frame `i` of a gather to the end; false when it does not fit. */
  putGathered(gather: Gather, i: number): boolean {
    let to = this.#append(gather.size[i]);
    if (to < 0) return false;
    // In a stream's gather the length that a record has anyway is part of the first piece.
    let skip = gather.framed ? HEADROOM : 0;
    for (let piece = gather.first[i]; piece < gather.first[i + 1]; piece++) {
      const from = gather.pieceAt[piece] + skip,
        end = gather.pieceAt[piece] + gather.pieceLength[piece];
      this.#arena.u8.copyWithin(to, from, end);
      to += end - from;
      skip = 0;
    }
    return true;
  }

  /** Where the first frames lie, at most `most`; they stay queued until {@linkcode drop}. Returns how many. */
  peek(at: Int32Array, length: Int32Array, most: number): number {
    const count = Math.min(most, this.frames);
    let head = this.#head;
    for (let i = 0; i < count; i++) {
      head = this.#record(head);
      const record = this.#arena.view.getUint32(head);
      length[i] = record - this.#lead;
      at[i] = head + HEADROOM + this.#lead;
      head += HEADROOM + record;
    }
    return count;
  }

  /** Remove the first `count` frames. */
  drop(count: number): void {
    for (let i = 0; i < count; i++) {
      const head = this.#record(this.#head);
      const record = HEADROOM + this.#arena.view.getUint32(head);
      this.#head = head + record;
      this.bytes -= record;
    }
    this.frames -= count;
    // An empty queue starts over, so that a port that is seldom full touches few pages.
    if (this.frames === 0) this.#head = this.#tail = this.#start;
  }

  /** Give the memory back; the queue must not be used any more. */
  dispose(): void {
    this.#arena.give(this.#start);
  }

  /** Make a record of `bytes` at the end; where they belong, -1 when they do not fit. */
  #append(bytes: number): number {
    const record = HEADROOM + bytes;
    if (this.bytes + record > this.capacity) return -1;
    if (this.#tail + record > this.#end) {
      if (this.#tail + HEADROOM <= this.#end) this.#arena.view.setUint32(this.#tail, SKIP);
      this.#tail = this.#start;
    }
    const at = this.#tail + HEADROOM;
    this.#arena.view.setUint32(this.#tail, bytes);
    this.#tail += record;
    this.bytes += record;
    this.frames++;
    return at;
  }

  /** Position of the record at `head`, past the unused end of the ring. */
  #record(head: number): number {
    if (head + HEADROOM > this.#end) return this.#start;
    return this.#arena.view.getUint32(head) === SKIP ? this.#start : head;
  }
}
