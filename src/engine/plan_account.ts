/**
 * What the planner did, in the books of the port it was done for.
 *
 * @module
 */
import type { PlanCounts } from "../offload/plan_counts.ts";
import { Column, COLUMNS, dropColumn } from "./counters.ts";

const OVERSIZE = dropColumn("oversize");
const UNSEGMENTABLE = dropColumn("unsegmentable");
const BAD_CHECKSUM = dropColumn("bad-checksum");

/** Move what was counted to the cells of `row`; returns how many frames that accounts for. */
export function account(counts: PlanCounts, cells: Float64Array, row: number): number {
  const { frames } = counts, first = row * COLUMNS;
  cells[first + Column.passed] += counts.passed;
  cells[first + Column.filled] += counts.filled;
  cells[first + Column.segmented] += counts.segmented;
  cells[first + Column.segments] += counts.segments;
  cells[first + Column.merged] += counts.merged;
  cells[first + Column.merges] += counts.merges;
  cells[first + OVERSIZE] += counts.oversize;
  cells[first + UNSEGMENTABLE] += counts.unsegmentable;
  cells[first + BAD_CHECKSUM] += counts.badChecksum;
  counts.clear();
  return frames;
}
