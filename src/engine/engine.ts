/**
 * The engine: one thread's switch. It owns every data descriptor, the arena, the FDB and the clock.
 *
 * ```
 *  turn: wait -> ready ports -> each reads one batch -> forward -> flush -> retries, timers -> publish
 * ```
 * While ports are polled (pollers.ts) a turn is a look at them, and every {@linkcode LOOK_MS} one at all others.
 *
 * Everything runs to completion; nothing here sleeps but `wait`, and nothing waits for a VM.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";
import type { Kernel } from "../platform/kernel.ts";

import { isUndeclared } from "../offload/accept.ts";
import { GATHER_SCRATCH } from "../offload/gather.ts";
import { Planner } from "../offload/plan.ts";
import { type Policy, policyOf } from "../offload/policy.ts";
import { Batch, BATCH_FRAMES, Memory } from "../port/batch.ts";
import type { Polled, Port, Source, Switch } from "../port/port.ts";
import { Alarms } from "./alarms.ts";
import { Column, COLUMNS, Counters, PUBLISH_MS, ROWS } from "./counters.ts";
import { Egress, type EgressHost } from "./egress.ts";
import { AGING_SECONDS, Fdb, FDB_ENTRIES } from "./fdb.ts";
import { Forwarder, type ForwardHost } from "./forward.ts";
import { type PauseHost, Pauses } from "./pause.ts";
import type { Level } from "./protocol.ts";
import { CellTally } from "./tally.ts";
import { Pollers } from "./pollers.ts";
import { Teller } from "./teller.ts";
import { Timers } from "./timers.ts";
import { Watcher } from "./watcher.ts";

/** Between two sweeps for old addresses; they live at most this much longer than the aging time. */
const AGING_SWEEP_MS = 10_000;

/** Between two looks at descriptors while ports are polled: some hundredths of the time, and of no weight in a delay. */
const LOOK_MS = 0.02;

/** How long VMs are waited for after the start; QEMU tries to connect again once a second. */
const GATHER_MS = 1500;

/** What the engine tells the outside. */
export interface EngineEvents {
  log(level: Level, port: string, text: string): void;
  /** `policy`: with "up", the policy in effect; a vhost-user guest has negotiated it. */
  port(row: number, name: string, state: "waiting" | "up" | "closed", policy?: Policy): void;
}

/** See the head of this file. */
export class Engine implements Switch, EgressHost, ForwardHost, PauseHost {
  readonly kernel: Kernel;
  readonly arena: Arena;
  readonly view: DataView;
  readonly memory: Memory;
  readonly batch: Batch = new Batch();
  readonly cells: Float64Array;
  readonly tally: CellTally;
  readonly refusals: Int32Array;
  readonly fullTold: Float64Array = new Float64Array(ROWS).fill(-Infinity);
  readonly fdb: Fdb;
  readonly planner: Planner;
  /** Egress by row. */
  readonly egress: (Egress | undefined)[] = new Array(ROWS).fill(undefined);
  readonly members: Egress[] = [];
  now: number;
  seconds = 0;
  /** See {@linkcode Switch.discardUntil}. */
  discardUntil = Infinity;
  /** When it began, in ms. */
  readonly #start: number;
  readonly #events: EngineEvents;
  readonly #counters: Counters;
  readonly #watcher: Watcher;
  readonly #timers = new Timers();
  readonly #pollers = new Pollers();
  readonly #teller: Teller;
  readonly #alarms: Alarms;
  readonly #forwarder: Forwarder;
  readonly #pauses: Pauses;
  readonly #names: (string | undefined)[] = [];
  /** Rows given back, and not yet free: see {@linkcode publish}. */
  readonly #dismissed: { row: number; name: string }[] = [];
  readonly #dirty: Egress[] = [];
  #blocked: Egress[] = [];
  #gone: Egress[] = [];
  /** When descriptors are looked at again, while ports are polled. */
  #lookAt = 0;
  #published: number;
  #unpublished = false;

  constructor(kernel: Kernel, counters: Counters, events: EngineEvents, seed: Int32Array) {
    this.kernel = kernel;
    this.arena = kernel.arena;
    this.view = kernel.arena.view;
    this.memory = new Memory(kernel.arena, kernel.abi);
    this.cells = counters.cells;
    this.tally = new CellTally(counters.cells);
    this.refusals = this.tally.refusals;
    this.planner = new Planner(
      this.view,
      this.arena.take(GATHER_SCRATCH),
      BATCH_FRAMES,
      this.memory.scatter,
    );
    this.fdb = new Fdb(FDB_ENTRIES, ROWS, seed);
    this.now = this.#start = kernel.now();
    this.#published = this.now;
    this.#events = events;
    this.#counters = counters;
    this.#watcher = new Watcher(kernel);
    this.#teller = new Teller((level, port, text) => events.log(level, port, text));
    this.#alarms = new Alarms(this.view, (port, text) => this.log("warning", port, text));
    this.#forwarder = new Forwarder(this);
    this.#pauses = new Pauses(this);
    this.#tick();
  }

