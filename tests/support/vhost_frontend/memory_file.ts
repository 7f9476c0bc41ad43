/**
 * A file that is guest memory, and a copy of it that tells who wrote what.
 *
 * The file begins full of a pattern. Whatever the guest writes goes to the copy as well, so where the two
 * differ somebody else has written.
 *
 * @module
 */
import { errnoName } from "../../../src/platform/errno.ts";
import type { Kernel } from "../../../src/platform/kernel.ts";
import { sharingOf } from "./channel.ts";

/** A range of a file: its first byte and the one behind its last. */
export type Range = readonly [from: number, to: number];

/** See the head of this file. */
export class MemoryFile {
  readonly fd: number;
  readonly bytes: number;
  /** The file as the switch sees it, too. */
  readonly u8: Uint8Array<ArrayBuffer>;
  /** What the guest has written. */
  readonly shadow: Uint8Array<ArrayBuffer>;
  readonly #kernel: Kernel;
  readonly #at: number;
  readonly #words: Int32Array;
  readonly #shadowWords: Int32Array;

  /**
   * @param bytes a multiple of 4096
   * @param seed of the pattern
   */
  constructor(kernel: Kernel, bytes: number, seed: number, sealed = true) {
    const sharing = sharingOf(kernel);
    this.#kernel = kernel;
    this.bytes = bytes;
    this.fd = sharing.createMemory(bytes, sealed);
    if (this.fd < 0) throw new Error(`No memory file: ${errnoName(this.fd)}`);
    this.#at = sharing.map(this.fd, 0, bytes);
    if (this.#at < 0) throw new Error(`Cannot map a memory file: ${errnoName(this.#at)}`);
    const buffer = kernel.arena.u8.buffer as ArrayBuffer;
    this.u8 = new Uint8Array(buffer, this.#at, bytes);
    this.shadow = new Uint8Array(bytes);
    this.#words = new Int32Array(buffer, this.#at, bytes >> 2);
    this.#shadowWords = new Int32Array(this.shadow.buffer);
    for (let i = 0; i < this.#shadowWords.length; i++) {
      this.#shadowWords[i] = Math.imul(i + seed, 0x9e3779b1) ^ (i >>> 7);
    }
    this.u8.set(this.shadow);
  }

  /**
   * Offset of the first byte that somebody else has written, or -1.
   *
   * @param except ranges where others may write
   */
  foreignByte(except: readonly Range[]): number {
    const ranges = [...except].sort((a, b) => a[0] - b[0]);
    let from = 0;
    for (const range of ranges) {
      const found = this.#difference(from, range[0]);
      if (found >= 0) return found;
      from = Math.max(from, range[1]);
    }
    return this.#difference(from, this.bytes);
  }

  /** True when the bytes of a range are as the guest left them. */
  isOwn(from: number, to: number): boolean {
    return this.#difference(from, to) < 0;
  }

  close(): void {
    sharingOf(this.#kernel).unmap(this.#at);
    this.#kernel.close(this.fd);
  }

  #difference(from: number, to: number): number {
    const { u8, shadow } = this, words = this.#words, own = this.#shadowWords;
    let i = from;
    for (; i < to && (i & 3) !== 0; i++) if (u8[i] !== shadow[i]) return i;
    for (; i + 4 <= to; i += 4) if (words[i >> 2] !== own[i >> 2]) break;
    for (; i < to; i++) if (u8[i] !== shadow[i]) return i;
    return -1;
  }
}
