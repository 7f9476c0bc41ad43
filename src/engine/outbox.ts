/**
 * The frames of one turn for one VM, until they are sent.
 *
 * Mostly they are one run of the batch; then only its bounds are kept. Otherwise they are listed, and the
 * lists grow with the bursts this VM gets: an idle port costs little, a busy one has room for a whole read.
 *
 * @module
 */
import type { Batch } from "../port/batch.ts";

/** Room in the lists at first. */
const FIRST_FRAMES = 128;

/** See the head of this file. */
export class Outbox {
  /** Frames held. */
  count = 0;
  readonly #batch: Batch;
  /** First frame of the run in the batch, while all frames are one; else -1. */
  #run = -1;
  #at = new Int32Array(FIRST_FRAMES);
  #length = new Int32Array(FIRST_FRAMES);

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** Index of the first frame in {@linkcode at} and {@linkcode length}. */
  get from(): number {
    return this.#run >= 0 ? this.#run : 0;
  }

  get at(): Int32Array {
    return this.#run >= 0 ? this.#batch.at : this.#at;
  }

  get length(): Int32Array {
    return this.#run >= 0 ? this.#batch.length : this.#length;
  }

  /** Add frames `from` .. `to - 1` of the batch. */
  add(from: number, to: number): void {
    if (this.count === 0) {
      this.#run = from;
      this.count = to - from;
      return;
    }
    if (this.#run >= 0) {
      if (from === this.#run + this.count) {
        this.count += to - from;
        return;
      }
      const first = this.#run, last = first + this.count;
      this.#run = -1;
      this.count = 0;
      this.#list(first, last);
    }
    this.#list(from, to);
  }

  clear(): void {
    this.count = 0;
    this.#run = -1;
  }

  #list(from: number, to: number): void {
    const { at, length } = this.#batch;
    if (this.count + to - from > this.#at.length) this.#grow(this.count + to - from);
    let count = this.count;
    for (let i = from; i < to; i++) {
      this.#at[count] = at[i];
      this.#length[count++] = length[i];
    }
    this.count = count;
  }

  #grow(frames: number): void {
    let capacity = this.#at.length;
    while (capacity < frames) capacity *= 2;
    const at = new Int32Array(capacity), length = new Int32Array(capacity);
    at.set(this.#at);
    length.set(this.#length);
    this.#at = at;
    this.#length = length;
  }
}
