/**
 * The parts of the vhost-user bench. In each the subjects keep their processes and guests and take turns, in
 * changing order.
 *
 * @module
 */
import { sleep } from "./child.ts";
import type { BenchOptions } from "./options.ts";
import { cpuNanoseconds } from "./process.ts";
import { median } from "./table.ts";
import { progress } from "./text.ts";
import { able, type Case, type Figures, insistGood } from "./vhost_cell.ts";
import { turn, turnDatagram, turnMixed } from "./vhost_cell.ts";
import { Churn, type GuestResult } from "./vhost_load.ts";
import { type Bench, type Mover, type Place, raise, raiseDatagram } from "./vhost_subject.ts";
import { raiseMixed, rest, strike, wake } from "./vhost_subject.ts";
import type { Results } from "./vhost_verdict.ts";

export interface Setup extends BenchOptions, Place {
  movers: Mover[];
  cases: Case[];
  smoke: boolean;
}

/** Untimed turn of each subject before a case: a JIT compiles in the first. */
const WARM_SECONDS = 0.5;
/** TCP segments on their way: 1 MiB. */
const WINDOW = 724;
/** Microseconds between two frames in which every switch falls asleep. */
const ASLEEP_US = 1000;
const LATENCY_SECONDS = 0.5;
/** Joins and leaves a second of the third guest. */
const CHURN_RATE = 10;
const TRICKLE_RATE = 1000;
/** What starting and traffic left to do is done after this time. */
const SETTLE_MS = 1000;

type Turn = { name: string; go: (seconds: number) => Promise<void> };

/** Warm everybody up, then let them take turns. */
async function rounds(setup: Setup, what: string, turns: readonly Turn[], forget: () => void) {
  for (const { name, go } of turns) {
    progress(`${what}: ${name} warms up`);
    await go(setup.smoke ? setup.seconds : WARM_SECONDS);
  }
  forget();
  for (let round = 0; round < setup.rounds; round++) {
    for (let i = 0; i < turns.length; i++) {
      const { name, go } = turns[(i + round) % turns.length];
      progress(`${what}: round ${round + 1} of ${setup.rounds}, ${name}`);
      await go(setup.seconds);
    }
  }
}

/** Frames between guests, and 64-byte datagrams in the rounds of 64-byte frames. */
export async function runCases(setup: Setup): Promise<Pick<Results, "cases" | "datagrams">> {
  const results: Pick<Results, "cases" | "datagrams"> = { cases: [] };
  const benches: [Mover, Bench][] = [];
  const datagrams = [];
  try {
    for (const mover of setup.movers) {
      progress(`${mover} starts`);
      benches.push([mover, await raise(setup, mover)]);
    }
    for (const mover of ["ours", "limit"] as const) {
      if (setup.movers.includes(mover)) datagrams.push(await raiseDatagram(setup, mover));
    }
    for (const one of setup.cases) {
      const of: Results["cases"][number]["rounds"] = {};
      const old = { ours: [] as Figures[], limit: [] as Figures[] };
      const turns = benches.filter(([mover]) => able(mover, one)).map(([mover, bench]): Turn => ({
        name: mover,
        go: async (s) => void (of[mover] ??= []).push(await turn(bench, withFull(setup, one), s)),
      }));
      const beside = one.name === "64" ? datagrams : [];
      turns.push(...beside.map((pair): Turn => ({
        name: `datagrams, ${pair.subject.name}`,
        go: async (s) =>
          void old[pair.subject.name as "ours" | "limit"].push(
            await turnDatagram(pair, { size: 64 }, setup.smoke, s),
          ),
      })));
      await rounds(setup, one.name, turns, () => {
        for (const list of [...Object.values(of), old.ours, old.limit]) list.length = 0;
      });
      results.cases.push({ name: one.name, rounds: of });
      if (beside.length === 2) results.datagrams = old;
    }
    return results;
  } finally {
    for (const [, bench] of benches) await strike(bench);
    for (const { pair, subject } of datagrams) {
      await pair.leave();
      await subject.stop();
    }
  }
}

function withFull(setup: Setup, one: Case): Case {
  return setup.smoke ? { ...one, full: true } : one;
}

/** A guest's TSO cut and summed for a datagram end, beside the relay with frames that need neither. */
export async function runMixed(setup: Setup): Promise<NonNullable<Results["mixed"]>> {
  const results = { ours: [] as Figures[], limit: [] as Figures[] };
  const mixed = await raiseMixed(setup);
  try {
    const relay = await raiseDatagram(setup, "limit");
    try {
      await rounds(setup, "TSO to datagrams", [
        {
          name: "ours",
          go: async (s) => void results.ours.push(await turnMixed(mixed, WINDOW, setup.smoke, s)),
        },
        {
          name: "limit",
          go: async (s) =>
            void results.limit.push(await turnDatagram(relay, { window: WINDOW }, setup.smoke, s)),
        },
      ], () => results.ours.length = results.limit.length = 0);
    } finally {
      await relay.pair.leave();
      await relay.subject.stop();
    }
  } finally {
    await strike(mixed);
  }
  return results;
}

