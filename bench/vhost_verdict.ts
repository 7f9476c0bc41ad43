/**
 * The vhost-user bench against its targets.
 *
 * Ratios are of turns of one round, so they hold on a slow or a busy machine, too. Absolute figures are
 * for a quiet machine of the class the targets were set on; elsewhere a miss says little, and they are told apart.
 *
 * @module
 */
import { fixed, median, table } from "./table.ts";
import { print } from "./text.ts";
import type { Figures } from "./vhost_cell.ts";
import type { Mover } from "./vhost_subject.ts";

/** Everything that was measured; what was left out is absent. */
export interface Results {
  /** Rounds of each subject by the name of the case. */
  cases: { name: string; rounds: Partial<Record<Mover, Figures[]>> }[];
  /** 64-byte frames between datagram ports, of ours and of the C relay. */
  datagrams?: Record<"ours" | "limit", Figures[]>;
  /** TCP from a guest, finished for a datagram end, and datagrams through the C relay. */
  mixed?: { ours: Figures[]; limit: Figures[] };
  latency?: Latency;
  idle?: Idle;
  churn?: { with: Figures[]; without: Figures[]; joinsPerSecond: number[] };
}

/** One way, microseconds; medians over the rounds. */
export interface Latency {
  pollingUs: number;
  pollingP99Us: number;
  asleepUs: number;
  asleepP99Us: number;
  /** Part of the frames for which the switch had to be kicked: it slept. */
  pollingKicked: number;
  asleepKicked: number;
  limitUs: number | null;
}

/** Percent of a CPU. */
export interface Idle {
  idlePercent: number;
  /** With 1000 frames a second, one by one. */
  tricklePercent: number;
  trickleLost: number;
}

/** One comparison with a target. */
export interface Verdict {
  figure: string;
  kind: "ratio" | "absolute";
  value: number;
  unit: string;
  /** The same for each second of CPU the subjects had, which a busy machine spoils less; null: makes no sense. */
  perCpu: number | null;
  /** `>= 12`; null: measured, not promised. */
  target: string | null;
  met: boolean | null;
}

/** Joining and leaving may cost the others this part. */
const CHURN_COST = 0.05;

/** All comparisons there are figures for. */
export function judge(results: Results): Verdict[] {
  return [
    ...judgeRates(results),
    ...judgeLimits(results),
    ...results.latency ? judgeLatency(results.latency) : [],
    ...results.idle ? judgeIdle(results.idle) : [],
    ...results.churn ? [judgeChurn(results.churn)] : [],
  ];
}

function judgeRates(results: Results): Verdict[] {
  const { datagrams, mixed } = results;
  const small = ours(results, "64");
  const mpps = (name: string) => measured(ours(results, name), (f) => f.framesPerSecond / 1e6);
  const gbit = (name: string) => measured(ours(results, name), (f) => f.gbitPerSecond);
  return [
    atLeast("64 B one way", "absolute", mpps("64"), 12, "Mpps"),
    atLeast("1514 B one way", "absolute", mpps("1514"), 9, "Mpps"),
    atLeast("65550 B one way", "absolute", gbit("65550"), 150, "Gbit/s"),
    atLeast("64 B both ways", "absolute", mpps("64 both ways"), 10, "Mpps"),
    atLeast("64 B / datagrams, ours", "ratio", ratios(small, datagrams?.ours), 15, ""),
    atLeast("64 B / datagrams, C relay", "ratio", ratios(small, datagrams?.limit), null, ""),
    atLeast("TSO to datagrams / C relay", "ratio", ratios(mixed?.ours, mixed?.limit), 0.95, ""),
  ].flat();
}

