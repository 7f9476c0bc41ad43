/**
 * What ports count, written to the engine's cells.
 *
 * @module
 */
import type { Tally } from "../port/port.ts";
import { Column, COLUMNS, dropColumn, type DropReason, ROWS } from "./counters.ts";

/** See {@linkcode Tally}. */
export class CellTally implements Tally {
  /** Error number of each row's last {@linkcode retry}. */
  readonly refusals: Int32Array = new Int32Array(ROWS);
  readonly #cells: Float64Array;

  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  rxCall(row: number): void {
    this.#cells[row * COLUMNS + Column.rxCalls]++;
  }

  txCall(row: number): void {
    this.#cells[row * COLUMNS + Column.txCalls]++;
  }

  sent(row: number, frames: number, bytes: number): void {
    this.#cells[row * COLUMNS + Column.txFrames] += frames;
    this.#cells[row * COLUMNS + Column.txBytes] += bytes;
  }

  retry(row: number, error: number): void {
    this.#cells[row * COLUMNS + Column.retries]++;
    this.refusals[row] = error;
  }

  client(row: number): void {
    this.#cells[row * COLUMNS + Column.clients]++;
  }

  lost(row: number, reason: DropReason, frames: number, bytes: number): void {
    this.#cells[row * COLUMNS + Column.rxFrames] += frames;
    this.#cells[row * COLUMNS + Column.rxBytes] += bytes;
    this.#cells[row * COLUMNS + dropColumn(reason)] += frames;
  }

  refused(row: number): void {
    this.#cells[row * COLUMNS + dropColumn("refused")]++;
  }
}
