/**
 * Scatter/gather tables in the arena: what `recvmmsg`, `sendmmsg` and `sendmsg` are pointed at.
 *
 * They are laid out once and wired once. On the hot path a frame costs two 32-bit stores: its offset
 * (the low half of its address, since the arena starts on a 4 GiB boundary) and its length. The layout
 * comes from the OS's {@linkcode Abi} as data, so Darwin's msghdr_x differs by numbers only.
 *
 * @module
 */
import type { Abi } from "./abi.ts";
import { nameBytes } from "./address.ts";
import type { Arena } from "./arena.ts";

/** What the high half of an address counts in. */
const WORD = 0x1_0000_0000;

/** iovec entries: where the bytes of a gathered write lie. Same layout on Linux and Darwin: base u64, length u64. */
export class Vector {
  /** Entries it can hold. */
  readonly capacity: number;
  /** Arena offset of entry 0. */
  readonly at: number;
  readonly #words: Int32Array;
  readonly #high: number;

  constructor(arena: Arena, capacity: number) {
    this.capacity = capacity;
    this.at = arena.take(capacity * 16);
    this.#words = new Int32Array(arena.u8.buffer, this.at, capacity * 4);
    this.#high = arena.high;
    for (let i = 0; i < capacity; i++) this.#words[i * 4 + 1] = arena.high;
  }

  /** Point entry `i` at `length` bytes of the slab: at an offset below 2^31. */
  set(i: number, at: number, length: number): void {
    this.#words[i * 4] = at;
    this.#words[i * 4 + 1] = this.#high;
    this.#words[i * 4 + 2] = length;
  }

  /** Point entry `i` at `length` bytes anywhere in the arena. */
  setFar(i: number, at: number, length: number): void {
    const high = Math.floor(at / WORD);
    this.#words[i * 4] = at - high * WORD;
    this.#words[i * 4 + 1] = this.#high + high;
    this.#words[i * 4 + 2] = length;
  }

