/**
 * A queue of frames in the arena: where a frame waits that cannot go on now.
 *
 * Records `[u32 length, big-endian][frame]` in a ring. A record never wraps: every frame is one piece with
 * its length prefix in front, so a run of records is one piece of a stream write as it lies there. The
 * ring is larger than its capacity by one record, which is why `bytes <= capacity` alone decides whether a
 * frame fits, wherever the ring's end is.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";
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
  readonly #start: number;
  readonly #end: number;
  #head: number;
  #tail: number;

  /** @throws RangeError when the arena has no room */
  constructor(arena: Arena, capacity: number) {
    this.capacity = capacity;
    this.#arena = arena;
    this.#start = arena.take(capacity + RECORD_BYTES);
    this.#end = this.#start + capacity + RECORD_BYTES;
    this.#head = this.#tail = this.#start;
  }

  /** Copy a frame to the end; false when it does not fit. */
  put(at: number, length: number): boolean {
    const record = length + HEADROOM;
    if (this.bytes + record > this.capacity) return false;
    if (this.#tail + record > this.#end) {
      if (this.#tail + HEADROOM <= this.#end) this.#arena.view.setUint32(this.#tail, SKIP);
      this.#tail = this.#start;
    }
    this.#arena.view.setUint32(this.#tail, length);
    this.#arena.u8.copyWithin(this.#tail + HEADROOM, at, at + length);
    this.#tail += record;
    this.bytes += record;
    this.frames++;
    return true;
  }

  /** Where the first frames lie, at most `most`; they stay queued until {@linkcode drop}. Returns how many. */
  peek(at: Int32Array, length: Int32Array, most: number): number {
    const count = Math.min(most, this.frames);
    let head = this.#head;
    for (let i = 0; i < count; i++) {
      head = this.#record(head);
      length[i] = this.#arena.view.getUint32(head);
      at[i] = head + HEADROOM;
      head += HEADROOM + length[i];
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

  /** Position of the record at `head`, past the unused end of the ring. */
  #record(head: number): number {
    if (head + HEADROOM > this.#end) return this.#start;
    return this.#arena.view.getUint32(head) === SKIP ? this.#start : head;
  }
}
