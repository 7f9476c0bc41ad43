/**
 * A VM that takes no frames now (ENOBUFS on Darwin, EAGAIN on Linux): how often, for how long, and what it cost.
 *
 * That is normal under load and worth a look when guests stall: the field has seen 92 us on average and 2.1 ms at most
 * between a virtio network device and its switch (libkrun, pull request 556). It is counted always, and told in one
 * line a minute: when it is over, or when it is not over after a second; then its end is told as well.
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
  /** How much of the time since then is counted. */
  #counted = 0;
  /** When it was last tried, if nothing waits. */
  #restsAt = Infinity;
  /** It was told while it lasted. */
  #lasts = false;
  /** Since the last line: times that are over, their sum and the longest. */
  #times = 0;
  #sum = 0;
  #most = 0;
  /** As the counters were when the last line was told. */
  #tries = 0;
  #queueFull = 0;
  #expired = 0;

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
    this.#counted = 0;
    this.#restsAt = Infinity;
    this.#lasts = false;
  }

  /** It has not taken all yet; `waiting` frames are left. */
  last(now: number, waiting: number): void {
    const ms = this.#count(now);
    if (ms < LONG_MS || !this.#isTime(now)) return;
    this.#lasts = true;
    const frames = `${plural(waiting, "frame")} ${waiting === 1 ? "waits" : "wait"}`;
    this.#tell(now, `has been full${this.#refusal} for ${time(ms)}: ${frames}, ${this.#lost}`);
  }

  /** All that waited was given up. Until the next frame nobody knows whether it is full. */
  rest(now: number): void {
    this.#count(now);
    this.#restsAt = now;
  }

  /** There is a frame for it again. */
  resume(now: number): void {
    this.#since += now - this.#restsAt;
    this.#restsAt = Infinity;
  }

  /** It has taken all that waited. */
  end(now: number): void {
    if (this.#restsAt < now) this.resume(now);
    const ms = this.#count(now);
    this.#cells[this.#first + Column.fullsOver]++;
    this.#times++;
    this.#sum += ms;
    this.#most = Math.max(this.#most, ms);
    if (this.#lasts) this.#tell(now, `takes frames again after ${time(ms)}, ${this.#lost}`);
    else if (this.#isTime(now)) this.#tell(now, this.#summary);
  }

  /** Count the time until now; returns how long it lasts by now. */
  #count(now: number): number {
    const cells = this.#cells, first = this.#first, ms = now - this.#since;
    cells[first + Column.fullMs] += ms - this.#counted;
    this.#counted = ms;
    if (ms > cells[first + Column.fullMost]) cells[first + Column.fullMost] = ms;
    return ms;
  }

  #isTime(now: number): boolean {
    return now - this.#host.fullTold[this.#row] >= TELL_MS;
  }

  #tell(now: number, text: string): void {
    this.#host.fullTold[this.#row] = now;
    this.#host.tellFull(this.#row, `its VM ${text}`);
    this.#remember();
  }

  get #summary(): string {
    const tries = this.#cells[this.#first + Column.retries] - this.#tries;
    const refused = tries > 0 ? ` and refused ${plural(tries, "send")}` : "";
    return `was full${this.#refusal} ${plural(this.#times, "time")}${refused}; room again after ${
      time(this.#sum / this.#times)
    } on average, ` +
      `${time(this.#most)} at most; ${this.#lost}`;
  }

  get #refusal(): string {
    const error = this.#host.refusals[this.#row];
    return error === 0 ? "" : ` (${errnoName(error)})`;
  }

  /** What was dropped since the last line. */
  get #lost(): string {
    const cells = this.#cells, first = this.#first;
    const queueFull = cells[first + QUEUE_FULL] - this.#queueFull;
    const expired = cells[first + EXPIRED] - this.#expired;
    if (queueFull + expired === 0) return "nothing dropped";
    const reasons = [
      ...(queueFull > 0 ? [`${queueFull} queue-full`] : []),
      ...(expired > 0 ? [`${expired} expired`] : []),
    ];
    return `dropped ${plural(queueFull + expired, "frame")} (${reasons.join(", ")})`;
  }

  #remember(): void {
    const cells = this.#cells, first = this.#first;
    this.#times = this.#sum = this.#most = 0;
    this.#tries = cells[first + Column.retries];
    this.#queueFull = cells[first + QUEUE_FULL];
    this.#expired = cells[first + EXPIRED];
  }
}

/** Microseconds where they matter: `436 us`, `2.1 ms`, `55.5 s`. */
function time(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} us`;
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
