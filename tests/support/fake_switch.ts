/**
 * A whole switch in a test: the real engine and its ports over the fake kernel, in virtual time.
 *
 * Nothing sleeps and nothing is left to chance: VMs act between two waits, the clock jumps to the next
 * deadline, and every run ends with the two sums that must always hold: no frame is unaccounted for, and
 * after {@linkcode FakeSwitch.stop} no descriptor, arena memory or socket file is left.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Column,
  COLUMNS,
  Counters,
  DROP_REASONS,
  dropColumn,
  type DropReason,
  ROWS,
  SHARED_BYTES,
} from "../../src/engine/counters.ts";
import { Engine } from "../../src/engine/engine.ts";
import { House } from "../../src/engine/house.ts";
import type { Event, Level } from "../../src/engine/protocol.ts";
import { PORT_DEFAULTS, type PortConfig } from "../../src/port/config.ts";
import { kinds } from "../../src/port/mod.ts";
import { CountingKernel } from "./counting_kernel.ts";
import type { MachineOptions } from "./fake_machine.ts";

/** What must always hold, and the columns it is about, drops apart. */
const BALANCE = "rx + copies + segments + merges = tx + drops + queued + segmented + merged";
const SUMS = [
  "rxFrames",
  "copies",
  "segments",
  "merges",
  "txFrames",
  "queued",
  "segmented",
  "merged",
] as const;

/** One record of the log. */
export interface Told {
  readonly at: number;
  readonly level: Level;
  readonly port: string;
  readonly text: string;
}

/** A port as a test asks for it; the rest is as the command line would fill it in. */
export type Spec = Partial<PortConfig> & Pick<PortConfig, "name" | "target">;

/** Fill in what a test does not care about. */
export function portConfig(spec: Spec): PortConfig {
  const kind = spec.kind ?? "dgram";
  return { ...PORT_DEFAULTS, kind, clients: kinds[kind].clients, ...spec };
}

/** See the head of this file. */
export class FakeSwitch {
  readonly kernel: CountingKernel;
  readonly engine: Engine;
  readonly house: House;
  readonly logs: Told[] = [];
  /** States of ports in order, as `"lan.1 up"`. */
  readonly states: string[] = [];
  readonly #names = new Map<string, number>();
  readonly #counters: Counters;
  readonly #arenaAtStart: number;

  /** What a switch runs on where a test does not say: Linux, unless a whole file of tests is run on something else. */
  static machine: (options: MachineOptions) => CountingKernel = (options) =>
    new CountingKernel(options);

