/**
 * An array of struct kevent in the arena: what kevent() is told, and what it tells.
 *
 * @module
 */
import { KEVENT } from "./abi.ts";
import type { Arena } from "./arena.ts";

/** Words of an entry and of its fields; the struct has no padding, so every field but two is whole words. */
const STRIDE = KEVENT.size >> 2;
const IDENT = KEVENT.ident >> 2, FFLAGS = KEVENT.fflags >> 2;
const DATA = KEVENT.data >> 2, UDATA = KEVENT.udata >> 2;
/** Filter and flags share a word: the filter is its low half. */
const FILTER = KEVENT.filter >> 2;

/** See the head of this file. */
export class KeventList {
  /** Address of entry 0. */
  readonly address: bigint;
  readonly #words: Int32Array;

  constructor(arena: Arena, capacity: number) {
    const at = arena.take(capacity * KEVENT.size);
    this.address = arena.address(at);
    this.#words = new Int32Array(arena.u8.buffer, at, capacity * STRIDE);
  }

  /** Store entry `i`; `ident` may be above 2^31, `high` is its upper half. */
  set(
    i: number,
    ident: number,
    filter: number,
    flags: number,
    fflags = 0,
    data = 0,
    udata = 0,
    high = 0,
  ): void {
    const at = i * STRIDE, words = this.#words;
    words[at + IDENT] = ident;
    words[at + IDENT + 1] = high;
    words[at + FILTER] = (filter & 0xffff) | (flags << 16);
    words[at + FFLAGS] = fflags;
    words[at + DATA] = data;
    words[at + DATA + 1] = 0;
    words[at + UDATA] = udata;
    words[at + UDATA + 1] = 0;
  }

  /** What entry `i` is about: a descriptor. */
  ident(i: number): number {
    return this.#words[i * STRIDE + IDENT];
  }

  filter(i: number): number {
    return (this.#words[i * STRIDE + FILTER] << 16) >> 16;
  }

  flags(i: number): number {
    return this.#words[i * STRIDE + FILTER] >>> 16;
  }

  /** What was stored with the filter. */
  udata(i: number): number {
    return this.#words[i * STRIDE + UDATA];
  }
}
