/**
 * A large buffer through windows.
 *
 * V8 reads and writes a number through a DataView in 1 ns, as long as the offset has 32 bits; beyond that it
 * calls a function, which takes 14 (measured). The memory of guests is beyond that. So it is seen
 * through views of 1 GiB each, in which offsets are small again. Each reaches a bit into the next, so that what
 * begins in a window can be read in it.
 *
 * @module
 */

/** Distance of windows. */
const WINDOW = 2 ** 30;
/** How far a window reaches into the next. */
const OVERLAP = 2 ** 20;

/** See the head of this file. */
export class Windows {
  readonly buffer: ArrayBufferLike;
  readonly #views: (DataView | undefined)[];

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#views = new Array(Math.ceil(buffer.byteLength / WINDOW)).fill(undefined);
  }

  /** A view of what begins at `at`, as far as {@linkcode OVERLAP} goes; there it is at {@linkcode offsetOf}. */
  at(at: number): DataView {
    const i = Math.floor(at / WINDOW);
    return this.#views[i] ?? this.#open(i);
  }

  #open(i: number): DataView {
    const start = i * WINDOW;
    const bytes = Math.min(WINDOW + OVERLAP, this.buffer.byteLength - start);
    return this.#views[i] = new DataView(this.buffer, start, bytes);
  }
}

/** Where in its window an offset is. */
export function offsetOf(at: number): number {
  return (at - Math.floor(at / WINDOW) * WINDOW) | 0;
}

/** Up to here {@linkcode copyFew} is quicker than `copyWithin`, which takes 20 ns however little it copies. */
export const FEW_BYTES = 64;

/** Copy `bytes` bytes, by words as long as there are whole ones. */
export function copyFew(
  toView: DataView,
  to: number,
  fromView: DataView,
  from: number,
  bytes: number,
): void {
  let i = 0;
  for (; i + 8 <= bytes; i += 8) toView.setBigUint64(to + i, fromView.getBigUint64(from + i));
  if ((bytes & 4) !== 0) {
    toView.setInt32(to + i, fromView.getInt32(from + i));
    i += 4;
  }
  if ((bytes & 2) !== 0) {
    toView.setInt16(to + i, fromView.getInt16(from + i));
    i += 2;
  }
  if ((bytes & 1) !== 0) toView.setInt8(to + i, fromView.getInt8(from + i));
}

/** Bytes of {@linkcode copyHead}: a vnet header of 12 bytes, an Ethernet header and its first tag, in whole words. */
export const HEAD_BYTES = 32;

/**
 * Copy {@linkcode HEAD_BYTES} bytes, in four words that optimised code never makes BigInts of: 6 ns, where a loop takes
 * 15 and `copyWithin` 22. Fewer and longer stores matter most: each waits for a cache line of another core.
 */
export function copyHead(toView: DataView, to: number, fromView: DataView, from: number): void {
  toView.setBigUint64(to, fromView.getBigUint64(from));
  toView.setBigUint64(to + 8, fromView.getBigUint64(from + 8));
  toView.setBigUint64(to + 16, fromView.getBigUint64(from + 16));
  toView.setBigUint64(to + 24, fromView.getBigUint64(from + 24));
}
