/**
 * The offload matrix against its targets. The unit is off -> off, which no offload helps; all ratios are taken
 * within a round and stand beside those of payload per CPU second, for turns in which the switch was not the
 * bottleneck.
 *
 * @module
 */
import { type Cell, cellName, type Figures } from "./offload_cell.ts";
import { fixed, median, table } from "./table.ts";
import { print } from "./text.ts";

/** Rounds of one cell; a cell that failed has a reason instead of some of them. */
export interface CellResult extends Cell {
  rounds: Figures[];
  failed?: string;
}

/** Turns of one cell in pairs: without and with a third VM. */
export interface ThirdResult extends Cell {
  without: Figures[];
  with: Figures[];
  failed?: string;
}

/** One comparison. */
export interface Verdict {
  case: string;
  /** Payload a second over the other's. */
  rate: number;
  /** Payload a CPU second of the switch over the other's. */
  perCpu: number;
  /** null: measured, not promised. */
  target: number | null;
  met: boolean | null;
}

/** Part of its speed a cell keeps with a third VM. */
const KEPT = 0.95;

/** Payload a second that is promised, in units. */
function target({ from, to, through }: Cell): number | null {
  if (through === "relay" || (from === "off" && to === "off")) return null;
  const large = from === "tso" || from === "vnet", takesLarge = to === "tso" || to === "vnet";
  if (large && takesLarge) return 5;
  if (to === "off") return 0.95;
  return from === "off" && takesLarge ? 1.4 : null;
}

/** Compare every cell with the unit, if that was measured. */
export function judgeCells(results: readonly CellResult[]): Verdict[] {
  const unit = results.find((r) => r.from === "off" && r.to === "off" && r.through === "vswitch");
  if (unit === undefined || unit.rounds.length === 0) return [];
  return results.filter((one) => one !== unit).map((one) =>
    one.failed
      ? failure(cellName(one), target(one))
      : judge(cellName(one), one.rounds, unit.rounds, target(one))
  );
}

/** Compare turns with a third VM with those without. */
export function judgeThird(results: readonly ThirdResult[]): Verdict[] {
  return results.map((one) =>
    one.failed ? failure(cellName(one), KEPT) : judge(cellName(one), one.with, one.without, KEPT)
  );
}

function judge(
  name: string,
  ours: readonly Figures[],
  others: readonly Figures[],
  goal: number | null,
): Verdict {
  const pairs = ours.slice(0, others.length);
  const rate = median(pairs.map((our, i) => our.gbitPerSecond / others[i].gbitPerSecond));
  const perCpu = median(pairs.map((our, i) => others[i].cpuPerGib / our.cpuPerGib));
  return { case: name, rate, perCpu, target: goal, met: goal === null ? null : rate >= goal };
}

function failure(name: string, goal: number | null): Verdict {
  return { case: name, rate: NaN, perCpu: NaN, target: goal, met: false };
}

/** Print comparisons under a title. */
export function printVerdicts(title: string, verdicts: readonly Verdict[]): void {
  if (verdicts.length === 0) return;
  print(`\n${title}`);
  table(
    ["case", "payload/s", "payload/CPU s", "target", ""],
    verdicts.map((v) => [
      v.case,
      fixed(v.rate, 3),
      fixed(v.perCpu, 3),
      v.target === null ? "-" : `>= ${v.target}`,
      v.met === null ? "" : v.met ? "met" : "NOT MET",
    ]),
  );
}
