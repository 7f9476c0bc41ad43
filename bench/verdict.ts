/**
 * Ratios against the limit and against vde_switch, and whether they meet the targets.
 *
 * Two ratios, both pairwise within a round: of frames/s, which is what is promised, and of frames per CPU
 * second of the subject. The first flatters when the load generator was the bottleneck, so the second
 * always stands beside it: it is what a core that does nothing else could reach.
 *
 * @module
 */
import { type Case, caseName, type Figures } from "./measure.ts";
import type { SubjectName } from "./subject.ts";
import { fixed, median, table } from "./table.ts";
import { print } from "./text.ts";

/** Rounds of each subject of one case, in the order they were run. */
export interface CaseResult extends Case {
  rounds: Partial<Record<SubjectName, Figures[]>>;
}

/** One comparison. */
export interface Verdict {
  case: string;
  against: SubjectName;
  framesPerSecond: number;
  framesPerCpu: number;
  /** null: measured, not promised. */
  target: number | null;
  met: boolean | null;
}

/** Promised part of the other's speed; null when nothing is promised. */
function target(one: Case, against: SubjectName): number | null {
  if (against === "vde") return one.size === 64 || one.size === 1514 ? 1.2 : null;
  if (one.wire === "stream") return one.coalesce ? 0.85 : 0.95;
  return one.size === 64 || one.size === 1514 ? 0.95 : null;
}

/** Compare ours with everybody else who ran. */
export function judgeAll(results: readonly CaseResult[]): Verdict[] {
  return results.flatMap((one) =>
    (["limit", "vde"] as const).flatMap((against) => {
      const ours = one.rounds.ours, others = one.rounds[against];
      return ours && others ? [judge(one, against, ours, others)] : [];
    })
  );
}

function judge(one: Case, against: SubjectName, ours: Figures[], others: Figures[]): Verdict {
  const framesPerSecond = median(
    ours.map((our, i) => our.framesPerSecond / others[i].framesPerSecond),
  );
  const framesPerCpu = median(ours.map((our, i) => others[i].cpuPerMillion / our.cpuPerMillion));
  const goal = target(one, against);
  const met = goal === null ? null : framesPerSecond >= goal;
  return { case: caseName(one), against, framesPerSecond, framesPerCpu, target: goal, met };
}

/** Print the comparisons. */
export function printVerdicts(verdicts: readonly Verdict[]): void {
  if (verdicts.length === 0) return;
  print("\nours / other, median of the ratios within each round:");
  table(
    ["case", "other", "frames/s", "frames/CPU s", "target", ""],
    verdicts.map((v) => [
      v.case,
      v.against,
      fixed(v.framesPerSecond, 3),
      fixed(v.framesPerCpu, 3),
      v.target === null ? "-" : `>= ${v.target}`,
      v.met === null ? "" : v.met ? "met" : "NOT MET",
    ]),
    2,
  );
}
