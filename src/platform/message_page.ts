/**
 * One page of the arena for a message with descriptors, and for what other cold calls answer.
 *
 * Apart from the scratch page, whose receive has no room for descriptors: there a peer on Linux that sends some
 * leaves none behind.
 *
 * @module
 */
import type { Abi } from "./abi.ts";
import type { Arena } from "./arena.ts";
import { rightsBytes, rightsIn, storeRights } from "./rights.ts";

/** Most descriptors of one message: a table of 8 regions has 8. With more than these it is refused. */
export const DESCRIPTORS_MAX = 16;
/**
 * Most that come (SCM_MAX_FD in include/net/scm.h). There is room for all: what has none the kernel closes in our
 * thread, and the sender decides how long that takes. It does so too with those that are more than the process may
 * have open, which nobody gets near with the hard limit of today's systems.
 */
const COME_MAX = 253;
/** Most that can be sent: more than are taken, so that a test can ask for too much. */
export const SEND_MAX = 32;

/** Where each structure lies in the page, in bytes. */
const Place = { header: 0, piece: 64, control: 128, answer: 1536 };

/** See the head of this file. */
export class MessagePage {
  /** Address of the message header. */
  readonly header: bigint;
  /** Arena offset of 256 bytes a call may answer to. */
  readonly answer: number;
  readonly answerAddress: bigint;
  readonly #abi: Abi;
  readonly #arena: Arena;
  readonly #at: number;
  readonly #words: Int32Array;

  constructor(arena: Arena, abi: Abi) {
    this.#abi = abi;
    this.#arena = arena;
    this.#at = arena.take(4096);
    this.#words = new Int32Array(arena.u8.buffer, this.#at, 1024);
    this.header = arena.address(this.#at + Place.header);
    this.answer = this.#at + Place.answer;
    this.answerAddress = arena.address(this.answer);
  }

  /** Receive into `length` bytes at `at`, with room for all descriptors there can be. */
  receiveInto(at: number, length: number): void {
    this.#wire(at, length, rightsBytes(this.#abi, COME_MAX));
  }

  /** Send `length` bytes at `at` with descriptors; false when these are too many. */
  sendFrom(at: number, length: number, descriptors: readonly number[]): boolean {
    const count = descriptors.length;
    if (count > SEND_MAX) return false;
    const control = this.#at + Place.control;
    const bytes = storeRights(this.#arena.view, control, this.#abi, descriptors);
    this.#wire(at, length, count === 0 ? 0 : bytes);
    return true;
  }

  /** Flags of the message that was received. */
  get flags(): number {
    return this.#words[Place.header + this.#abi.message.flags >> 2];
  }

  /** Descriptors that came with the message. */
  descriptors(): number[] {
    const bytes = this.#words[Place.header + this.#abi.message.controlLength >> 2];
    return rightsIn(this.#arena.view, this.#at + Place.control, bytes, this.#abi);
  }

  #wire(at: number, length: number, controlBytes: number): void {
    const { message } = this.#abi;
    this.#words.fill(0, Place.header >> 2, Place.header + message.size >> 2);
    this.#point(Place.header + message.vector, this.#at + Place.piece);
    this.#words[Place.header + message.vectorCount >> 2] = 1;
    this.#point(Place.piece, at);
    this.#words[(Place.piece >> 2) + 2] = length;
    if (controlBytes === 0) return;
    this.#point(Place.header + message.control, this.#at + Place.control);
    this.#words[Place.header + message.controlLength >> 2] = controlBytes;
  }

  /** Store the address of the arena's offset `at` at `place`. */
  #point(place: number, at: number): void {
    this.#words[place >> 2] = at;
    this.#words[(place >> 2) + 1] = this.#arena.high;
  }
}
