/**
 * A socket of the fake kernel: its state and its readiness, as net/unix/af_unix.c (Linux 6.x) has them.
 *
 * What lies in a receiver's queue is charged to the SENDER's buffer, in whole allocations; that, not the
 * receiver's buffer, is what bounds a UNIX socket on Linux. The numbers of {@linkcode charge} give the
 * depths measured on a real kernel: 278 frames of 60 bytes, 93 of 1514, 4 of 65,550 at 212,992 bytes.
 *
 * @module
 */
import { Ready, SocketType } from "../../src/platform/kernel.ts";
import type { Open } from "./fake_descriptors.ts";

/** A system call that fails: thrown inside the fake, a negative number outside. */
export class Refused {
  constructor(readonly errno: number) {}
}

/** A process, of ours or of a VM. */
export interface FakeProcess {
  readonly pid: number;
  readonly uid: number;
  ended: boolean;
}

/** A descriptor on its way in a message. */
export interface Passed {
  readonly open: Open;
  readonly nonBlocking: boolean;
}

/** One datagram, or one piece of a stream. */
export interface Message {
  readonly bytes: Uint8Array;
  /** Bytes a stream reader has taken of it. */
  taken: number;
  /** Whose buffer it is charged to, and with how much. */
  readonly from: FakeSocket;
  readonly charge: number;
  /** Sender's address when it was sent. */
  readonly address: Uint8Array;
  /** Sender's process, when an end had asked for it. */
  readonly process: FakeProcess | undefined;
  /** Descriptors that go to whoever reads its first byte. */
  passed: Passed[];
  /** Darwin: its sender's name was lost, with descriptors that found no number. */
  nameless?: boolean;
}

/** net.core.wmem_default of a stock kernel. */
export const DEFAULT_BUFFER = 212_992;
/** net.unix.max_dgram_qlen. */
export const DATAGRAMS = 10;

/** See the head of this file. */
export class FakeSocket {
  sendLimit: number = DEFAULT_BUFFER;
  receiveLimit: number = DEFAULT_BUFFER;
  /** Bytes of {@linkcode sendLimit} that lie in others' queues. */
  used = 0;
  /** What lies in the own queue, as charged to its senders. */
  held = 0;
  /** Path or abstract name without the family; empty: unnamed. */
  address: Uint8Array = new Uint8Array();
  peer: FakeSocket | undefined;
  /** The process at the other end of a stream when it was made. */
  peerProcess: FakeProcess | undefined;
  /** Connections that may wait, less one; -1: does not listen. */
  backlog = -1;
  readonly pending: FakeSocket[] = [];
  readonly queue: Message[] = [];
  /** Closed. */
  dead = false;
  /** The other end of the stream has closed. */
  hungUp = false;
  /** Told once by the next call (sk_err). */
  error = 0;
  /** SO_PASSRIGHTS is off. */
  refusesDescriptors = false;
  /** Its close waits (SO_LINGER, and something unsent), unless it is non-blocking. */
  lingers = false;
  /** SO_PASSCRED. */
  credentials = false;
  /** A test peer that reads as soon as something comes. */
  onArrival: (() => void) | undefined;

  constructor(readonly type: number, readonly owner: FakeProcess) {}

  /** Put `bytes` (a copy) into the queue of `to`. */
  deliver(to: FakeSocket, bytes: Uint8Array, cost: number, passed: readonly Passed[] = []): void {
    this.used += cost;
    to.held += cost;
    to.queue.push({
      bytes: bytes.slice(),
      taken: 0,
      from: this,
      charge: cost,
      address: this.address,
      process: this.credentials || to.credentials ? this.owner : undefined,
      passed: [...passed],
    });
    to.onArrival?.();
  }

  /** Take the first message out of the queue. */
  shift(): Message | undefined {
    const message = this.queue.shift();
    if (message === undefined) return undefined;
    message.from.used -= message.charge;
    this.held -= message.charge;
    return message;
  }

  /** Throw away what has arrived; true if there was something. */
  purge(): boolean {
    const some = this.queue.length > 0;
    while (this.shift() !== undefined);
    return some;
  }

  /** Tell a pending error, once. */
  throwError(): void {
    const errno = this.error;
    this.error = 0;
    if (errno !== 0) throw new Refused(errno);
  }

  /** Ready bits now (unix_poll, unix_dgram_poll). */
  get readiness(): number {
    const idle = this.type === SocketType.STREAM && this.peer === undefined && this.backlog < 0;
    const gone = this.error !== 0 || this.hungUp || idle;
    const readable = this.queue.length > 0 || this.pending.length > 0 || this.hungUp;
    return (readable ? Ready.READ : 0) | (this.#writable() ? Ready.WRITE : 0) |
      (gone ? Ready.GONE : 0);
  }

  /** WRITE comes only at a quarter of the buffer, although a send works as soon as anything was read. */
  #writable(): boolean {
    if (this.backlog >= 0 || this.used * 4 > this.sendLimit) return false;
    return this.type === SocketType.STREAM || this.peer === undefined || !blocks(this.peer, this);
  }
}

/** True if a datagram of `from` has to wait: only one-sided receivers are bounded by a count. */
export function blocks(to: FakeSocket, from: FakeSocket): boolean {
  return to !== from && to.peer !== from && to.queue.length > DATAGRAMS;
}

/** Bytes a message of `length` costs its sender: a power of two for the head, pages for `paged` bytes, 256 for the rest. */
export function charge(length: number, paged: number): number {
  const head = 2 ** Math.ceil(Math.log2(length - paged + 320));
  return head + paged + 256;
}
