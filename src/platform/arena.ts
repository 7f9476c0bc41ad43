/**
 * The arena: one address space for every frame.
 *
 * One reserved mapping, wrapped in one external ArrayBuffer that starts on a 4 GiB boundary. A frame is
 * `(at, length)` in it, whatever port it came by, so parsing, copying and system calls work on the same
 * two numbers, and an address is `high * 2^32 + at`: two 32-bit stores, never a BigInt.
 *
 * It has two parts. What is handed out here, the slab, lies below 2^31, where a typed-array index costs
 * 1 ns (15 ns above 2^32, measured on V8 15). Above it, from {@linkcode GUEST_BASE} on and only when asked
 * for, lies the guest space, where memory of VMs is mapped (sharing.ts): offsets there are numbers of up
 * to 2^43, and where nothing is mapped it reads as zeros.
 *
 * Pages cost memory only once they are touched, and {@linkcode Arena.give} hands them back, so a port's
 * queue is virtual until its VM stalls.
 *
 * @module
 */
import { FreeList } from "./free_list.ts";

/** Allocation unit: the smallest page there is. */
const PAGE = 4096;
/** The largest page a kernel of this machine may have: Apple's have 16 KiB, Linux on arm64 up to 64. */
const LARGEST_PAGE = Deno.build.arch === "x86_64" ? PAGE : 65_536;

/** Where the guest space begins: behind every offset that is a signed 32-bit number. */
export const GUEST_BASE = 2 ** 31;

/** See the head of this file. */
export class Arena {
  /** The whole mapping. */
  readonly u8: Uint8Array;
  /** The whole mapping, for reads and writes at any offset. */
  readonly view: DataView;
  /** High 32 bits of every address below 2^32 in it, as a signed word. */
  readonly high: number;
  readonly #slab: FreeList;
  readonly #discard: (at: number, bytes: number) => void;
  readonly #page: number;

  /**
   * @param buffer the mapping; its address must be a multiple of 4 GiB
   * @param high the address divided by 2^32
   * @param discard tells the kernel that pages are no longer needed; they read as zeros afterwards
   * @param slabBytes how much of it is handed out, at most {@linkcode GUEST_BASE}; the rest is not written to
   * @param page bytes of a page of the kernel, or a multiple: `discard` gets whole ones only
   */
  constructor(
    buffer: ArrayBuffer,
    high: number,
    discard: (at: number, bytes: number) => void,
    slabBytes: number = buffer.byteLength,
    page: number = LARGEST_PAGE,
  ) {
    this.#page = page;
    this.u8 = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.high = high | 0;
    this.#discard = discard;
    // Page 0 is never handed out: an offset of 0 is always a mistake, as a null pointer is.
    this.#slab = new FreeList(PAGE, slabBytes - PAGE, PAGE);
  }

  /** Machine address of an offset. Makes a BigInt: for set-up, not for frames. */
  address(at: number): bigint {
    return (BigInt(this.high >>> 0) << 32n) + BigInt(at);
  }

  /** Bytes not handed out. */
  get available(): number {
    return this.#slab.available;
  }

  /** True when `bytes` can be taken in one piece. */
  fits(bytes: number): boolean {
    return this.#slab.fits(bytes);
  }

  /**
   * Take `bytes` of zeroed memory, page-aligned.
   *
   * @throws RangeError when no block is large enough, or nothing is asked for
   */
  take(bytes: number): number {
    if (!(bytes > 0)) throw new RangeError(`Cannot take ${bytes} bytes of the arena: ask for some`);
    const at = this.#slab.take(bytes);
    if (at >= 0) return at;
    const size = this.#slab.round(bytes);
    throw new RangeError(`Cannot take ${size} bytes of the arena: ${this.available} are left`);
  }

  /** Give back what {@linkcode take} returned; its pages go back to the kernel. */
  give(at: number): void {
    this.#clear(at, at + this.#slab.bytesAt(at));
    this.#slab.give(at);
  }

  /**
   * Make zeros of the bytes from `at` to `end`: of whole pages by the kernel, of what is left by hand. A kernel that is
   * told of a part of a page refuses, or takes the rest of it too, which is a neighbour's (mmap, Darwin).
   */
  #clear(at: number, end: number): void {
    const first = Math.min(end, Math.ceil(at / this.#page) * this.#page);
    const last = Math.max(first, Math.floor(end / this.#page) * this.#page);
    this.u8.fill(0, at, first);
    this.u8.fill(0, last, end);
    if (last > first) this.#discard(first, last - first);
  }
}
