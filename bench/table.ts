/**
 * Plain tables, bold head on a terminal, and the number formats of all benches.
 *
 * @module
 */
import { print } from "./text.ts";

/** Print rows under a head; the first `left` columns are flush left, the others flush right. */
export function table(head: readonly string[], rows: readonly string[][], left = 1): void {
  const widths = head.map((title, c) => Math.max(title.length, ...rows.map((r) => r[c].length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, c) => c < left ? cell.padEnd(widths[c]) : cell.padStart(widths[c])).join("  ")
      .trimEnd();
  const bold = Deno.stdout.isTerminal() && !Deno.noColor;
  print(bold ? `\x1b[1m${line(head)}\x1b[0m` : line(head));
  print(widths.map((w) => "-".repeat(w)).join("  "));
  for (const row of rows) print(line(row));
}

/** Fixed decimals, `-` for a number that was not measured. */
export function fixed(value: number | null, decimals: number): string {
  return value === null || !Number.isFinite(value) ? "-" : value.toFixed(decimals);
}

/** `1234567` as `1,234,567`. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A part of one as a percentage; a loss too small to show is not shown as none. */
export function percent(part: number): string {
  if (part === 0) return "0";
  return part < 0.0001 ? "<0.01 %" : `${(part * 100).toFixed(2)} %`;
}

/** Middle of the values; mean of the two middle ones when their count is even; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
