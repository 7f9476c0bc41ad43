/**
 * A VM that takes no frames now (ENOBUFS on Darwin, EAGAIN on Linux): how often, for how long, and what it cost.
 *
 * That is normal under load and worth a look when guests stall: the field has seen 92 us on average and 2.1 ms at most
 * between a virtio network device and its switch (libkrun, pull request 556). It is counted always, and told in one
 * line now and then.
 *
 * @module
 */
import { Column, COLUMNS, dropColumn } from "./counters.ts";

/** Between two lines about one VM, in ms. */
const TELL_MS = 60_000;
const QUEUE_FULL = dropColumn("queue-full");

/** Keeps the columns `fulls` to `fullMost` of one row. Times are in milliseconds. */
export class Fullness {
  readonly #cells: Float64Array;
  readonly #row: number;
  #since = 0;
  #told = -Infinity;
  /** As the counters were when the last line was told, and the longest time since then. */
  #times = 0;
  #tries = 0;
  #over = 0;
  #ms = 0;
  #dropped = 0;
  #most = 0;

  constructor(cells: Float64Array, row: number) {
    this.#cells = cells;
    this.#row = row * COLUMNS;
    this.#remember();
  }

  /** The VM takes no more frames. */
  begin(now: number): void {
    this.#cells[this.#row + Column.fulls]++;
    this.#since = now;
  }

  /** It has taken all that waited; returns a line to be told, if it is time for one. */
  end(now: number): string | undefined {
    const cells = this.#cells, row = this.#row, ms = now - this.#since;
    cells[row + Column.fullsOver]++;
    cells[row + Column.fullMs] += ms;
    cells[row + Column.fullMost] = Math.max(cells[row + Column.fullMost], ms);
    this.#most = Math.max(this.#most, ms);
    if (now - this.#told < TELL_MS) return undefined;
    this.#told = now;
    const text = this.#line();
    this.#remember();
    return text;
  }

  #line(): string {
    const cells = this.#cells, row = this.#row;
    const times = cells[row + Column.fulls] - this.#times;
    const tries = cells[row + Column.retries] - this.#tries;
    const average = (cells[row + Column.fullMs] - this.#ms) /
      (cells[row + Column.fullsOver] - this.#over);
    const dropped = cells[row + QUEUE_FULL] - this.#dropped;
    return `its VM was full ${plural(times, "time")}: ${plural(tries, "send")} refused, ` +
      `it took frames again after ${us(average)} us on average and ${us(this.#most)} us at most, ` +
      `${plural(dropped, "frame")} dropped (queue-full)`;
  }

  #remember(): void {
    const cells = this.#cells, row = this.#row;
    this.#times = cells[row + Column.fulls];
    this.#tries = cells[row + Column.retries];
    this.#over = cells[row + Column.fullsOver];
    this.#ms = cells[row + Column.fullMs];
    this.#dropped = cells[row + QUEUE_FULL];
    this.#most = 0;
  }
}

function us(milliseconds: number): number {
  return Math.round(milliseconds * 1000);
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
