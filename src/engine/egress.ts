/**
 * The way out of the switch to one VM: this turn's frames, and the queue of those it cannot take now.
 *
 * Credit is what is left of `queue=` bytes. A frame is accepted only against credit, so whatever a send
 * leaves over is sure to fit into the queue, and a VM that stops reading costs exactly its queue and one
 * comparison a frame. What it does not take waits in the backlog (backlog.ts).
 *
 * Between ports whose offload policies agree frames go out as they came. Otherwise the planner makes of
 * them what this VM takes, and what cannot be sent now waits in that form. Cutting adds headers, for which credit
 * is taken as well. Only segments shorter than any sane connection's need more than that; the last of them may
 * then find the queue full, and are dropped as any frame is.
 *
 * @module
 */
import type { Planner } from "../offload/plan.ts";
import { Need, needs, NO_OFFLOAD, type Policy } from "../offload/policy.ts";
import { type Batch, BATCH_FRAMES, HEADROOM } from "../port/batch.ts";
import { MAX_FRAME } from "../port/config.ts";
import { type Port, TX_GONE } from "../port/port.ts";
import { Backlog, type BacklogHost } from "./backlog.ts";
import { Column, COLUMNS, dropColumn } from "./counters.ts";
import { Outbox } from "./outbox.ts";
import { account } from "./plan_account.ts";

/** Frames of one turn before they are sent early. */
const TURN_FRAMES = BATCH_FRAMES;

const PEER_GONE = dropColumn("peer-gone");
const CLOSING = dropColumn("closing");
const OVERSIZE = dropColumn("oversize");

/** What an egress needs of the loop. */
export interface EgressHost extends BacklogHost {
  readonly now: number;
  /** The one ingress batch. */
  readonly batch: Batch;
  /** Makes frames right for ports that do not agree; one for all, since one batch is in flight. */
  readonly planner: Planner;
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
  /** Nothing more goes out: the peer is gone. */
  closed = false;
  readonly #host: EgressHost;
  readonly #cells: Float64Array;
  readonly #backlog: Backlog;
  readonly #outbox: Outbox;
  /** Policy of the port this turn's frames came by, and what they may need; see {@linkcode needs}. */
  #ingress: Policy = NO_OFFLOAD;
  #need: number;
  /** Longest frame that is not dropped at once: any, when frames may be cut. */
  #limit: number;
  /** Bytes in front of a frame in the queue. */
  readonly #lead: number;
  /** Credit in bytes, this turn's frames already taken off. */
  #room: number;

  constructor(host: EgressHost, port: Port) {
    this.#host = host;
    this.port = port;
    this.row = port.row;
    this.#lead = HEADROOM + port.config.vnetHdr;
    this.#need = needs(NO_OFFLOAD, port.config);
    this.#limit = this.#limitOf(this.#need);
    this.#cells = host.cells;
    this.#outbox = new Outbox(host.batch);
    this.#backlog = new Backlog(host, port, host.planner.scatter);
    this.#room = this.#backlog.room;
  }

  /** True while the VM takes nothing. */
  get isBlocked(): boolean {
    return this.#backlog.isBlocked;
  }

  /** Time to try again while blocked, in ms. */
  get retryAt(): number {
    return this.#backlog.retryAt;
  }

  /** Frames waiting in the queue. */
  get queued(): number {
    return this.#backlog.frames;
  }

