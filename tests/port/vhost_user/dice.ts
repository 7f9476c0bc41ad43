/**
 * Choices that look random and can be made again.
 *
 * @module
 */
import { filler } from "../../offload/frames.ts";

/** Numbers that look random, from a seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 0 .. below - 1. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t;
    return ((t ^ t >>> 14) >>> 0) % below;
  }

  pick<T>(of: readonly T[]): T {
    return of[this.roll(of.length)];
  }

  bytes(length: number): Uint8Array {
    return filler(length, this.roll(2 ** 31));
  }
}
