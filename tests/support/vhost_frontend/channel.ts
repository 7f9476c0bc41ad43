/**
 * The socket of a vhost-user front-end: messages out, with descriptors, and replies in.
 *
 * It says whatever a test wants to have said, also wrong things and half of a message. Nothing blocks: while
 * a reply is not there, {@linkcode Turn} lets the other end run, which may live in the same thread.
 *
 * @module
 */
import { errnoName } from "../../../src/platform/errno.ts";
import { type Kernel, SocketType } from "../../../src/platform/kernel.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";
import { Flag, HEADER_BYTES } from "./wire.ts";

/** Lets the other end run for a moment: a turn of an engine in this thread, or a short sleep. */
export type Turn = () => void;

/** A message as it arrived. */
export interface Message {
  readonly request: number;
  readonly flags: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** Room for one message. */
const ROOM = 4096;
/** Turns without an answer after which the other end is taken for silent. */
const PATIENCE = 20_000;
const EAGAIN = -11;

/** See the head of this file. */
export class Channel {
  /** True once the other end has closed the connection. */
  ended = false;
  readonly fd: number;
  readonly #kernel: Kernel;
  readonly #turn: Turn;
  readonly #room: number;
  #open = true;

  /** @param fd a connected stream socket, which is closed with the channel */
  constructor(kernel: Kernel, fd: number, turn: Turn) {
    this.#kernel = kernel;
    this.#turn = turn;
    this.fd = fd;
    this.#room = kernel.arena.take(ROOM);
  }

  /**
   * Send one message. The header says the payload's length, unless a test lies about it.
   *
   * @param flags {@linkcode Flag} bits
   */
  send(
    request: number,
    payload: Uint8Array = new Uint8Array(),
    descriptors: readonly number[] = [],
    flags: number = Flag.VERSION,
    length: number = payload.length,
  ): void {
    const bytes = new Uint8Array(HEADER_BYTES + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, request, true);
    view.setUint32(4, flags, true);
    view.setUint32(8, length, true);
    bytes.set(payload, HEADER_BYTES);
    this.sendBytes(bytes, descriptors);
  }

  /** Send bytes that need not be a message; nothing happens once the other end is gone. */
  sendBytes(bytes: Uint8Array, descriptors: readonly number[] = []): void {
    this.#kernel.arena.u8.set(bytes, this.#room);
    let sent = 0;
    for (let turns = 0; sent < bytes.length && !this.ended; turns++) {
      const with_ = sent === 0 ? descriptors : [];
      const n = sharingOf(this.#kernel)
        .sendMessage(this.fd, this.#room + sent, bytes.length - sent, with_);
      if (n > 0) sent += n;
      else if (n !== EAGAIN) this.ended = true;
      else if (turns > PATIENCE) throw new Error("The other end reads nothing");
      else this.#turn();
    }
  }

  /**
   * Wait for a message.
   *
   * @throws Error when the connection ends, or the other end stays silent
   */
  reply(): Message {
    const header = new DataView(this.#read(HEADER_BYTES).buffer);
    const payload = this.#read(header.getUint32(8, true));
    return { request: header.getUint32(0, true), flags: header.getUint32(4, true), payload };
  }

  /** Wait until the other end has closed the connection; what it says before is dropped. */
  awaitEnd(): void {
    for (let turns = 0; !this.ended; turns++) {
      if (turns > PATIENCE) throw new Error("The other end does not close the connection");
      if (this.#readSome(ROOM) === 0) this.#turn();
    }
  }

  /** True when the other end has closed; looks now, and drops what it says. */
  get isOver(): boolean {
    while (!this.ended && this.#readSome(ROOM) > 0);
    return this.ended;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.ended = true;
    this.#kernel.close(this.fd);
    this.#kernel.arena.give(this.#room);
  }

  #read(length: number): Uint8Array<ArrayBuffer> {
    if (length > ROOM) throw new Error(`A reply of ${length} bytes`);
    const bytes = new Uint8Array(length);
    let have = 0;
    for (let turns = 0; have < length; turns++) {
      const n = this.#readSome(length - have);
      bytes.set(this.#kernel.arena.u8.subarray(this.#room, this.#room + n), have);
      have += n;
      if (this.ended) throw new Error("The other end has closed the connection");
      if (turns > PATIENCE) throw new Error("The other end does not answer");
      if (n === 0) this.#turn();
    }
    return bytes;
  }

  #readSome(length: number): number {
    const n = this.#kernel.read(this.fd, this.#room, length);
    if (n === 0 || n < 0 && n !== EAGAIN) this.ended = true;
    return Math.max(n, 0);
  }
}

/** Connect to a switch that listens at a path. */
export function connectTo(kernel: Kernel, path: string): number {
  const fd = kernel.socket(SocketType.STREAM);
  const result = kernel.connect(fd, new TextEncoder().encode(path));
  if (result >= 0) return fd;
  kernel.close(fd);
  throw new Error(`Cannot connect to ${path}: ${errnoName(result)}`);
}

/** Listen at a path for a switch that connects (`server=on` of QEMU's chardev). */
export class Doorway {
  readonly #kernel: Kernel;
  readonly #path: string;
  readonly #fd: number;

  constructor(kernel: Kernel, path: string) {
    this.#kernel = kernel;
    this.#path = path;
    this.#fd = kernel.socket(SocketType.STREAM);
    const result = kernel.bind(this.#fd, path, 0o600);
    if (result < 0) throw new Error(`Cannot bind ${path}: ${errnoName(result)}`);
    kernel.listen(this.#fd, 1);
  }

  /** Wait for a connection; its descriptor is the caller's. */
  accept(turn: Turn): number {
    for (let turns = 0; turns < PATIENCE; turns++) {
      const fd = this.#kernel.accept(this.#fd);
      if (fd >= 0) return fd;
      turn();
    }
    throw new Error(`Nobody connects to ${this.#path}`);
  }

  close(): void {
    this.#kernel.close(this.#fd);
    this.#kernel.unlink(this.#path);
  }
}

/** The part of a kernel without which there is no front-end. */
export function sharingOf(kernel: Kernel): Sharing {
  if (kernel.sharing === undefined) throw new Error("This kernel shares no memory");
  return kernel.sharing;
}
