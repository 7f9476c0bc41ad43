/**
 * Who gets which piece of guest memory: blocks in powers of two, from one region after the other, so that
 * the buffers of a chain lie in all of them.
 *
 * @module
 */
import type { Region } from "./guest_memory.ts";

/** A block of guest memory. */
export interface Block {
  readonly address: number;
  readonly length: number;
  readonly base: number;
  readonly order: number;
}

const SMALLEST = 6;

/** See the head of this file. */
export class Pool {
  readonly #areas: { next: number; readonly end: number }[];
  /** Addresses of free blocks, by order. */
  readonly #free: number[][] = Array.from({ length: 32 }, () => []);
  #turn = 0;

  constructor(regions: readonly Region[]) {
    // No block is at address 0, which says "none" in many places.
    this.#areas = regions.map(({ guest, bytes }) => ({
      next: guest === 0 ? 4096 : guest,
      end: guest + bytes,
    }));
  }

  /**
   * Take `length` bytes.
   *
   * @param align a power of two. Buffers (1) begin anywhere, as those of a guest do
   */
  take(length: number, align = 1): Block {
    this.#turn++;
    const skew = align === 1 ? this.#turn * 7 & 15 : 0;
    const size = Math.max(length + skew, align);
    const order = Math.max(SMALLEST, 32 - Math.clz32(size - 1));
    const base = this.#free[order].pop() ?? this.#fresh(2 ** order);
    return { address: base + skew, length, base, order };
  }

  give(block: Block): void {
    this.#free[block.order].push(block.base);
  }

  #fresh(bytes: number): number {
    for (let i = 0; i < this.#areas.length; i++) {
      const area = this.#areas[(this.#turn + i) % this.#areas.length];
      const at = Math.ceil(area.next / bytes) * bytes;
      if (at + bytes > area.end) continue;
      area.next = at + bytes;
      return at;
    }
    throw new Error(`The guest has no ${bytes} bytes left`);
  }
}
