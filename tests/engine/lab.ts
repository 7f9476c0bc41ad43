/**
 * A switch by hand: egress, forwarder and pauses wired as the engine wires them, and nothing else.
 *
 * Time is a number a test sets; ports are scripted; frames are written into the arena as a port that has
 * read them leaves them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Column, COLUMNS, dropColumn, ROWS } from "../../src/engine/counters.ts";
import { DROP_REASONS, type DropReason } from "../../src/engine/counters.ts";
import { Egress, type EgressHost } from "../../src/engine/egress.ts";
import { Fdb } from "../../src/engine/fdb.ts";
import { Forwarder, type ForwardHost } from "../../src/engine/forward.ts";
import { type PauseHost, Pauses } from "../../src/engine/pause.ts";
import { CellTally } from "../../src/engine/tally.ts";
import { Arena } from "../../src/platform/arena.ts";
import { Headers } from "../../src/frame/headers.ts";
import { acceptVnet, Verdict } from "../../src/offload/accept.ts";
import { Scatter, SCATTER_BYTES } from "../../src/frame/scatter.ts";
import { GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Planner } from "../../src/offload/plan.ts";
import { NO_OFFLOAD, type Policy } from "../../src/offload/policy.ts";
import { Batch, BATCH_FRAMES } from "../../src/port/batch.ts";
import type { PortConfig } from "../../src/port/config.ts";
import type { Port } from "../../src/port/port.ts";
import { ScriptedPort } from "./scripted_port.ts";

/** Where frames are read to: as much as a turn of a test may bring. */
const READ_BYTES = 4 << 20;

/** See the head of this file. */
export class Lab implements EgressHost, ForwardHost, PauseHost {
  readonly arena: Arena;
  readonly view: DataView;
  readonly batch = new Batch();
  readonly cells = new Float64Array(ROWS * COLUMNS);
  readonly tally = new CellTally(this.cells);
  readonly fdb = new Fdb(64, ROWS, Int32Array.of(1, 2));
  readonly egress: (Egress | undefined)[] = new Array(ROWS).fill(undefined);
  readonly members: Egress[] = [];
  /** For frames in a guest's memory, of labs that have such. */
  readonly scatter: Scatter;
  readonly planner: Planner;
  readonly forwarder: Forwarder;
  readonly pauses: Pauses;
  readonly ports: ScriptedPort[] = [];
  /** Rows addresses moved to. */
  readonly moves: number[] = [];
  /** Egresses that reported to be dirty, blocked or relieved, and ports that are gone, in order. */
  readonly dirtied: Egress[] = [];
  readonly blockedOnes: Egress[] = [];
  readonly relievedOnes: Egress[] = [];
  readonly goneOnes: Port[] = [];
  readonly told: string[] = [];
  readonly refusals = this.tally.refusals;
  readonly fullTold = new Float64Array(ROWS).fill(-Infinity);
  readonly stormedOnes: number[] = [];
  now = 1000;
  readonly #read: number;
  readonly #headers = new Headers();
  /** What is in the batch has been sent: the next frames make a new one. */
  #flushed = true;
  #readBytes = 0;

  constructor(arenaBytes = 96 << 20) {
    const buffer = new ArrayBuffer(arenaBytes + SCATTER_BYTES);
    this.arena = new Arena(buffer, 0, (at, bytes) => this.arena.u8.fill(0, at, at + bytes));
    this.view = this.arena.view;
    this.#read = this.arena.take(READ_BYTES);
    this.scatter = new Scatter(this.view, this.arena.u8, this.arena.take(SCATTER_BYTES));
    const scratch = this.arena.take(GATHER_SCRATCH);
    this.planner = new Planner(this.view, scratch, BATCH_FRAMES, this.scatter);
    this.forwarder = new Forwarder(this);
    this.pauses = new Pauses(this);
  }

  get seconds(): number {
    return Math.floor(this.now / 1000);
  }

  /** Add a port that is up. */
  join(options: Partial<PortConfig> = {}): ScriptedPort {
    const row = this.ports.length;
    const port = new ScriptedPort(row, this.arena, this.tally, options, this.scatter);
    this.ports.push(port);
    this.egress[row] = new Egress(this, port);
    this.members.push(this.egress[row]);
    this.fdb.setLimit(row, port.config.maxMacs);
    return port;
  }

  egressOf(port: Port): Egress {
    return this.egress[port.row]!;
  }

  /** The port's VM is gone; as Engine.leave. */
  leave(port: Port): void {
    const egress = this.egressOf(port);
    this.pauses.forget(port);
    egress.close();
    this.pauses.resume(egress);
    this.fdb.forget(port.row);
    this.egress[port.row] = undefined;
    this.members.splice(this.members.indexOf(egress), 1);
  }

