/**
 * `full=pause`: a sender waits for a slow VM instead of losing frames.
 *
 * When a frame finds its egress out of credit, it and the rest of its batch are parked, in order, and
 * their port is not read any more, so the sender's own socket fills and it slows down. When half of the
 * credit is back the parked frames are forwarded and reading goes on. A VM that takes longer than
 * `pause-ms` is stuck: until it has recovered its frames are dropped as with `full=drop`, so it can hold
 * up others once, briefly, and no more.
 *
 * Frames of a VM whose memory we share are not parked but left in its ring, where they are safe and cost nothing.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";
import { type Batch, MESSAGES, RECORD_BYTES } from "../port/batch.ts";
import type { Port } from "../port/port.ts";
import { Column, COLUMNS } from "./counters.ts";
import type { Egress } from "./egress.ts";
import { FrameQueue } from "./queue.ts";

/** Room for one read, whatever it held: 64 datagrams of the largest size. */
const PARK_BYTES = MESSAGES * RECORD_BYTES;

/** What pausing needs of the loop. */
export interface PauseHost {
  readonly arena: Arena;
  readonly cells: Float64Array;
  readonly now: number;
  /** Forward the batch, which is parked frames of `port`, and send; as Forwarder.forward. */
  forwardParked(port: Port): number;
  /** The egress that stopped the last forward. */
  readonly refusedBy: Egress | undefined;
  /** A frame that could not even be parked. */
  overflow(port: Port, bytes: number): void;
  readonly batch: Batch;
}

interface Parked {
  readonly port: Port;
  /** Undefined for a port that {@linkcode Port.giveBack | was given back} its frames. */
  readonly queue: FrameQueue | undefined;
  /** Whom it waits for. */
  egress: Egress;
}

/** The ports that are waiting, and the VMs that are waited for. */
export class Pauses {
  readonly #host: PauseHost;
  /** Paused ports by row. */
  readonly #parked = new Map<number, Parked>();
  /** Since when somebody waits for an egress, in ms. */
  readonly #since = new Map<Egress, number>();
  /** Egresses that made others wait too long and have not recovered. */
  readonly #stuck = new Set<Egress>();

  /** A port whose parked frames go out for the last time: they wait for nobody. */
  #leaving: Port | undefined;

  constructor(host: PauseHost) {
    this.#host = host;
  }

  /** True while a port has parked frames: what it reads next must be parked behind them. */
  isPaused(port: Port): boolean {
    return this.#parked.has(port.row);
  }

  /** Parked frames of a port. */
  framesOf(port: Port): number {
    return this.#parked.get(port.row)?.queue?.frames ?? 0;
  }

  /** True when `ingress` shall wait for `egress`. */
  mayPause(egress: Egress, ingress: Port): boolean {
    return egress.port.config.full === "pause" && ingress.pausable && egress.isBlocked &&
      ingress !== this.#leaving &&
      !egress.closed && !this.#stuck.has(egress) &&
      (ingress.giveBack !== undefined || this.isPaused(ingress) ||
        this.#host.arena.fits(PARK_BYTES + RECORD_BYTES));
  }

  /** Park frames `from` .. of the batch, which `refusedBy` has stopped, and read their port no more. */
  park(port: Port, from: number): void {
    const egress = this.#await(this.#host.refusedBy!);
    this.#host.cells[port.row * COLUMNS + Column.pauses]++;
    port.wantRead(false);
    if (port.giveBack !== undefined) {
      this.#parked.set(port.row, { port, queue: undefined, egress });
      return port.giveBack(this.#host.batch.count - from);
    }
    const queue = new FrameQueue(this.#host.arena, PARK_BYTES, port.config.vnetHdr);
    this.#parked.set(port.row, { port, queue, egress });
    this.append(port, from);
  }

  /** Park what a paused port had already read. */
  append(port: Port, from: number): void {
    const { batch } = this.#host;
    const queue = this.#parked.get(port.row)!.queue!;
    for (let i = from; i < batch.count; i++) {
      if (!queue.put(batch.at[i], batch.length[i])) this.#host.overflow(port, batch.length[i]);
    }
  }

  /** An egress has credit again, or is gone: those who waited for it go on. */
  resume(egress: Egress): void {
    this.#since.delete(egress);
    this.#stuck.delete(egress);
    this.#release(egress);
  }

  /** Let go of those who have waited too long. Returns the next deadline in ms, Infinity when nobody waits. */
  expire(): number {
    if (this.#since.size === 0) return Infinity;
    let next = Infinity;
    for (const [egress, since] of this.#since) {
      const deadline = since + egress.port.config.pauseMs;
      if (deadline > this.#host.now) {
        next = Math.min(next, deadline);
        continue;
      }
      this.#since.delete(egress);
      this.#stuck.add(egress);
      this.#release(egress);
    }
    return next;
  }

  /** A port is going away: forward what it had parked, to whoever takes it. */
  forget(port: Port): void {
    const parked = this.#parked.get(port.row);
    if (parked === undefined) return;
    this.#leaving = port;
    this.#forward(parked);
    this.#leaving = undefined;
    this.#drop(parked);
  }

  /** The switch stops: what is parked goes nowhere any more. */
  abandon(): void {
    for (const parked of [...this.#parked.values()]) this.#drop(parked);
    this.#since.clear();
  }

  #await(egress: Egress): Egress {
    if (!this.#since.has(egress)) this.#since.set(egress, this.#host.now);
    return egress;
  }

  #release(egress: Egress): void {
    for (const parked of [...this.#parked.values()]) {
      if (parked.egress === egress && this.#forward(parked)) {
        this.#drop(parked);
        parked.port.wantRead(true);
      }
    }
  }

  #drop(parked: Parked): void {
    this.#parked.delete(parked.port.row);
    const { batch } = this.#host, { queue } = parked;
    if (queue === undefined) return;
    while (queue.frames > 0) {
      batch.solid = false;
      batch.count = queue.peek(batch.at, batch.length, batch.at.length);
      for (let i = 0; i < batch.count; i++) this.#host.overflow(parked.port, batch.length[i]);
      queue.drop(batch.count);
    }
    queue.dispose();
  }

  /** Forward parked frames; true when none is left. */
  #forward(parked: Parked): boolean {
    const { batch } = this.#host, { queue } = parked;
    while (queue !== undefined && queue.frames > 0) {
      batch.solid = false;
      batch.count = queue.peek(batch.at, batch.length, batch.at.length);
      const done = this.#host.forwardParked(parked.port);
      const all = done === batch.count;
      queue.drop(done);
      if (all) continue;
      parked.egress = this.#await(this.#host.refusedBy!);
      return false;
    }
    return true;
  }
}
