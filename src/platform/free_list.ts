/**
 * Which parts of a range are free: first fit, and neighbours merge. Blocks are few and long-lived, a few a
 * port, so a list is enough.
 *
 * @module
 */

/** Blocks of a range, in multiples of a unit. */
export class FreeList {
  readonly #unit: number;
  readonly #free: { at: number; bytes: number }[];
  readonly #taken = new Map<number, number>();

  /**
   * @param at where the range begins, a multiple of `unit`; so is every block
   * @param bytes its length; what is left over a multiple of `unit` is never handed out
   */
  constructor(at: number, bytes: number, unit: number) {
    this.#unit = unit;
    this.#free = [{ at, bytes: Math.floor(bytes / unit) * unit }];
  }

  /** Bytes not handed out. */
  get available(): number {
    return this.#free.reduce((sum, block) => sum + block.bytes, 0);
  }

  /** True when `bytes` can be taken in one piece. */
  fits(bytes: number): boolean {
    return this.#free.some((block) => block.bytes >= bytes);
  }

  /** `bytes` rounded up to what is taken for them. */
  round(bytes: number): number {
    return Math.ceil(bytes / this.#unit) * this.#unit;
  }

  /** Take at least `bytes` (> 0) in one piece; where it begins, or -1 when no block is large enough. */
  take(bytes: number): number {
    const size = this.round(bytes);
    const index = this.#free.findIndex((block) => block.bytes >= size);
    if (index < 0) return -1;
    const block = this.#free[index];
    const at = block.at;
    block.at += size;
    block.bytes -= size;
    if (block.bytes === 0) this.#free.splice(index, 1);
    this.#taken.set(at, size);
    return at;
  }

  /**
   * Bytes of the block that {@linkcode take} returned.
   *
   * @throws RangeError when it was not taken
   */
  bytesAt(at: number): number {
    const bytes = this.#taken.get(at);
    if (bytes === undefined) throw new RangeError(`Cannot give back ${at}: it was not taken`);
    return bytes;
  }

  /** Give back what {@linkcode take} returned. */
  give(at: number): void {
    const bytes = this.bytesAt(at);
    this.#taken.delete(at);
    let i = this.#free.findIndex((block) => block.at > at);
    if (i < 0) i = this.#free.length;
    this.#free.splice(i, 0, { at, bytes });
    this.#merge(i);
    if (i > 0) this.#merge(i - 1);
  }

  #merge(i: number): void {
    const block = this.#free[i];
    const next = this.#free[i + 1];
    if (next === undefined || block.at + block.bytes !== next.at) return;
    block.bytes += next.bytes;
    this.#free.splice(i + 1, 1);
  }
}