  /** Put frames into the batch, behind those of the turn's earlier batches, as a port with `policy` reads them. */
  load(frames: readonly Uint8Array[], policy: Policy = NO_OFFLOAD): void {
    if (this.#flushed) this.batch.count = 0;
    this.#flushed = false;
    if (this.batch.count + frames.length > BATCH_FRAMES) {
      throw new RangeError(`A batch has ${BATCH_FRAMES} frames`);
    }
    this.show(frames, policy);
  }

  /** Put frames where a port reads them to, and list them in the batch. */
  protected show(frames: readonly Uint8Array[], { vnetHdr, sends }: Policy): void {
    for (const frame of frames) {
      const at = this.#read + this.#readBytes + 64;
      const bytes = frame.length - vnetHdr;
      this.arena.u8.set(frame, at);
      if (vnetHdr !== 0) {
        const code = acceptVnet(this.view, at, vnetHdr, at + vnetHdr, bytes, sends, this.#headers);
        assertEquals(code, Verdict.OK, "a frame of a test is accepted");
      }
      this.batch.add(this.view, at + vnetHdr, bytes, vnetHdr);
      this.#readBytes += frame.length + 64;
    }
  }

  /** A port has read these frames; as Engine.ingress. */
  ingress(port: Port, frames: readonly Uint8Array[]): void {
    this.load(frames, port.config);
    if (this.pauses.isPaused(port)) this.pauses.append(port, 0);
    else {
      const done = this.forwarder.forward(port, 0);
      if (done < this.batch.count) this.pauses.park(port, done);
    }
    this.flush();
  }

  /** Send what this turn has collected. */
  flush(): void {
    for (const egress of this.dirtied) egress.flush();
    this.dirtied.length = 0;
    this.#flushed = true;
    // Whoever forgets to copy a frame in time finds this instead.
    this.arena.u8.fill(0xee, this.#read, this.#read + this.#readBytes);
    this.#readBytes = 0;
  }

  /** Let time pass to `ms` and retry who is due; as a turn of the engine without events. */
  wait(ms: number): void {
    this.now = ms;
    for (const egress of this.members) {
      if (egress.isBlocked && egress.retryAt <= ms) egress.retry();
    }
    this.pauses.expire();
  }

  count(port: Port, column: keyof typeof Column | DropReason): number {
    const at = column in Column
      ? Column[column as keyof typeof Column]
      : dropColumn(column as DropReason);
    return this.cells[port.row * COLUMNS + at];
  }

  /** Drops of a port by reason, without those that are 0. */
  drops(port: Port): Partial<Record<DropReason, number>> {
    const all = DROP_REASONS.map((reason) => [reason, this.count(port, reason)] as const);
    return Object.fromEntries(all.filter(([, count]) => count > 0));
  }

  /** Every frame is accounted for. */
  checkBalance(): void {
    let into = 0, out = 0;
    for (const port of this.ports) {
      into += this.count(port, "rxFrames") + this.count(port, "copies");
      into += this.count(port, "segments") + this.count(port, "merges");
      out += this.count(port, "txFrames") + this.count(port, "queued");
      out += this.count(port, "segmented") + this.count(port, "merged");
      for (const reason of DROP_REASONS) out += this.count(port, reason);
    }
    assertEquals(
      into,
      out,
      "rx + copies + segments + merges = tx + drops + queued + segmented + merged",
    );
  }

  // ---- hosts ----

  dirty(egress: Egress): void {
    this.dirtied.push(egress);
  }

  blocked(egress: Egress): void {
    this.blockedOnes.push(egress);
  }

  gone(egress: Egress): void {
    this.goneOnes.push(egress.port);
  }

  stormed(row: number): void {
    this.stormedOnes.push(row);
  }

  tellFull(row: number, text: string): void {
    this.told.push(`${row}: ${text}`);
  }

  relieved(egress: Egress): void {
    this.relievedOnes.push(egress);
    this.pauses.resume(egress);
  }

  mayPause(egress: Egress, ingress: Port): boolean {
    return this.pauses.mayPause(egress, ingress);
  }

  get refusedBy(): Egress | undefined {
    return this.forwarder.refusedBy;
  }

  forwardParked(port: Port): number {
    const done = this.forwarder.forward(port, 0);
    this.flush();
    return done;
  }

  overflow(port: Port, bytes: number): void {
    this.tally.lost(port.row, "closing", 1, bytes);
  }

  moved(row: number): void {
    this.moves.push(row);
  }
}

/** A lab with ports; address `n` is known behind port `n`. */
export function openLab(
  count: number,
  options: Partial<PortConfig> = {},
): { lab: Lab; p: ScriptedPort[] } {
  const lab = new Lab();
  const p = Array.from({ length: count }, () => lab.join(options));
  for (const port of p) lab.fdb.learn(0x5254, port.row, port.row, lab.seconds);
  return { lab, p };
}

/** Frames each port took. */
export function taken(p: readonly ScriptedPort[]): number[] {
  return p.map((port) => port.taken.length);
}
