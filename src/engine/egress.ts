/**
 * The way out of the switch to one VM: this turn's frames, and the queue of those it cannot take now.
 *
 * Credit is what is left of `queue=` bytes. A frame is accepted only against credit, so whatever a send
 * leaves over is sure to fit into the queue, and a VM that stops reading costs exactly its queue and one
 * comparison a frame. A full VM is never waited for: its egress is `blocked` until the writable event or
 * its retry time, whichever comes first. Both are needed. Linux reports a datagram socket writable only
 * when a quarter or less of its buffer is used, Darwin sometimes not at all; the timer costs nothing
 * while frames flow.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";
import { type Batch, HEADROOM } from "../port/batch.ts";
import { type Port, TX_GONE } from "../port/port.ts";
import { Column, COLUMNS, dropColumn } from "./counters.ts";
import { FrameQueue } from "./queue.ts";

/** Retry times in ms: first, ceiling while the VM was seen reading in the last second, ceiling after that. */
const RETRY_FIRST = 0.05, RETRY_MOST = 1, RETRY_STUCK = 16;
const STUCK_AFTER = 1000;
/** Frames of one turn before they are sent early, and room for them at first. */
const TURN_FRAMES = 4096, FIRST_FRAMES = 128;
/** Queued frames offered to a port at once. */
const DRAIN_FRAMES = 128;

const QUEUE_FULL = dropColumn("queue-full");
const PEER_GONE = dropColumn("peer-gone");
const CLOSING = dropColumn("closing");
const OVERSIZE = dropColumn("oversize");

/** What an egress needs of the loop. */
export interface EgressHost {
  readonly arena: Arena;
  /** Counter cells, see counters.ts. */
  readonly cells: Float64Array;
  readonly now: number;
  /** The one ingress batch. */
  readonly batch: Batch;
  /** The egress has frames of this turn; flush it before the turn ends. */
  dirty(egress: Egress): void;
  /** The VM does not take frames now; call {@linkcode Egress.retry} at `retryAt` or when it is writable. */
  blocked(egress: Egress): void;
  /** A send found the peer gone. */
  gone(egress: Egress): void;
  /** At least half of the credit is back. */
  relieved(egress: Egress): void;
}

/** See the head of this file. */
export class Egress {
  readonly port: Port;
  readonly row: number;
  readonly maxFrame: number;
  /** Time to try again while blocked, in ms. */
  retryAt = 0;
  /** True while the VM takes nothing. */
  isBlocked = false;
  /** Nothing more goes out: the peer is gone. */
  closed = false;
  readonly #host: EgressHost;
  readonly #cells: Float64Array;
  readonly #queue: FrameQueue;
  /** This turn's frames; the lists grow with the bursts this VM gets. */
  #at = new Int32Array(FIRST_FRAMES);
  #length = new Int32Array(FIRST_FRAMES);
  readonly #drainAt = new Int32Array(DRAIN_FRAMES);
  readonly #drainLength = new Int32Array(DRAIN_FRAMES);
  #count = 0;
  /** The first frame when this turn's frames are one run of the batch, which is not copied to the lists; else -1. */
  #run = -1;
  /** Credit in bytes, this turn's frames already taken off. */
  #room: number;
  #delay = RETRY_FIRST;
  #stalledSince = 0;

  constructor(host: EgressHost, port: Port) {
    this.#host = host;
    this.port = port;
    this.row = port.row;
    this.maxFrame = port.config.maxFrame;
    this.#cells = host.cells;
    this.#queue = new FrameQueue(host.arena, port.config.queue);
    this.#room = port.config.queue;
  }

  /** Frames waiting in the queue. */
  get queued(): number {
    return this.#queue.frames;
  }

