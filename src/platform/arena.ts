/**
 * The arena: one address space for every frame.
 *
 * One reserved mapping, wrapped in one external ArrayBuffer that starts on a 4 GiB boundary. A frame is
 * `(at, length)` in it, whatever port it came by, so parsing, copying and system calls work on the same
 * two numbers, and an address is `high * 2^32 + at`: two 32-bit stores, never a BigInt. Everything here
 * lies below 2^31, where a typed-array index costs 1 ns (15 ns above 2^32, measured on V8 15).
 *
 * Pages cost memory only once they are touched, and {@linkcode Arena.give} hands them back, so a port's
 * queue is virtual until its VM stalls.
 *
 * @module
 */

/** Allocation unit: a page, so that freed blocks can be handed back to the kernel. */
const PAGE = 4096;

/** A free list over one mapping. First fit, neighbours merge; blocks are few and long-lived (a few per port). */
export class Arena {
  /** The whole mapping. */
  readonly u8: Uint8Array;
  /** The whole mapping, for reads and writes at any offset. */
  readonly view: DataView;
  /** High 32 bits of every address in it, as a signed word. */
  readonly high: number;
  readonly #free: { at: number; bytes: number }[];
  readonly #sizes = new Map<number, number>();
  readonly #discard: (at: number, bytes: number) => void;

  /**
   * @param buffer the mapping; its address must be a multiple of 4 GiB
   * @param high the address divided by 2^32
   * @param discard tells the kernel that pages are no longer needed; they read as zeros afterwards
   */
  constructor(buffer: ArrayBuffer, high: number, discard: (at: number, bytes: number) => void) {
    this.u8 = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.high = high | 0;
    this.#discard = discard;
    // Page 0 is never handed out: an offset of 0 is always a mistake, as a null pointer is.
    this.#free = [{ at: PAGE, bytes: buffer.byteLength - PAGE }];
  }

  /** Machine address of an offset. Makes a BigInt: for set-up, not for frames. */
  address(at: number): bigint {
    return (BigInt(this.high >>> 0) << 32n) + BigInt(at);
  }

  /** Bytes not handed out. */
  get available(): number {
    return this.#free.reduce((sum, block) => sum + block.bytes, 0);
  }

  /** True when `bytes` can be taken in one piece. */
  fits(bytes: number): boolean {
    return this.#free.some((block) => block.bytes >= bytes);
  }

  /**
   * Take `bytes` of zeroed memory, page-aligned.
   *
   * @throws RangeError when no block is large enough, or nothing is asked for
   */
  take(bytes: number): number {
    if (!(bytes > 0)) throw new RangeError(`Cannot take ${bytes} bytes of the arena: ask for some`);
    const size = Math.ceil(bytes / PAGE) * PAGE;
    const index = this.#free.findIndex((block) => block.bytes >= size);
    if (index < 0) {
      throw new RangeError(`Cannot take ${size} bytes of the arena: ${this.available} are left`);
    }
    const block = this.#free[index];
    const at = block.at;
    block.at += size;
    block.bytes -= size;
    if (block.bytes === 0) this.#free.splice(index, 1);
    this.#sizes.set(at, size);
    return at;
  }

  /** Give back what {@linkcode take} returned; its pages go back to the kernel. */
  give(at: number): void {
    const bytes = this.#sizes.get(at);
    if (bytes === undefined) throw new RangeError(`Cannot give back ${at}: it was not taken`);
    this.#sizes.delete(at);
    this.#discard(at, bytes);
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
