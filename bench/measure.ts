/**
 * One run of one case on one subject: the load's figures beside what the subject spent on them.
 *
 * @module
 */
import { sleep } from "./child.ts";
import type { LoadResult, Pair } from "./load.ts";
import { schedule } from "./process.ts";
import type { Subject, Traffic, Wire } from "./subject.ts";
import { median } from "./table.ts";

/** What is sent. */
export interface Case {
  wire: Wire;
  /** Stream: frames gathered into writes of 64 KiB. */
  coalesce: boolean;
  size: number;
}

/** Figures of one run, or medians of several; null: this subject or case has none. */
export interface Figures {
  framesPerSecond: number;
  gbitPerSecond: number;
  /** Part of the sent frames that did not arrive. */
  loss: number;
  /** Frames per receiving and per sending system call. */
  framesPerRx: number | null;
  framesPerTx: number | null;
  /** CPU seconds of the subject, all threads, per million frames. */
  cpuPerMillion: number;
  /** Throughput for each percent of a CPU the subject used. */
  mbitPerCpuPercent: number;
  /** Part of a CPU the subject used; below about 0.9 the subject was not the bottleneck. */
  busy: number;
  /** Part of the run in which the subject was ready and something else had its CPU. */
  waited: number;
  /** Round trip of a single frame, in microseconds. */
  p50Us: number | null;
  p99Us: number | null;
}

/** The counters are published at most every 20 ms. */
const PUBLISHED_MS = 40;

/** A subject with its busy pair. */
export interface Bench {
  subject: Subject;
  pair: Pair;
}

/** Run a case once; `latencySeconds` 0 leaves the round trips out. */
export async function measure(
  { subject, pair }: Bench,
  one: Case,
  seconds: number,
  latencySeconds: number,
  full: boolean,
): Promise<Figures> {
  const before = await subject.traffic();
  const start = schedule(subject.pid);
  const run = await pair.throughput({ size: one.size, seconds, coalesce: one.coalesce, full });
  const end = schedule(subject.pid);
  const cpu = end.ran - start.ran;
  await sleep(PUBLISHED_MS);
  const after = await subject.traffic();
  insistGood(subject, caseName(one), run);
  const trip = latencySeconds > 0 ? await pair.latency(one.size, latencySeconds) : null;
  if (trip !== null) insistGood(subject, caseName(one), trip);
  return {
    framesPerSecond: run.framesPerSecond,
    gbitPerSecond: run.framesPerSecond * one.size * 8 / 1e9,
    loss: run.lost / run.sent,
    ...perCall(before, after),
    cpuPerMillion: cpu / run.received / 1e3,
    mbitPerCpuPercent: run.bytes * 8 / 1e6 / (cpu / 1e9 * 100),
    busy: cpu / 1e9 / run.seconds,
    waited: (end.waited - start.waited) / 1e9 / run.seconds,
    p50Us: trip?.p50Us ?? null,
    p99Us: trip?.p99Us ?? null,
  };
}

/** The middle of each figure over the rounds. */
export function middle(rounds: readonly Figures[]): Figures {
  const of = (key: keyof Figures) => {
    const values = rounds.map((r) => r[key]).filter((v) => v !== null);
    return values.length === 0 ? null : median(values);
  };
  return Object.fromEntries(
    Object.keys(rounds[0]).map((key) => [key, of(key as keyof Figures)]),
  ) as unknown as Figures;
}

/** `dgram 1514`, `stream coalesced 64`. */
export function caseName({ wire, coalesce, size }: Case): string {
  return `${wire}${wire === "stream" ? coalesce ? " coalesced" : " one/write" : ""} ${size}`;
}

/** A fast switch that damages frames has no speed: throws, and so ends the bench. */
export function insistGood(subject: Subject, what: string, run: LoadResult): void {
  if (run.bad === 0 && run.received > 0) return;
  throw new Error(
    `Cannot use the result of ${subject.name}, ${what}: ` +
      `${run.bad} of ${run.sent} frames arrived damaged or out of order, ${run.received} arrived well`,
  );
}

function perCall(before: Traffic | undefined, after: Traffic | undefined) {
  if (before === undefined || after === undefined) return { framesPerRx: null, framesPerTx: null };
  return {
    framesPerRx: (after.rxFrames - before.rxFrames) / (after.rxCalls - before.rxCalls),
    framesPerTx: (after.txFrames - before.txFrames) / (after.txCalls - before.txCalls),
  };
}
