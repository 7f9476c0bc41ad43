/**
 * The turns of the vhost-user bench: what one run measured on one subject.
 *
 * @module
 */
import type { Pair } from "./load.ts";
import { schedule } from "./process.ts";
import type { Subject } from "./subject.ts";
import { median } from "./table.ts";
import { type Frames, type GuestResult, TCP_SIZE } from "./vhost_load.ts";
import { type Bench, type Mover, rest, wake } from "./vhost_subject.ts";

/** A kind of traffic between two guests. */
export interface Case extends Frames {
  name: string;
}

/** All kinds, in the order of the table. */
export const CASES: readonly Case[] = [
  { name: "64", size: 64 },
  { name: "256", size: 256 },
  { name: "1514", size: 1514 },
  { name: "65550", size: 65550 },
  { name: "TSO", size: TCP_SIZE, tcp: true },
  { name: "64 both ways", size: 64, both: true },
];

/** Largest frame testpmd is given: more does not fit one of its mbufs. */
const DPDK_LARGEST = 1514;

/** What one turn measured, or the medians of several. */
export interface Figures {
  framesPerSecond: number;
  gbitPerSecond: number;
  /** CPU nanoseconds of the subject, all threads, a frame. */
  cpuPerFrame: number;
  loss: number;
  /** Part of a CPU the subject used; who polls uses all of it. */
  busy: number;
  /** Part of the turn in which the subject was ready and something else had its CPU. */
  waited: number;
  /** Part of the turn in which the generator had nothing to do; near zero: it was the bottleneck. */
  rested: number;
}

/** Can this subject be measured with these frames? */
export function able(mover: Mover, one: Case): boolean {
  return mover !== "dpdk" || one.size <= DPDK_LARGEST;
}

/** Frames between two guests. */
export async function turn(bench: Bench, one: Case, seconds: number): Promise<Figures> {
  return await watched(bench, one.name, one.size, () => bench.guests.throughput(one, seconds));
}

/** A guest's TCP, cut and summed for a datagram end; frames are segments. */
export async function turnMixed(
  bench: Bench,
  window: number,
  full: boolean,
  seconds: number,
): Promise<Figures> {
  const run = () => bench.guests.tcp(window, full, seconds);
  return await watched(bench, "TSO to datagrams", MSS, run);
}

/** Frames (`tcp` undefined: of so many bytes) between two VMs on datagram ports. */
export async function turnDatagram(
  { subject, pair }: { subject: Subject; pair: Pair },
  what: { size: number } | { window: number },
  full: boolean,
  seconds: number,
): Promise<Figures> {
  const tcp = "window" in what;
  const bench = { subject, restless: false };
  return await watched(
    bench,
    "datagrams",
    tcp ? MSS : what.size,
    () =>
      tcp
        ? pair.tcp({ seconds, flows: 1, window: what.window, full })
        : pair.throughput({ seconds, size: what.size, full }),
  );
}

/** Payload bytes of a segment. */
const MSS = 1448;

/** What a turn needs to know of a run. */
type Run = Pick<
  GuestResult,
  "sent" | "received" | "seconds" | "framesPerSecond" | "lost" | "bad" | "restedSeconds"
>;

/** Run while looking at the subject's CPU; a result that is no good ends the bench. */
async function watched(
  bench: Omit<Bench, "guests">,
  what: string,
  size: number,
  go: () => Promise<Run>,
): Promise<Figures> {
  wake(bench as Bench);
  const start = performance.now(), before = schedule(bench.subject.pid);
  const run = await go();
  const after = schedule(bench.subject.pid), seconds = (performance.now() - start) / 1e3;
  rest(bench as Bench);
  insistGood(bench.subject, what, run);
  // Who never sleeps also looks at its rings while the generator waits for frames that were lost.
  const part = bench.restless ? run.seconds / seconds : 1;
  const cpu = (after.ran - before.ran) * part;
  return {
    framesPerSecond: run.framesPerSecond,
    gbitPerSecond: run.framesPerSecond * size * 8 / 1e9,
    cpuPerFrame: cpu / run.received,
    loss: run.lost / run.sent,
    busy: cpu / 1e9 / run.seconds,
    waited: (after.waited - before.waited) * part / 1e9 / run.seconds,
    rested: run.restedSeconds / run.seconds,
  };
}

/** A fast switch that damages frames has no speed: throws, and so ends the bench. */
export function insistGood(subject: Pick<Subject, "name">, what: string, run: Run): void {
  if (run.bad === 0 && run.received > 0) return;
  throw new Error(
    `Cannot use the result of ${subject.name}, ${what}: ${run.bad} of ${run.sent} frames arrived ` +
      `damaged or out of order, ${run.received} arrived well`,
  );
}

/** The middle of each figure over the rounds. */
export function middle(rounds: readonly Figures[]): Figures {
  const keys = Object.keys(rounds[0]) as (keyof Figures)[];
  return Object.fromEntries(
    keys.map((key) => [key, median(rounds.map((round) => round[key]))]),
  ) as unknown as Figures;
}
