/**
 * Messages of a front-end on the wire: put together from a stream socket, one at a time, with the
 * descriptors that came with them.
 *
 * A message is a header of three words (request, flags, size) and `size` bytes, little-endian. It
 * may arrive in any pieces and is never waited for. What is read never goes beyond one message, so
 * a descriptor that comes with a piece belongs to the message that the piece is of. Descriptors are
 * held here until they are taken or the message is dropped, so there is no way on which one stays
 * open. Closing one takes as long as the front-end likes: that is left to other threads, and a
 * front-end whose descriptors do not get closed is listened to no longer.
 *
 * @module
 */
import { Errno, Fault, judge } from "../../platform/errno.ts";
import type { Kernel } from "../../platform/kernel.ts";
import { CLOSING_MAX, type Sharing } from "../../platform/sharing.ts";
import { RETRIES } from "../retries.ts";

/** Bytes of a header. */
export const HEADER = 12;
/**
 * Longest payload; the longest of a front-end that keeps to what is offered is that of 8 regions,
 * 264.
 */
export const MAX_PAYLOAD = 2048;
/** Most descriptors of one message (VHOST_USER_MAX_RAM_SLOTS aside, QEMU's and DPDK's limit). */
export const MAX_DESCRIPTORS = 8;

/** Bits of the word `flags`; its lowest two are the version. */
export const Flag = { VERSION: 1, VERSION_MASK: 3, REPLY: 4, NEED_REPLY: 8 } as const;

/** Answer of {@linkcode MessageReader.next}. */
export const Next = { NONE: 0, MESSAGE: 1, OVER: 2 } as const;
/** One of {@linkcode Next}. */
export type Next = typeof Next[keyof typeof Next];

/** Where a reply is put together, behind the longest message. */
const REPLY = HEADER + MAX_PAYLOAD + 4;
const PLACE_BYTES = 4096;
const CLOGGED = "the descriptors it sends take long to close";
/** The most frequent mistake: frames with a length in front rarely have the version's bits where it stands. */
const NO_VHOST_USER = "it speaks no vhost-user; for -netdev stream use kind stream";
const TOO_MANY = `it sent more than ${MAX_DESCRIPTORS} descriptors with one message`;

/** See the head of this file. The descriptor of the socket is the caller's, and is not closed. */
export class MessageReader {
  /** Why the connection is over; empty before it is. */
  reason = "";
  /** Header of the message that is there. */
  request = 0;
  flags = 0;
  /** Bytes of its payload. */
  size = 0;
  readonly #kernel: Kernel;
  readonly #sharing: Sharing;
  readonly #fd: number;
  readonly #giver: object;
  readonly #at: number;
  /** Bytes of the message that have come. */
  #bytes = 0;
  #descriptors: number[] = [];

  /** @param giver whom its descriptors are counted for while they are closed */
  constructor(kernel: Kernel, sharing: Sharing, fd: number, giver: object) {
    this.#kernel = kernel;
    this.#sharing = sharing;
    this.#fd = fd;
    this.#giver = giver;
    this.#at = kernel.arena.take(PLACE_BYTES);
  }

  /** Descriptors that came with the message and were not taken. */
  get descriptors(): readonly number[] {
    return this.#descriptors;
  }

