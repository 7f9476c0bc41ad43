/**
 * What a guest can make happen with every frame it sends, told in one line and not too often.
 *
 * @module
 */
import { formatMac, srcHigh } from "../frame/ethernet.ts";
import { isUndeclared, Verdict, VERDICT_TEXTS } from "../offload/accept.ts";
import type { Batch } from "../port/batch.ts";
import type { Port } from "../port/port.ts";
import { ROWS } from "./counters.ts";
import { STORM_RATE } from "./storm.ts";
import { sendsWith, Suspicion } from "./suspicion.ts";

/** Each kind of alarm is told once in this time for each port. */
const TELL_MS = 10_000;

/** Tells a text once in {@linkcode TELL_MS} for each row. */
class Spaced {
  readonly #told = new Float64Array(ROWS).fill(-Infinity);

  isTime(row: number, now: number): boolean {
    if (now - this.#told[row] < TELL_MS) return false;
    this.#told[row] = now;
    return true;
  }
}

/** See the head of this file. Times are in milliseconds. */
export class Alarms {
  readonly #suspicion: Suspicion;
  readonly #tell: (port: string, text: string) => void;
  readonly #moves = new Spaced();
  readonly #storms = new Spaced();
  readonly #declarations = new Spaced();

  /** @param tell logs a warning about a port */
  constructor(view: DataView, tell: (port: string, text: string) => void) {
    this.#suspicion = new Suspicion(view);
    this.#tell = tell;
  }

  /** An address, words 1 and 2 of a frame from `row`, was behind port `from` before. */
  moved(row: number, name: string, from: string, word1: number, word2: number, now: number): void {
    if (!this.#moves.isTime(row, now)) return;
    this.#tell(name, `${formatMac(srcHigh(word1), word2)} moved here from port ${from}`);
  }

  /** A port floods more than it may. */
  stormed(row: number, name: string, now: number): void {
    if (!this.#storms.isTime(row, now)) return;
    this.#tell(name, `floods more than ${STORM_RATE} copies a second; the rest is dropped (storm)`);
  }

  /** See Switch.misdeclared. */
  misdeclared(port: Port, code: number, at: number, length: number, now: number): void {
    if (!this.#declarations.isTime(port.row, now)) return;
    const hint = this.#hint(port, code, at, length);
    this.#tell(port.name, `dropped a frame: ${VERDICT_TEXTS[code]}${hint}`);
  }

  /** What mends it: options, where the policy is declared and not negotiated. */
  #hint({ config, scatters }: Port, code: number, at: number, length: number): string {
    if (scatters) return isUndeclared(code) ? ": its guest's driver did not take that feature" : "";
    // The verdicts of what is not declared are in the order of the features.
    return isUndeclared(code)
      ? `; use ${sendsWith(config, 1 << (code - Verdict.UNDECLARED_CSUM))}`
      : this.#suspicion.hintWithout(at, length);
  }

  /** Look, now and then, whether a port sends what it declares. */
  look(port: Port, batch: Batch, now: number): void {
    if (!this.#suspicion.isDue(port.row, now)) return;
    const found = this.#suspicion.look(batch, port.config);
    if (found === undefined || !this.#declarations.isTime(port.row, now)) return;
    this.#tell(port.name, found);
  }
}