/** One frame at a time: while the switch looks at the rings, and after it has fallen asleep. */
export async function runLatency(setup: Setup): Promise<NonNullable<Results["latency"]>> {
  const bench = await raise(setup, "ours");
  const limit = setup.movers.includes("limit") ? await raise(setup, "limit") : undefined;
  const seconds = setup.smoke ? setup.seconds : LATENCY_SECONDS;
  const runs: Record<"polling" | "asleep" | "limit", GuestResult[]> = {
    polling: [],
    asleep: [],
    limit: [],
  };
  const one = async (into: GuestResult[], of: Bench, pauseUs: number, s: number) => {
    wake(of);
    const run = await of.guests.latency(pauseUs, s);
    rest(of);
    insistGood(of.subject, "latency", run);
    into.push(run);
  };
  try {
    const turns: Turn[] = [
      { name: "polling", go: () => one(runs.polling, bench, 0, seconds) },
      { name: "asleep", go: () => one(runs.asleep, bench, ASLEEP_US, seconds) },
    ];
    if (limit) turns.push({ name: "limit", go: () => one(runs.limit, limit, 0, seconds) });
    await rounds(setup, "latency", turns, () => {
      for (const list of Object.values(runs)) list.length = 0;
    });
  } finally {
    await strike(bench);
    if (limit) await strike(limit);
  }
  const of = (list: GuestResult[], value: (run: GuestResult) => number) => median(list.map(value));
  return {
    pollingUs: of(runs.polling, (r) => r.p50Us),
    pollingP99Us: of(runs.polling, (r) => r.p99Us),
    pollingKicked: of(runs.polling, (r) => r.kicks / r.sent),
    asleepUs: of(runs.asleep, (r) => r.p50Us),
    asleepP99Us: of(runs.asleep, (r) => r.p99Us),
    asleepKicked: of(runs.asleep, (r) => r.kicks / r.sent),
    limitUs: limit ? of(runs.limit, (r) => r.p50Us) : null,
  };
}

/** CPU with two guests that do nothing, and with few frames. */
export async function runIdle(setup: Setup): Promise<NonNullable<Results["idle"]>> {
  const bench = await raise(setup, "ours");
  const seconds = setup.smoke ? setup.seconds : Math.max(setup.seconds, 3);
  const share = async (during: () => Promise<unknown>) => {
    const before = cpuNanoseconds(bench.subject.pid), start = performance.now();
    await during();
    const ms = performance.now() - start;
    return (cpuNanoseconds(bench.subject.pid) - before) / 1e6 / ms * 100;
  };
  try {
    progress(`idle for ${seconds} s`);
    await bench.guests.throughput({ size: 1514 }, setup.smoke ? setup.seconds : WARM_SECONDS);
    await sleep(setup.smoke ? 0 : SETTLE_MS);
    const idlePercent = await share(() => sleep(seconds * 1000));
    let trickle: GuestResult | undefined;
    const tricklePercent = await share(async () => {
      trickle = await bench.guests.trickle(TRICKLE_RATE, seconds);
    });
    insistGood(bench.subject, "trickle", trickle!);
    return { idlePercent, tricklePercent, trickleLost: trickle!.lost };
  } finally {
    await strike(bench);
  }
}

/** A busy pair in pairs of turns, alone and beside a guest that joins and leaves; the next pair the other way round. */
export async function runChurn(setup: Setup): Promise<NonNullable<Results["churn"]>> {
  const bench = await raise(setup, "ours", 1);
  const one: Case = { name: "64", size: 64, full: setup.smoke };
  const results = {
    with: [] as Figures[],
    without: [] as Figures[],
    joinsPerSecond: [] as number[],
  };
  const alone = async () => void results.without.push(await turn(bench, one, setup.seconds));
  const accompanied = async () => {
    const { programs, pinning } = setup;
    const churn = await Churn.start(programs.vhostLoad, bench.subject.ends[2], CHURN_RATE, pinning);
    try {
      results.with.push(await turn(bench, one, setup.seconds));
    } finally {
      results.joinsPerSecond.push(await churn.end());
    }
  };
  try {
    await turn(bench, one, setup.smoke ? setup.seconds : WARM_SECONDS);
    const pairs = setup.smoke ? 1 : setup.rounds * 2;
    for (let pair = 0; pair < pairs; pair++) {
      progress(`joins and leaves: pair ${pair + 1} of ${pairs}`);
      for (const go of pair % 2 ? [accompanied, alone] : [alone, accompanied]) await go();
    }
  } finally {
    await strike(bench);
  }
  return results;
}