  /**
   * Take frames `from` .. `to - 1` of the batch for this VM. Returns the index of the first one it is out
   * of credit for, or `to`. Frames the VM could never take are dropped and counted, and so done with.
   *
   * @param bytes all their bytes
   * @param longest none of them is longer than this
   */
  push(from: number, to: number, bytes: number, longest: number): number {
    const { batch } = this.#host;
    if (batch.policy !== this.#ingress) this.#meet(batch.policy);
    const record = bytes + this.#lead * (to - from) + this.#growth(bytes);
    if (
      record > this.#room || longest > this.#limit || this.#outbox.count + to - from > TURN_FRAMES
    ) return this.#pushEach(from, to);
    this.#room -= record;
    if (this.#outbox.count === 0) this.#host.dirty(this);
    this.#outbox.add(from, to);
    return to;
  }

  /** Drop a frame that {@linkcode push} did not take. */
  dropFull(): void {
    this.#backlog.dropFull();
  }

  /** Send this turn's frames; what the VM does not take goes to the queue. */
  flush(): void {
    const { count, from, at, length } = this.#outbox;
    if (count === 0 || this.closed) return;
    // A guest's frames lie in pieces, which only a guest's port takes as they are.
    const isWhole = !this.#host.batch.scattered || this.port.scatters;
    if (isWhole && this.#need === Need.PASS) this.#pass(at, length, from, from + count, 0);
    else if (isWhole && this.#need === Need.FILL) this.#fill(at, length, from, from + count);
    else this.#plan(at, length, from, from + count);
    if (this.closed) return;
    this.#outbox.clear();
    this.#room = this.#backlog.room;
  }

  /** Send frames as they are once their checksums are completed: they still lie where they lay. */
  #fill(at: Int32Array, length: Int32Array, from: number, to: number): void {
    const { planner } = this.#host;
    const filled = planner.complete(this.#ingress, this.port.config, at, length, from, to);
    this.#pass(at, length, from, to, filled);
  }

  /** Send frames as they are; the checksums of `filled` of them were completed. */
  #pass(at: Int32Array, length: Int32Array, from: number, to: number, filled: number): void {
    let taken = 0;
    if (!this.isBlocked) {
      taken = this.port.tx(at, length, from, to);
      if (taken === TX_GONE) return this.#lose();
    }
    this.#cells[this.row * COLUMNS + Column.passed] += to - from - filled;
    this.#cells[this.row * COLUMNS + Column.filled] += filled;
    this.#backlog.put(at, length, from + taken, to);
    this.#settle();
  }

  /** Make frames right for this VM, and send them. */
  #plan(at: Int32Array, length: Int32Array, from: number, to: number): void {
    const { planner } = this.#host, { gather } = planner;
    planner.begin(this.#ingress, this.port.config, this.#need, at, length, from, to);
    for (let more = true; more;) {
      more = planner.fill(this.port.framed);
      this.#outbox.count -= account(planner.counts, this.#cells, this.row);
      let taken = 0;
      if (!this.isBlocked) taken = this.port.txGather(gather);
      if (taken === TX_GONE) {
        this.#cells[this.row * COLUMNS + PEER_GONE] += gather.frames;
        return this.#lose();
      }
      this.#backlog.putGathered(gather, taken);
      this.#settle();
    }
  }

  #settle(): void {
    if (this.#backlog.settle(this.#host.now)) this.#host.blocked(this);
  }

  /**
   * What headers add to `bytes` bytes that are cut: an eighth is what segments of 536 bytes need, the shortest that
   * a connection uses where nothing is known of the way (RFC 9293 3.7.1).
   */
  #growth(bytes: number): number {
    return (this.#need & Need.SEGMENT) === 0 ? 0 : bytes >>> 3;
  }

  /** The frames to come are from another port. */
  #meet(ingress: Policy): void {
    this.#ingress = ingress;
    this.#need = needs(ingress, this.port.config);
    this.#limit = this.#limitOf(this.#need);
  }

  #limitOf(need: number): number {
    return (need & ~Need.FILL) === 0 ? this.port.config.maxFrame : MAX_FRAME;
  }

  /**
   * Try again.
   *
   * @param woken the writable event has come, else the retry time
   */
  retry(woken = false): void {
    const backlog = this.#backlog, { now } = this.#host;
    if (this.closed || !backlog.isBlocked) return;
    const waited = backlog.frames, taken = backlog.offer();
    if (taken === TX_GONE) return this.#lose();
    this.#room = backlog.room;
    // Only a VM that takes frames relieves those who wait: a short queue may be half free with no room for theirs.
    const hasTaken = backlog.frames < waited || backlog.isEmpty;
    if (backlog.isHalfFree && hasTaken) this.#host.relieved(this);
    // Who was relieved may have filled the queue again, or found the VM gone.
    if (this.closed) return;
    backlog.conclude(taken, woken, now);
    this.#room = backlog.room;
  }

  /** The switch stops: only the end of a frame that has been started still goes out. */
  abandon(): void {
    this.#cells[this.row * COLUMNS + CLOSING] += this.#outbox.count + this.#backlog.abandon();
    this.#outbox.clear();
  }

  /** The VM is gone: everything that waited for it is dropped and counted. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#cells[this.row * COLUMNS + PEER_GONE] += this.#outbox.count + this.#backlog.clear();
    this.#outbox.clear();
    this.#room = 0;
    this.#backlog.dispose();
  }

  /** As {@linkcode push}, frame by frame: for a run that does not go as a whole. */
  #pushEach(from: number, to: number): number {
    const { length } = this.#host.batch;
    for (let i = from; i < to; i++) {
      const size = length[i], record = size + this.#lead + this.#growth(size);
      if (this.closed || size > this.#limit) {
        this.#cells[this.row * COLUMNS + (this.closed ? PEER_GONE : OVERSIZE)]++;
        continue;
      }
      if (record > this.#room || this.#outbox.count === TURN_FRAMES) {
        this.flush();
        if (record > this.#room && !this.closed) return i;
        if (this.closed) {
          i--; // counted as gone by the next round
          continue;
        }
      }
      if (this.#outbox.count === 0) this.#host.dirty(this);
      this.#outbox.add(i, i + 1);
      this.#room -= record;
    }
    return to;
  }

  #lose(): void {
    this.close();
    this.#host.gone(this);
  }
}
