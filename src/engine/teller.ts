/**
 * Log records of the engine, limited: a guest that does something silly a million times a second writes
 * a few lines. Counters stay exact; a line says how many like it were left out.
 *
 * @module
 */
import type { Level } from "./protocol.ts";

/** Records a port may send at once, and how long one of them takes to come back. */
const PORT_BURST = 8, PORT_REFILL_MS = 1000;
/** The same for all ports together: five lines a second in the long run. */
const TOTAL_BURST = 64, TOTAL_REFILL_MS = 200;

interface Bucket {
  tokens: number;
  at: number;
  silenced: number;
}

/** Lets records through at a bounded rate. */
export class Teller {
  readonly #send: (level: Level, port: string, text: string) => void;
  readonly #total: Bucket = { tokens: TOTAL_BURST, at: 0, silenced: 0 };
  readonly #ports = new Map<string, Bucket>();

  constructor(send: (level: Level, port: string, text: string) => void) {
    this.#send = send;
  }

  /** Send a record or leave it out. `now` in ms. */
  tell(now: number, level: Level, port: string, text: string): void {
    let bucket = this.#ports.get(port);
    if (bucket === undefined) {
      bucket = { tokens: PORT_BURST, at: now, silenced: 0 };
      this.#ports.set(port, bucket);
    }
    const mine = take(bucket, now, PORT_BURST, PORT_REFILL_MS);
    // What is wrong is told even while another port chatters; its own budget bounds it.
    if (!mine || (level !== "error" && !take(this.#total, now, TOTAL_BURST, TOTAL_REFILL_MS))) {
      bucket.silenced++;
      return;
    }
    const more = bucket.silenced > 0 ? ` (${bucket.silenced} records left out before this)` : "";
    bucket.silenced = 0;
    this.#send(level, port, text + more);
  }
}

function take(bucket: Bucket, now: number, burst: number, refill: number): boolean {
  const back = Math.floor((now - bucket.at) / refill);
  if (back > 0) {
    bucket.tokens = Math.min(burst, bucket.tokens + back);
    bucket.at += back * refill;
  }
  if (bucket.tokens === 0) return false;
  bucket.tokens--;
  return true;
}