  /** Arena offset entry `i` points at. */
  start(i: number): number {
    const high = (this.#words[i * 4 + 1] - this.#high) >>> 0;
    return high * WORD + (this.#words[i * 4] >>> 0);
  }

  /** Bytes entry `i` points at. */
  length(i: number): number {
    return this.#words[i * 4 + 2];
  }
}

/** Bytes kept for one socket address: sockaddr_un is 110 bytes on Linux, 106 on Darwin. */
export const NAME_BYTES = 128;

/** Message headers, each with one iovec or, if told so, several and, if `named`, room for a socket address. */
export class MessageTable {
  readonly capacity: number;
  /** Arena offset of header 0; headers follow each other by the ABI's stride. */
  readonly at: number;
  /** The pieces: one for each message, until {@linkcode setPieces} says otherwise. */
  readonly vector: Vector;
  /** Arena offset of address 0, addresses follow each other by {@linkcode NAME_BYTES}; 0 without names. */
  readonly names: number;
  /** Its messages may have several pieces each; else they have one. */
  readonly gathers: boolean;
  readonly #abi: Abi;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #lengthWord: number;
  readonly #high: number;
  readonly #addresses: bigint[] = [];

  /** @param pieces entries of the vector; more than one a message for a table that gathers */
  constructor(arena: Arena, abi: Abi, capacity: number, named: boolean, pieces = capacity) {
    this.capacity = capacity;
    this.#abi = abi;
    this.#bytes = arena.u8;
    this.vector = new Vector(arena, pieces);
    this.gathers = pieces > capacity;
    this.at = arena.take(capacity * abi.bulkMessage.size);
    for (let i = 0; i < capacity; i++) {
      this.#addresses.push(arena.address(this.at + i * abi.bulkMessage.size));
    }
    this.names = named ? arena.take(capacity * NAME_BYTES) : 0;
    this.#stride = abi.bulkMessage.size / 4;
    this.#lengthWord = abi.bulkMessage.received / 4;
    this.#high = arena.high;
    this.#words = new Int32Array(arena.u8.buffer, this.at, capacity * this.#stride);
    const header = abi.message;
    for (let i = 0; i < capacity; i++) {
      const word = i * this.#stride;
      this.#words[word + header.vector / 4] = this.vector.at + i * 16;
      this.#words[word + header.vector / 4 + 1] = arena.high;
      this.#words[word + header.vectorCount / 4] = 1;
      if (named) {
        this.#words[word + header.name / 4] = this.names + i * NAME_BYTES;
        this.#words[word + header.name / 4 + 1] = arena.high;
        this.#words[word + header.nameLength / 4] = NAME_BYTES;
      }
    }
  }

  /** Address of header `i`, made once: a fresh BigInt would cost more than the call it is for. */
  address(i: number): bigint {
    return this.#addresses[i];
  }

  /** Point message `i` at `length` bytes of the arena. */
  set(i: number, at: number, length: number): void {
    this.vector.set(i, at, length);
  }

  /** Make entries `first` .. `first + count - 1` of the vector the pieces of message `i`. */
  setPieces(i: number, first: number, count: number): void {
    const word = i * this.#stride, header = this.#abi.message;
    this.#words[word + header.vector / 4] = this.vector.at + first * 16;
    this.#words[word + header.vectorCount / 4] = count;
  }

  /** First piece of message `i`. */
  firstPiece(i: number): number {
    return (this.#words[i * this.#stride + this.#abi.message.vector / 4] - this.vector.at) / 16;
  }

  /** Pieces of message `i`. */
  pieces(i: number): number {
    return this.#words[i * this.#stride + this.#abi.message.vectorCount / 4];
  }

  /** Length of the i-th message of the last receive. A length equal to the slot's may have been cut. */
  received(i: number): number {
    return this.#words[i * this.#stride + this.#lengthWord];
  }

  /** Set what {@linkcode received} answers, where a call for one message stands in for the bulk call. */
  setReceived(i: number, length: number): void {
    this.#words[i * this.#stride + this.#lengthWord] = length;
  }

  /** Point the address of message `i` of a named table at `length` bytes at `at` (a whole sockaddr). */
  setName(i: number, at: number, length: number): void {
    const word = i * this.#stride;
    this.#words[word + this.#abi.message.name / 4] = at;
    this.#words[word + this.#abi.message.nameLength / 4] = length;
  }

  /** Arena offset of the address of message `i`. */
  nameStart(i: number): number {
    return this.#words[i * this.#stride + this.#abi.message.name / 4];
  }

  /** Address of the sender of message `i`: a path, an abstract name with its leading NUL, or nothing. */
  sender(i: number): Uint8Array {
    const start = this.nameStart(i) + this.#abi.socketAddress.path;
    return this.#bytes.slice(start, start + this.senderBytes(i));
  }

  /**
   * Bytes of {@linkcode sender}. A path ends at its first NUL: Linux counts that one too, and Darwin all that the
   * sender's bind() did (QEMU's: the whole structure), and more than there is room for.
   */
  senderBytes(i: number): number {
    const { path } = this.#abi.socketAddress, start = this.nameStart(i) + path;
    const most = Math.min(NAME_BYTES, this.nameLength(i)) - path;
    return nameBytes(this.#bytes, start, most, this.#abi);
  }

  /** True when message `i` came from `address`. */
  isFrom(i: number, address: Uint8Array): boolean {
    if (this.senderBytes(i) !== address.length) return false;
    const start = this.nameStart(i) + this.#abi.socketAddress.path;
    for (let at = 0; at < address.length; at++) {
      if (this.#bytes[start + at] !== address[at]) return false;
    }
    return true;
  }

  /** A hash of the sender of message `i`; small, and the same for the same. */
  senderHash(i: number): number {
    const start = this.nameStart(i) + this.#abi.socketAddress.path, length = this.senderBytes(i);
    let hash = length;
    for (let at = 0; at < length; at++) {
      hash = Math.imul(hash ^ this.#bytes[start + at], 0x01000193);
    }
    return hash >>> 2;
  }

  /**
   * Give message `i` `bytes` bytes of control data at `at`: what goes along with it, or room for what comes along.
   * Its flags are 0 again: calls that receive store there, and Darwin's in bulk may want to find nothing.
   */
  setControl(i: number, at: number, bytes: number): void {
    const word = i * this.#stride, header = this.#abi.message;
    this.#words[word + header.control / 4] = at;
    this.#words[word + header.control / 4 + 1] = this.#high;
    this.#words[word + header.controlLength / 4] = bytes;
    this.#words[word + header.flags / 4] = 0;
  }

  /** Arena offset of the control data of message `i`; 0 without. */
  control(i: number): number {
    return this.#words[i * this.#stride + this.#abi.message.control / 4];
  }

  /** Bytes of control data of message `i`; the kernel stores on receive how many came. */
  controlLength(i: number): number {
    return this.#words[i * this.#stride + this.#abi.message.controlLength / 4];
  }

  /** Length of the address of message `i`, family included; the kernel stores it on receive. */
  nameLength(i: number): number {
    return this.#words[i * this.#stride + this.#abi.message.nameLength / 4];
  }
}