/** What of the others' speed is reached, and that nothing is lost between guests. */
function judgeLimits(results: Results): Verdict[] {
  const against = results.cases.flatMap(({ name, rounds }) =>
    (["limit", "dpdk"] as const).flatMap((other) =>
      atLeast(`${name} / ${other}`, "ratio", ratios(rounds.ours, rounds[other]), null, "")
    )
  );
  const losses = results.cases.flatMap(({ rounds }) => rounds.ours ?? []).map((f) => f.loss);
  if (losses.length === 0) return against;
  const value = Math.max(...losses) * 100;
  const lost = { figure: "lost between guests", kind: "ratio", value, unit: "%" } as const;
  return [...against, { ...lost, perCpu: null, target: "= 0", met: value === 0 }];
}

function judgeLatency(latency: Latency): Verdict[] {
  return [
    below("latency p50, polling", latency.pollingUs, 3, "us"),
    below("latency p50, asleep", latency.asleepUs, 40, "us"),
  ];
}

/** 0.0 % is what rounds to it. */
function judgeIdle({ idlePercent, trickleLost }: Idle): Verdict[] {
  const lost = {
    figure: "lost of 1000 a second",
    kind: "ratio",
    value: trickleLost,
    unit: "",
  } as const;
  return [
    below("idle CPU", idlePercent, 0.05, "%"),
    { ...lost, perCpu: null, target: "= 0", met: trickleLost === 0 },
  ];
}

/** What is lost of frames a second or of frames a CPU second, whichever is more. */
function judgeChurn(churn: NonNullable<Results["churn"]>): Verdict {
  const kept = ratios(churn.with, churn.without)!;
  const value = (1 - Math.min(median(kept.rate), median(kept.perCpu))) * 100;
  return { ...below("cost of joins and leaves", value, CHURN_COST * 100, "%"), kind: "ratio" };
}

function ours(results: Results, name: string): Figures[] | undefined {
  return results.cases.find((one) => one.name === name)?.rounds.ours;
}

/** One value a round, of a second and of a CPU second. */
interface Values {
  rate: number[];
  perCpu: number[];
}

/** A rate of each turn. */
function measured(turns: Figures[] | undefined, rate: (f: Figures) => number): Values | undefined {
  return turns && {
    rate: turns.map(rate),
    perCpu: turns.map((f) => rate(f) * 1e9 / (f.framesPerSecond * f.cpuPerFrame)),
  };
}

/** Of frames a second, round by round. */
function ratios(some?: readonly Figures[], others?: readonly Figures[]): Values | undefined {
  if (some === undefined || others === undefined) return undefined;
  const pairs = some.slice(0, others.length).map((one, i) => [one, others[i]] as const);
  return {
    rate: pairs.map(([one, other]) => one.framesPerSecond / other.framesPerSecond),
    perCpu: pairs.map(([one, other]) => other.cpuPerFrame / one.cpuPerFrame),
  };
}

function atLeast(
  figure: string,
  kind: Verdict["kind"],
  values: Values | undefined,
  goal: number | null,
  unit: string,
): Verdict[] {
  if (values === undefined || values.rate.length === 0) return [];
  const value = median(values.rate), perCpu = median(values.perCpu);
  const target = goal === null ? null : `>= ${goal}`;
  return [{ figure, kind, value, unit, perCpu, target, met: goal === null ? null : value >= goal }];
}

function below(figure: string, value: number, goal: number, unit: string): Verdict {
  const met = value < goal;
  return { figure, kind: "absolute", value, unit, perCpu: null, target: `< ${goal}`, met };
}

/** Print them. */
export function printVerdicts(verdicts: readonly Verdict[]): void {
  if (verdicts.length === 0) return;
  print(
    "\nours, medians; ratios are of turns of one round, absolute figures are for a quiet machine:",
  );
  table(
    ["figure", "kind", "value", "a CPU second", "target", ""],
    verdicts.map((v) => [
      v.figure,
      v.kind,
      `${fixed(v.value, v.unit === "" ? 3 : 2)} ${v.unit}`.trim(),
      fixed(v.perCpu, v.unit === "" ? 3 : 2),
      v.target ?? "-",
      v.met === null ? "" : v.met ? "met" : "NOT MET",
    ]),
    2,
  );
}