  /**
   * Take frames `from` .. `to - 1` of the batch for this VM. Returns the index of the first one it is out
   * of credit for, or `to`. Frames the VM could never take are dropped and counted, and so done with.
   *
   * @param bytes all their bytes
   * @param longest none of them is longer than this
   */
  push(from: number, to: number, bytes: number, longest: number): number {
    const record = bytes + HEADROOM * (to - from);
    if (
      record > this.#room || longest > this.maxFrame || this.#count + to - from > TURN_FRAMES
    ) return this.#pushEach(from, to);
    this.#room -= record;
    if (this.#count === 0) {
      this.#host.dirty(this);
      this.#run = from;
      this.#count = to - from;
      return to;
    }
    if (this.#run >= 0) {
      if (from === this.#run + this.#count) {
        this.#count += to - from;
        return to;
      }
      this.#list();
    }
    if (this.#count + to - from > this.#at.length) this.#grow(this.#count + to - from);
    const at = this.#host.batch.at, length = this.#host.batch.length;
    let count = this.#count;
    for (let i = from; i < to; i++) {
      this.#at[count] = at[i];
      this.#length[count++] = length[i];
    }
    this.#count = count;
    return to;
  }

  /** Drop a frame that {@linkcode push} did not take. */
  dropFull(): void {
    this.#cells[this.row * COLUMNS + QUEUE_FULL]++;
  }

  /** Send this turn's frames; what the VM does not take goes to the queue. */
  flush(): void {
    const count = this.#count;
    if (count === 0 || this.closed) return;
    const isRun = this.#run >= 0, from = isRun ? this.#run : 0;
    const at = isRun ? this.#host.batch.at : this.#at;
    const length = isRun ? this.#host.batch.length : this.#length;
    let taken = 0;
    if (!this.isBlocked) {
      taken = this.port.tx(at, length, from, from + count);
      if (taken === TX_GONE) return this.#lose();
    }
    this.#count = 0;
    this.#run = -1;
    if (taken < count) this.#enqueue(at, length, from + taken, from + count);
    this.#room = this.#queue.capacity - this.#queue.bytes;
    if (!this.isBlocked && (this.#queue.frames > 0 || this.port.unfinished)) this.#block();
  }

  /** The writable event or the retry time has come. */
  retry(): void {
    if (this.closed || !this.isBlocked) return;
    const progress = this.#drain();
    if (this.closed) return;
    this.#room = this.#queue.capacity - this.#queue.bytes;
    this.#cells[this.row * COLUMNS + Column.queued] = this.#queue.frames;
    const halfFree = this.#queue.bytes * 2 <= this.#queue.capacity;
    // Only a VM that reads relieves those who wait: a short queue may be half free with no room for their frame.
    if (halfFree && (progress || this.#queue.frames === 0)) this.#host.relieved(this);
    if (this.#queue.frames === 0 && !this.port.unfinished) {
      this.isBlocked = false;
      this.port.wantWrite(false);
      return;
    }
    if (progress) {
      this.#delay = RETRY_FIRST;
      this.#stalledSince = this.#host.now;
    } else {
      const stuck = this.#host.now - this.#stalledSince > STUCK_AFTER;
      this.#delay = Math.min(this.#delay * 2, stuck ? RETRY_STUCK : RETRY_MOST);
    }
    this.retryAt = this.#host.now + this.#delay;
  }

  /** The switch stops: only the end of a frame that has been started still goes out. */
  abandon(): void {
    this.#cells[this.row * COLUMNS + CLOSING] += this.#count + this.#queue.frames;
    this.#cells[this.row * COLUMNS + Column.queued] = 0;
    this.#count = 0;
    this.#run = -1;
    this.#queue.drop(this.#queue.frames);
  }

  /** The VM is gone: everything that waited for it is dropped and counted. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.isBlocked = false;
    this.#cells[this.row * COLUMNS + PEER_GONE] += this.#count + this.#queue.frames;
    this.#cells[this.row * COLUMNS + Column.queued] = 0;
    this.#count = 0;
    this.#run = -1;
    this.#room = 0;
    this.#queue.dispose();
  }

  /** As {@linkcode push}, frame by frame: for a run that does not go as a whole. */
  #pushEach(from: number, to: number): number {
    const { at, length } = this.#host.batch;
    for (let i = from; i < to; i++) {
      const size = length[i];
      if (this.closed || size > this.maxFrame) {
        this.#cells[this.row * COLUMNS + (this.closed ? PEER_GONE : OVERSIZE)]++;
        continue;
      }
      if (size + HEADROOM > this.#room || this.#count === TURN_FRAMES) {
        this.flush();
        if (size + HEADROOM > this.#room && !this.closed) return i;
        if (this.closed) {
          i--; // counted as gone by the next round
          continue;
        }
      }
      if (this.#count === 0) this.#host.dirty(this);
      if (this.#run >= 0) this.#list();
      if (this.#count === this.#at.length) this.#grow(this.#count + 1);
      this.#at[this.#count] = at[i];
      this.#length[this.#count++] = size;
      this.#room -= size + HEADROOM;
    }
    return to;
  }

  /** Copy the run to the lists: more frames come that do not follow it. */
  #list(): void {
    const from = this.#run, to = from + this.#count;
    const { at, length } = this.#host.batch;
    this.#run = -1;
    if (this.#count > this.#at.length) this.#grow(this.#count);
    for (let i = from; i < to; i++) {
      this.#at[i - from] = at[i];
      this.#length[i - from] = length[i];
    }
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

  #enqueue(at: Int32Array, length: Int32Array, from: number, to: number): void {
    for (let i = from; i < to; i++) this.#queue.put(at[i], length[i]);
    const row = this.row * COLUMNS;
    this.#cells[row + Column.queued] = this.#queue.frames;
    if (this.#queue.bytes > this.#cells[row + Column.queueHigh]) {
      this.#cells[row + Column.queueHigh] = this.#queue.bytes;
    }
  }

  /** Offer queued frames until the VM takes no more; true when it took any. */
  #drain(): boolean {
    let progress = false;
    do {
      const count = this.#queue.peek(this.#drainAt, this.#drainLength, DRAIN_FRAMES);
      const taken = this.port.tx(this.#drainAt, this.#drainLength, 0, count);
      if (taken === TX_GONE) {
        this.#lose();
        return false;
      }
      this.#queue.drop(taken);
      if (taken > 0) progress = true;
      if (taken < count) break;
    } while (this.#queue.frames > 0);
    return progress;
  }

  #block(): void {
    this.isBlocked = true;
    this.#delay = RETRY_FIRST;
    this.#stalledSince = this.#host.now;
    this.retryAt = this.#host.now + RETRY_FIRST;
    this.port.wantWrite(true);
    this.#host.blocked(this);
  }

  #lose(): void {
    this.close();
    this.#host.gone(this);
  }
}