  /** @param kernel the machine an earlier switch has died on; a fresh one if not given */
  constructor(options: MachineOptions = {}, kernel?: CountingKernel) {
    this.kernel = kernel ?? FakeSwitch.machine({ bufferLimit: 4 << 20, ...options });
    this.#counters = new Counters(new SharedArrayBuffer(SHARED_BYTES));
    const events = {
      log: (level: Level, port: string, text: string) => {
        this.logs.push({ at: this.kernel.now(), level, port, text });
      },
      port: (row: number, name: string, state: string) => {
        this.states.push(`${name} ${state}`);
        if (state !== "closed") this.#names.set(name, row);
        else if (this.#names.get(name) === row) this.#names.delete(name);
      },
    };
    this.engine = new Engine(this.kernel, this.#counters, events, Int32Array.of(1, 2));
    this.house = new House(this.engine);
    this.#arenaAtStart = this.kernel.arenaTaken();
  }

  /** Open ports that a test takes for granted. */
  open(...specs: Spec[]): this {
    assertEquals(this.tryOpen(...specs).kind, "opened", JSON.stringify(this.logs));
    return this;
  }

  tryOpen(...specs: Spec[]): Event {
    return this.house.open(specs.map(portConfig));
  }

  // ---- time ----

  /** Let virtual time pass. */
  run(ms: number): void {
    const end = this.kernel.now() + ms;
    this.engine.later(end - this.engine.now, () => {});
    this.engine.run(() => this.kernel.now() >= end);
  }

  /** Take turns until nothing is ready any more; almost no time passes. */
  settle(): void {
    do {
      this.engine.later(0.002, () => {}); // so that the turn does not sleep
      this.engine.turn();
    } while (this.kernel.found > 0);
  }

  /** Take turns until `condition` holds; returns the virtual milliseconds it took. */
  until(condition: () => boolean, withinMs: number): number {
    const start = this.kernel.now(), end = start + withinMs;
    this.engine.later(end - this.engine.now, () => {});
    let held = false;
    this.engine.run(() => (held = condition()) || this.kernel.now() > end);
    assert(held, `not within ${withinMs} ms of virtual time; log: ${this.text()}`);
    return this.kernel.now() - start;
  }

  // ---- what it tells ----

  /** A counter of a port by the name it has now. */
  count(name: string, column: keyof typeof Column | DropReason): number {
    const row = this.#names.get(name);
    assert(row !== undefined, `no port "${name}"; there are ${[...this.#names.keys()].join(" ")}`);
    return this.engine.cells[row * COLUMNS + columnOf(column)];
  }

  /** A counter, summed over all rows. */
  sum(column: keyof typeof Column | DropReason): number {
    let sum = 0;
    for (let row = 0; row < ROWS; row++) sum += this.engine.cells[row * COLUMNS + columnOf(column)];
    return sum;
  }

  /** Names of the ports there are now, VMs of `clients=many` included. */
  get ports(): string[] {
    this.engine.publish(); // rows are given back then
    return [...this.#names.keys()].sort();
  }

  /** The log, or that of one port, as one text. */
  text(port?: string): string {
    const mine = this.logs.filter((told) => port === undefined || told.port === port);
    return mine.map((told) => `${told.port}: ${told.text}`).join("\n");
  }

  // ---- what must always hold ----

  /** Every frame that came, or was made here, was sent, dropped for a reason, cut or put together, or is queued. */
  assertBalanced(): void {
    const drops = DROP_REASONS.reduce((sum, reason) => sum + this.sum(reason), 0);
    const made = this.sum("copies") + this.sum("segments") + this.sum("merges");
    const came = this.sum("rxFrames") + made;
    const ended = this.sum("segmented") + this.sum("merged");
    const went = this.sum("txFrames") + drops + this.#queued() + ended;
    assertEquals(came, went, `${BALANCE}; ${this.balance()}`);
  }

  /** The sums behind {@linkcode assertBalanced}, for messages. */
  balance(): string {
    const drops = DROP_REASONS.map((reason) => [reason, this.sum(reason)] as const);
    const some = drops.filter(([, n]) => n !== 0).map(([reason, n]) => `${reason} ${n}`);
    const sums = SUMS.map((column) => `${column} ${this.sum(column)}`);
    return [...sums, ...some].join(", ");
  }

  /** Stop as at SIGTERM; returns how long it took. Nothing may be left. */
  stop(): number {
    const start = this.kernel.now();
    this.house.stop();
    const took = this.kernel.now() - start;
    this.assertBalanced();
    assertEquals(this.kernel.openDescriptors(), [], "descriptors left open");
    assertEquals(this.kernel.arenaTaken(), this.#arenaAtStart, "arena memory not given back");
    return took;
  }

  /** Arena bytes taken since the engine was made. */
  get arenaTaken(): number {
    return this.kernel.arenaTaken() - this.#arenaAtStart;
  }

  /** Frames in egress queues; those of a paused sender are not received yet. */
  #queued(): number {
    return this.engine.members.reduce((sum, egress) => sum + egress.queued, 0);
  }
}

function columnOf(column: keyof typeof Column | DropReason): number {
  return column in Column
    ? Column[column as keyof typeof Column]
    : dropColumn(column as DropReason);
}