  /** Take turns until `done` says so. */
  run(done: () => boolean): void {
    while (!done()) this.turn();
  }

  /** One turn: wait for something to do, at most until the next deadline, and do it. */
  turn(): void {
    if (this.#pollers.isActive) this.#poll();
    if (this.#pollers.isActive && this.now < this.#lookAt) return;
    let deadline = this.#deadline();
    // What the timers did may have found a peer gone, and its end may set an earlier deadline.
    while (this.#gone.length > 0) {
      this.#bury();
      deadline = this.#deadline();
    }
    const wait = this.#pollers.isActive
      ? 0
      : deadline === Infinity
      ? -1
      : Math.max(0, (deadline - this.now) * 1000);
    const count = this.kernel.wait(wait);
    this.now = this.kernel.now();
    this.seconds = Math.floor(this.now / 1000);
    if (count > 0) this.#unpublished = true;
    this.#watcher.dispatch(count);
    if (this.#pollers.isActive) this.#lookAt = this.kernel.now() + LOOK_MS;
    this.#retry();
    this.#bury();
    if (this.now - this.#published >= PUBLISH_MS && this.#unpublished) this.publish();
  }

  // ---- Switch: rows ----

  enroll(name: string): number {
    let row = this.#names.indexOf(undefined);
    if (row < 0) row = this.#names.length;
    if (row >= ROWS) return -1;
    this.#names[row] = name;
    this.#counters.clear(row);
    this.refusals[row] = 0;
    this.fullTold[row] = -Infinity;
    this.#counters.cover(row + 1);
    this.#events.port(row, name, "waiting");
    return row;
  }

  dismiss(row: number, into: number): void {
    const name = this.#names[row]!;
    this.#counters.fold(row, into);
    this.#dismissed.push({ row, name });
    this.#unpublished = true;
  }

  join(port: Port): void {
    const egress = new Egress(this, port);
    this.egress[port.row] = egress;
    this.members.push(egress);
    this.fdb.setLimit(port.row, port.config.maxMacs);
    this.tally.client(port.row);
    this.#events.port(port.row, port.name, "up", policyOf(port.config));
  }

  leave(port: Port): void {
    const egress = this.egress[port.row];
    if (egress === undefined) return;
    this.#pauses.forget(port);
    egress.close();
    this.#pauses.resume(egress);
    this.fdb.forget(port.row);
    this.cells[port.row * COLUMNS + Column.macs] = 0;
    this.cells[port.row * COLUMNS + Column.parked] = 0;
    this.egress[port.row] = undefined;
    this.members.splice(this.members.indexOf(egress), 1);
    this.#blocked = this.#blocked.filter((other) => other !== egress);
    this.#events.port(port.row, port.name, "waiting");
  }

  get isGathering(): boolean {
    return this.now < this.#start + GATHER_MS &&
      this.#names.some((name, row) => name !== undefined && this.egress[row] === undefined);
  }

  // ---- Switch: frames ----

  ingress(port: Port): void {
    this.batch.scattered = port.scatters;
    this.#alarms.look(port, this.batch, this.now);
    if (this.#pauses.isPaused(port)) this.#pauses.append(port, 0);
    else {
      const done = this.#forwarder.forward(port, 0);
      if (done < this.batch.count) this.#pauses.park(port, done);
    }
    this.#flush();
    this.batch.scattered = false;
  }

  writable(port: Port): void {
    this.egress[port.row]?.retry(true);
  }

  // ---- Switch: readiness ----

  watch(fd: number, source: Source, interest: number): number {
    return this.#watcher.watch(fd, source, interest);
  }

  rewatch(fd: number, token: number, interest: number): void {
    this.kernel.rewatch(fd, token, interest);
  }

  unwatch(fd: number, token: number): void {
    this.#watcher.unwatch(fd, token);
  }

  watchExit(pid: number, source: Source): { fd: number; token: number } | undefined {
    return this.#watcher.watchExit(pid, source);
  }

  poll(polled: Polled): void {
    this.#pollers.rouse(polled, this.now);
  }

  unpoll(polled: Polled): void {
    this.#pollers.forget(polled);
  }

  later(milliseconds: number, action: () => void): void {
    this.#timers.add(this.now + milliseconds, action);
  }

  log(level: Level, port: string, text: string): void {
    this.#teller.tell(this.now, level, port, text);
  }

  // ---- hosts of egress, forward and pause ----

  dirty(egress: Egress): void {
    this.#dirty.push(egress);
  }

  blocked(egress: Egress): void {
    // It may have been free for a moment of this turn and still be listed.
    if (!this.#blocked.includes(egress)) this.#blocked.push(egress);
  }

  gone(egress: Egress): void {
    this.#gone.push(egress);
  }

  tellFull(row: number, text: string): void {
    this.log("info", this.#names[row]!, text);
  }

  relieved(egress: Egress): void {
    this.#pauses.resume(egress);
  }

  mayPause(egress: Egress, ingress: Port): boolean {
    return this.#pauses.mayPause(egress, ingress);
  }

  get refusedBy(): Egress | undefined {
    return this.#forwarder.refusedBy;
  }

  forwardParked(port: Port): number {
    const done = this.#forwarder.forward(port, 0);
    this.#flush();
    return done;
  }

  overflow(port: Port, bytes: number): void {
    this.tally.lost(port.row, "closing", 1, bytes);
  }

  moved(row: number, word1: number, word2: number): void {
    this.cells[row * COLUMNS + Column.macMoves]++;
    const from = this.#names[this.fdb.movedFrom] ?? "?";
    this.#alarms.moved(row, this.#names[row]!, from, word1, word2, this.now);
  }

  stormed(row: number): void {
    this.#alarms.stormed(row, this.#names[row]!, this.now);
  }

  misdeclared(port: Port, code: number, at: number, length: number): void {
    const bytes = Math.max(0, length - port.config.vnetHdr);
    this.tally.lost(port.row, isUndeclared(code) ? "undeclared" : "bad-vnet", 1, bytes);
    this.#alarms.misdeclared(port, code, at, length, this.now);
  }

  // ---- the turn ----

  /** True while a frame is partly written somewhere. */
  get unfinished(): boolean {
    return this.members.some((egress) => egress.port.unfinished > 0);
  }

  /** Read nobody and start no frame any more: what is queued or parked is dropped. */
  abandon(): void {
    for (const egress of this.members) egress.port.wantRead(false);
    this.#pauses.abandon();
    for (const egress of this.members) egress.abandon();
  }

  /** Make the counters visible to the main thread. */
  publish(): void {
    for (let m = 0; m < this.members.length; m++) {
      const { row, port } = this.members[m];
      this.cells[row * COLUMNS + Column.macs] = this.fdb.countOf(row);
      this.cells[row * COLUMNS + Column.parked] = this.#pauses.framesOf(port);
    }
    this.#counters.publish();
    this.#published = this.now;
    this.#unpublished = false;
    // Only now does nobody read such a row under its old name with new numbers, or look for what it counted.
    for (const { row, name } of this.#dismissed) {
      this.#names[row] = undefined;
      this.#events.port(row, name, "closed");
    }
    this.#dismissed.length = 0;
  }

  /** Look at polled ports; the clock goes on. */
  #poll(): void {
    this.#pollers.round(this.now);
    this.#unpublished = true;
    this.now = this.kernel.now();
  }

  #flush(): void {
    // Flushing may find a peer gone and never adds to the list, so a plain loop is safe.
    for (let i = 0; i < this.#dirty.length; i++) this.#dirty[i].flush();
    this.#dirty.length = 0;
  }

  #retry(): void {
    let settled = false;
    for (let i = 0; i < this.#blocked.length; i++) {
      const egress = this.#blocked[i];
      if (egress.isBlocked && egress.retryAt <= this.now) {
        egress.retry();
        this.#unpublished = true;
      }
      if (!egress.isBlocked) settled = true;
    }
    if (settled) this.#blocked = this.#blocked.filter((egress) => egress.isBlocked);
  }

  /** Ports whose peer was found gone while frames were in flight are told now, between batches. */
  #bury(): void {
    for (let egress = this.#gone.pop(); egress !== undefined; egress = this.#gone.pop()) {
      // A datagram port may have met its next VM meanwhile.
      if (this.egress[egress.row] === egress) egress.port.lose("it does not take frames any more");
    }
  }

  #deadline(): number {
    let next = this.#timers.run(this.now);
    next = Math.min(next, this.#pauses.expire());
    for (let i = 0; i < this.#blocked.length; i++) {
      next = Math.min(next, this.#blocked[i].retryAt);
    }
    if (this.#unpublished) next = Math.min(next, this.#published + PUBLISH_MS);
    return next;
  }

  #tick(): void {
    this.fdb.age(this.seconds, AGING_SECONDS);
    this.later(AGING_SWEEP_MS, () => this.#tick());
  }
}
