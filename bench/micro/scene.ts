/**
 * What the micro benches measure with: the switch's parts over plain memory, without a system call.
 *
 * Ports take every frame at once and look at none, so that what is left is the switch's own time. The
 * parts are wired as the engine wires them.
 *
 * @module
 */
import { COLUMNS, ROWS } from "../../src/engine/counters.ts";
import { Egress, type EgressHost } from "../../src/engine/egress.ts";
import { Fdb, FDB_ENTRIES } from "../../src/engine/fdb.ts";
import { Forwarder, type ForwardHost } from "../../src/engine/forward.ts";
import { CellTally } from "../../src/engine/tally.ts";
import { type Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Planner } from "../../src/offload/plan.ts";
import { Arena } from "../../src/platform/arena.ts";
import { Batch, BATCH_FRAMES, HEADROOM } from "../../src/port/batch.ts";
import { PORT_DEFAULTS, type PortConfig } from "../../src/port/config.ts";
import type { Port } from "../../src/port/port.ts";

/** Virtual until touched. */
const ARENA_BYTES = 192 << 20;
const READ_BYTES = 8 << 20;

/** A row of random 32-bit numbers, the same every time (xorshift). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13, state ^= state >>> 17, state ^= state << 5;
    return state;
  };
}

/** Plain memory in place of the mapping. */
export function openArena(): Arena {
  return new Arena(new ArrayBuffer(ARENA_BYTES), 0, () => {});
}

/** The configuration of a bench's port. */
export function benchConfig(name: string): PortConfig {
  return { ...PORT_DEFAULTS, name, kind: "bench", target: name, clients: "replace" };
}

/** A VM that takes `room` frames, and all by default, without looking at them. */
export class SinkPort implements Port {
  readonly name: string;
  readonly row: number;
  readonly config: PortConfig;
  readonly pausable = true;
  readonly unfinished = 0;
  readonly framed = false;
  readonly scatters = false;
  room = Infinity;
  readonly #tally: CellTally;

  constructor(row: number, tally: CellTally, options: Partial<PortConfig> = {}) {
    this.row = row;
    this.name = `port${row}`;
    this.config = { ...benchConfig(this.name), ...options };
    this.#tally = tally;
  }

  ready(): void {}

  tx(_at: Int32Array, _length: Int32Array, from: number, count: number): number {
    const taken = Math.min(count - from, this.room);
    this.#tally.sent(this.row, taken, 0);
    return taken;
  }

  txGather(gather: Gather): number {
    const taken = Math.min(gather.frames, this.room);
    this.#tally.sent(this.row, taken, 0);
    return taken;
  }

  wantWrite(): void {}
  wantRead(): void {}
  lose(): void {}
}

/** A switch with sinks for ports; station `n` is behind port `n`. */
export class Scene implements EgressHost, ForwardHost {
  readonly arena = openArena();
  readonly view = this.arena.view;
  readonly batch = new Batch();
  readonly cells = new Float64Array(ROWS * COLUMNS);
  readonly tally = new CellTally(this.cells);
  readonly refusals = this.tally.refusals;
  readonly fullTold = new Float64Array(ROWS);
  readonly fdb = new Fdb(FDB_ENTRIES, ROWS, Int32Array.of(0x1234_5678, -0x0765_4321));
  readonly egress: (Egress | undefined)[] = new Array(ROWS).fill(undefined);
  readonly members: Egress[] = [];
  readonly planner = new Planner(this.view, this.arena.take(GATHER_SCRATCH), BATCH_FRAMES);
  readonly ports: SinkPort[] = [];
  readonly forwarder: Forwarder;
  /** Time does not pass by itself; floods need it for their budget. */
  now = 1000;
  readonly seconds = 1;
  readonly #dirty: Egress[] = [];
  readonly #read = this.arena.take(READ_BYTES);

  constructor(ports: number) {
    this.forwarder = new Forwarder(this);
    for (let row = 0; row < ports; row++) {
      const port = new SinkPort(row, this.tally);
      this.ports.push(port);
      this.egress[row] = new Egress(this, port);
      this.members.push(this.egress[row]!);
      this.fdb.learn(0x5254, row, row, 1);
    }
  }

  /** Lay `count` frames of `bytes` bytes for the batches to come; frame `i` is for station `dst(i)`, -1 for all. */
  lay(count: number, bytes: number, dst: (i: number) => number): { at: Int32Array } {
    const at = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const to = dst(i);
      at[i] = this.#read + i * (bytes + HEADROOM) + HEADROOM;
      this.view.setUint32(at[i] - HEADROOM, bytes);
      this.view.setUint16(at[i], to < 0 ? 0xffff : 0x5254);
      this.view.setInt32(at[i] + 2, to);
      this.view.setUint16(at[i] + 6, 0x5254);
      this.view.setInt32(at[i] + 8, 0);
      this.view.setUint16(at[i] + 12, 0x0800);
    }
    return { at };
  }

  /** Forward laid frames from port 0 in batches, and send; as a long read of one port. */
  forward(at: Int32Array, bytes: number): void {
    const { batch } = this, port = this.ports[0];
    for (let from = 0; from < at.length; from += batch.at.length) {
      const count = Math.min(at.length - from, batch.at.length);
      for (let i = 0; i < count; i++) {
        batch.at[i] = at[from + i];
        batch.length[i] = bytes;
      }
      batch.count = count;
      this.forwarder.forward(port, 0);
    }
    for (let i = 0; i < this.#dirty.length; i++) this.#dirty[i].flush();
    this.#dirty.length = 0;
  }

  // ---- hosts ----

  dirty(egress: Egress): void {
    this.#dirty.push(egress);
  }

  blocked(): void {}
  gone(): void {}
  relieved(): void {}

  tellFull(): void {}
  moved(): void {}
  stormed(): void {}

  mayPause(): boolean {
    return false;
  }
}