  /**
   * Read on. A message that is there stays until {@linkcode drop}, which has to be called before
   * the next.
   */
  next(): Next {
    if (this.reason !== "") return Next.OVER;
    if (this.#sharing.closing(this.#giver) > CLOSING_MAX) return this.#over(CLOGGED);
    while (this.#bytes < HEADER) {
      const got = this.#read(HEADER - this.#bytes);
      if (got !== Next.MESSAGE) return got;
    }
    if (!this.#readHeader()) return Next.OVER;
    while (this.#bytes < HEADER + this.size) {
      const got = this.#read(HEADER + this.size - this.#bytes);
      if (got !== Next.MESSAGE) return got;
    }
    return Next.MESSAGE;
  }

  /** Word `i` of the payload, unsigned. */
  word(i: number): number {
    return this.#kernel.arena.view.getUint32(this.#at + HEADER + 4 * i, true);
  }

  /** The 64-bit number at word `i` of the payload; Infinity when it does not fit in 53 bits. */
  long(i: number): number {
    const high = this.word(i + 1);
    return high < 0x20_0000 ? high * 2 ** 32 + this.word(i) : Infinity;
  }

  /** The first 64 bits of the payload, as two unsigned halves. */
  bits(): { low: number; high: number } {
    return { low: this.word(0), high: this.word(1) };
  }

  /** Take the first descriptor: it is the caller's now. -1 when there is none. */
  take(): number {
    return this.#descriptors.shift() ?? -1;
  }

  /** Take all descriptors. */
  takeAll(): void {
    this.#descriptors = [];
  }

  /** The message is dealt with; descriptors that nobody took are closed. */
  drop(): void {
    this.#bytes = 0;
    this.#throwAway(this.#descriptors);
    this.#descriptors = [];
  }

  /**
   * Answer the message with two words. False when the front-end does not take it: the connection is
   * over.
   */
  reply(first: number, second: number): boolean {
    const { view } = this.#kernel.arena, at = this.#at + REPLY;
    view.setUint32(at, this.request, true);
    view.setUint32(at + 4, Flag.VERSION | Flag.REPLY, true);
    view.setUint32(at + 8, 8, true);
    view.setUint32(at + HEADER, first, true);
    view.setUint32(at + HEADER + 4, second, true);
    for (let i = 0; i < RETRIES; i++) {
      const sent = this.#sharing.sendMessage(this.#fd, at, HEADER + 8, []);
      if (sent === HEADER + 8) return true;
      if (sent >= 0 || judge(sent) === Fault.AGAIN) {
        this.reason = "it does not read our replies";
        return false;
      }
      if (judge(sent) !== Fault.RETRY) break;
    }
    this.reason = "the connection broke";
    return false;
  }

  /** Nothing is read any more; descriptors of a message that has not come whole are closed. */
  close(): void {
    this.drop();
    this.#kernel.arena.give(this.#at);
  }

  /** Read up to `length` bytes of the message; MESSAGE when some came. */
  #read(length: number): Next {
    for (let i = 0; i < RETRIES; i++) {
      const n = this.#sharing.receiveMessage(this.#fd, this.#at + this.#bytes, length);
      if (n > 0) return this.#received(n);
      this.#throwAway(this.#sharing.descriptors);
      if (n === 0) return this.#over("it closed the connection");
      if (n === -Errno.EPROTO) return this.#over(TOO_MANY);
      const fault = judge(n);
      if (fault === Fault.AGAIN) return Next.NONE;
      if (fault >= Fault.PEER) return this.#over("the connection broke");
    }
    return Next.NONE;
  }

  #received(bytes: number): Next {
    this.#bytes += bytes;
    this.#descriptors.push(...this.#sharing.descriptors);
    if (this.#descriptors.length <= MAX_DESCRIPTORS) return Next.MESSAGE;
    return this.#over(TOO_MANY);
  }

  #readHeader(): boolean {
    const { view } = this.#kernel.arena;
    this.request = view.getUint32(this.#at, true);
    this.flags = view.getUint32(this.#at + 4, true);
    this.size = view.getUint32(this.#at + 8, true);
    if ((this.flags & Flag.VERSION_MASK) !== Flag.VERSION) {
      this.#over(NO_VHOST_USER);
    } else if ((this.flags & Flag.REPLY) !== 0) {
      this.#over(`it replied to a request ${this.request} that we never made`);
    } else if (this.size > MAX_PAYLOAD) {
      this.#over(`it sent a message of ${this.size} bytes, of at most ${MAX_PAYLOAD}`);
    }
    return this.reason === "";
  }

  #throwAway(descriptors: readonly number[]): void {
    for (const fd of descriptors) this.#sharing.closeElsewhere(fd, this.#giver);
  }

  #over(reason: string): Next {
    this.reason = reason;
    return Next.OVER;
  }
}
