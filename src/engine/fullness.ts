/**
 * A VM that takes no frames now (ENOBUFS on Darwin, EAGAIN on Linux): how often, for how long, and what it cost.
 *
 * That is normal under load and worth a look when guests stall: the field has seen 92 us on average and 2.1 ms at most
 * between a virtio network device and its switch (libkrun, pull request 556). It is counted always, and told in one
 * line now and then: when it is over, or when it is not over after a second.
 *
 * @module
 */
import { errnoName } from "../platform/errno.ts";
import { Column, COLUMNS, dropColumn } from "./counters.ts";

/** Between two lines about one VM, in ms. */
const TELL_MS = 60_000;
/** A time that goes on for longer than this, in ms, is told before it is over. */
const LONG_MS = 1000;
const QUEUE_FULL = dropColumn("queue-full"), EXPIRED = dropColumn("expired");

/** What a {@linkcode Fullness} needs of the loop. */
export interface FullnessHost {
  /** Counter cells, see counters.ts. */
  readonly cells: Float64Array;
  /** When the last line about each row was told, in ms: a VM that comes and goes has one a minute, too. */
  readonly fullTold: Float64Array;
  /** The last refusal of each row, as an error number; 0 for a VM that has no socket. */
  readonly refusals: Int32Array;
  /** Tell a line about the port of a row. */
  tellFull(row: number, text: string): void;
}

/** Keeps the columns `fulls` to `fullMost` of one row. Times are in milliseconds. */
export class Fullness {
  readonly #host: FullnessHost;
  readonly #cells: Float64Array;
  readonly #row: number;
  /** First cell of the row. */
  readonly #first: number;
  #since = 0;
  /** As the counters were when the last line was told, and the longest time since then. */
  #tries = 0;
  #over = 0;
  #ms = 0;
  #dropped = 0;
  #most = 0;

  constructor(host: FullnessHost, row: number) {
    this.#host = host;
    this.#cells = host.cells;
    this.#row = row;
    this.#first = row * COLUMNS;
    this.#remember();
  }

  /** The VM takes no more frames. */
  begin(now: number): void {
    this.#cells[this.#first + Column.fulls]++;
    this.#since = now;
  }

  /** It has not taken all yet; `waiting` frames are left. */
  last(now: number, waiting: number): void {
    const ms = now - this.#since;
    if (ms < LONG_MS || !this.#isTime(now)) return;
    this.#tell(
      now,
      `its VM has been full${this.#refusal} for ${us(ms)} us: ` +
        `${plural(waiting, "frame")} ${waiting === 1 ? "waits" : "wait"}, ${this.#lost}`,
    );
  }

  /** It has taken all that waited. */
  end(now: number): void {
    const cells = this.#cells, first = this.#first, ms = now - this.#since;
    cells[first + Column.fullsOver]++;
    cells[first + Column.fullMs] += ms;
    cells[first + Column.fullMost] = Math.max(cells[first + Column.fullMost], ms);
    this.#most = Math.max(this.#most, ms);
    if (this.#isTime(now)) this.#tell(now, this.#summary);
  }

  #isTime(now: number): boolean {
    return now - this.#host.fullTold[this.#row] >= TELL_MS;
  }

  #tell(now: number, text: string): void {
    this.#host.fullTold[this.#row] = now;
    this.#host.tellFull(this.#row, text);
    this.#remember();
  }

  get #summary(): string {
    const cells = this.#cells, first = this.#first;
    const times = cells[first + Column.fullsOver] - this.#over;
    const tries = cells[first + Column.retries] - this.#tries;
    const average = (cells[first + Column.fullMs] - this.#ms) / times;
    return `its VM was full${this.#refusal} ${plural(times, "time")}: ${
      plural(tries, "send")
    } refused, ` +
      `it took frames again after ${us(average)} us on average and ${us(this.#most)} us at most, ` +
      this.#lost;
  }

  get #refusal(): string {
    const error = this.#host.refusals[this.#row];
    return error === 0 ? "" : ` (${errnoName(error)})`;
  }

  /** What was dropped since the last line. */
  get #lost(): string {
    const dropped = this.#droppedAll - this.#dropped;
    return `${plural(dropped, "frame")} dropped (queue-full, expired)`;
  }

  get #droppedAll(): number {
    return this.#cells[this.#first + QUEUE_FULL] + this.#cells[this.#first + EXPIRED];
  }

  #remember(): void {
    const cells = this.#cells, first = this.#first;
    this.#tries = cells[first + Column.retries];
    this.#over = cells[first + Column.fullsOver];
    this.#ms = cells[first + Column.fullMs];
    this.#dropped = this.#droppedAll;
    this.#most = 0;
  }
}

function us(milliseconds: number): number {
  return Math.round(milliseconds * 1000);
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
