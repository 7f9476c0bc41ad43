/**
 * The frames that wait for one VM which does not take them now.
 *
 * A full VM is never waited for: its backlog is `blocked` until the writable event or the retry time, whichever
 * comes first. Both are needed. Linux reports a datagram socket writable only when a quarter or less of its buffer is
 * used, Darwin as soon as one byte is free and sometimes not at all; the timer costs nothing while frames flow. A try
 * that an event was the reason for puts off no timer, since Darwin's events often come when no frame fits.
 *
 * The queue bounds what waits, {@linkcode LOOK_MS} how long: whoever sent a frame five seconds ago has sent it again
 * or given it up (a TCP segment after one second, RFC 6298; an ARP request and a DNS query as well), and a VM that
 * comes back from a pause has no use for a burst of them. A VM that never comes back costs no memory then. Where
 * senders wait for it (`full=pause`) nothing is given up: they were told that nothing would be.
 *
 * @module
 */
import type { Gather } from "../offload/gather.ts";
import type { Scatter } from "../frame/scatter.ts";
import type { Arena } from "../platform/arena.ts";
import { type Port, TX_GONE } from "../port/port.ts";
import { Backoff } from "./backoff.ts";
import { Column, COLUMNS, dropColumn } from "./counters.ts";
import { Fullness, type FullnessHost } from "./fullness.ts";
import { FrameQueue } from "./queue.ts";

/** Queued frames offered to a port at once. */
const DRAIN_FRAMES = 128;
/** Between two looks for old frames, in ms: what two of them find waits for 2.5 to 5 s and is given up. */
export const LOOK_MS = 2500;

const QUEUE_FULL = dropColumn("queue-full");
const EXPIRED = dropColumn("expired");

/** What a backlog needs of the loop. */
export interface BacklogHost extends FullnessHost {
  readonly arena: Arena;
}

/** See the head of this file. Times are in ms. */
export class Backlog {
  /** True while the VM takes nothing: what is for it has to wait here. */
  isBlocked = false;
  readonly #cells: Float64Array;
  readonly #row: number;
  readonly #port: Port;
  readonly #queue: FrameQueue;
  readonly #fullness: Fullness;
  readonly #backoff = new Backoff();
  readonly #drainAt = new Int32Array(DRAIN_FRAMES);
  readonly #drainLength = new Int32Array(DRAIN_FRAMES);
  /** Frames that were here at the last look for old ones, and when the next look is due. */
  #old = 0;
  #lookAt = 0;

  /** @throws RangeError when the arena has no room for the queue */
  constructor(host: BacklogHost, port: Port, scatter: Scatter) {
    this.#cells = host.cells;
    this.#row = port.row * COLUMNS;
    this.#port = port;
    this.#queue = new FrameQueue(host.arena, port.config.queue, port.config.vnetHdr, scatter);
    this.#fullness = new Fullness(host, port.row);
  }

  /** Frames that wait. */
  get frames(): number {
    return this.#queue.frames;
  }

  /** Bytes it still has room for. */
  get room(): number {
    return this.#queue.capacity - this.#queue.bytes;
  }

  /** Time to try again while blocked. */
  get retryAt(): number {
    return this.#backoff.retryAt;
  }

  /** True when no more than half of it is used. */
  get isHalfFree(): boolean {
    return this.#queue.bytes * 2 <= this.#queue.capacity;
  }

  /** True when nothing waits: no frame, and no end of one. */
  get isEmpty(): boolean {
    return this.#queue.frames === 0 && this.#port.unfinished === 0;
  }

  /** Let frames `from` .. `to - 1` wait; those it has no room for are dropped and counted. */
  put(at: Int32Array, length: Int32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (!this.#queue.put(at[i], length[i])) this.dropFull();
    }
  }

  /** As {@linkcode put}, the frames of a gather from number `from` on. */
  putGathered(gather: Gather, from: number): void {
    for (let i = from; i < gather.frames; i++) {
      if (!this.#queue.putGathered(gather, i)) this.dropFull();
    }
  }

  /** Count a frame for which there is no room. */
  dropFull(): void {
    this.#cells[this.#row + QUEUE_FULL]++;
  }

  /** Tell what waits now; true when the VM has become blocked by that. */
  settle(now: number): boolean {
    const { bytes, frames } = this.#queue;
    if (frames > 0) {
      this.#cells[this.#row + Column.queued] = frames;
      if (bytes > this.#cells[this.#row + Column.queueHigh]) {
        this.#cells[this.#row + Column.queueHigh] = bytes;
      }
    }
    if (this.isEmpty) return false;
    if (this.isBlocked) {
      if (this.#backoff.retryAt === Infinity) {
        this.#backoff.resume(now);
        this.#fullness.resume(now);
      }
      return false;
    }
    this.isBlocked = true;
    this.#lookAt = this.#port.config.full === "pause" ? Infinity : now + LOOK_MS;
    this.#fullness.begin(now);
    this.#backoff.progress(now);
    this.#port.wantWrite(true);
    return true;
  }

  /**
   * Offer what waits until the VM takes no more; returns how many frames it took, or else how many bytes of the end
   * of one, which is progress too; or {@linkcode TX_GONE}.
   */
  offer(): number {
    const { unfinished } = this.#port;
    let offered = 0;
    do {
      const count = this.#queue.peek(this.#drainAt, this.#drainLength, DRAIN_FRAMES);
      const taken = this.#port.tx(this.#drainAt, this.#drainLength, 0, count);
      if (taken === TX_GONE) return TX_GONE;
      this.#remove(taken);
      offered += taken;
      if (taken < count) break;
    } while (this.#queue.frames > 0);
    return offered > 0 ? offered : unfinished - this.#port.unfinished;
  }

  /**
   * After an {@linkcode offer} at `now`: the VM is blocked no more, or when to try again.
   *
   * @param woken the writable event was the reason, not the timer
   */
  conclude(taken: number, woken: boolean, now: number): void {
    if (this.isEmpty) {
      this.#unblock();
      return this.#fullness.end(now);
    }
    this.#fullness.last(now, this.#queue.frames);
    if (taken > 0) this.#backoff.progress(now);
    else if (!woken) this.#backoff.stall(now);
    if (now >= this.#lookAt) this.#expire(now);
  }

  /** Remove all frames; returns how many they were. */
  clear(): number {
    const { frames } = this.#queue;
    this.#remove(frames);
    return frames;
  }

  /** As {@linkcode clear}; only the end of a frame is waited for from now on. */
  abandon(): number {
    const frames = this.clear();
    if (this.isBlocked && this.isEmpty) this.#unblock();
    return frames;
  }

  /** Give the memory back; it must not be used any more. */
  dispose(): void {
    this.isBlocked = false;
    this.#queue.dispose();
  }

  /** Give up the frames that were here at the last look already. */
  #expire(now: number): void {
    this.#cells[this.#row + EXPIRED] += this.#old;
    this.#remove(this.#old);
    this.#old = this.#queue.frames;
    this.#lookAt = now + LOOK_MS;
    // The next frame shows whether the VM reads, or the writable event.
    if (this.isEmpty) {
      this.#backoff.rest();
      this.#fullness.rest(now);
    }
  }

  #unblock(): void {
    this.isBlocked = false;
    this.#port.wantWrite(false);
  }

  #remove(frames: number): void {
    this.#queue.drop(frames);
    this.#old = Math.max(0, this.#old - frames);
    this.#cells[this.#row + Column.queued] = this.#queue.frames;
  }
}
