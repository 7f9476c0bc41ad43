/**
 * The arena as a C function sees it: structures at Darwin's offsets, by address.
 *
 * The offsets are written out here and not taken from src/platform/abi.ts, which they are to be compared with.
 *
 * @module
 */
import type { Arena } from "../../src/platform/arena.ts";
import { Errno } from "../../src/platform/errno.ts";
import type { Kevent } from "./fake_kqueue.ts";
import { Refused } from "./fake_socket.ts";

const AF_UNIX = 1;

/** struct msghdr, and the part of struct msghdr_x that is the same. */
export interface Msghdr {
  /** Offset of the header itself. */
  readonly at: number;
  readonly name: number;
  readonly nameLength: number;
  readonly pieces: readonly Uint8Array[];
  /** Control data, or room for it. */
  readonly control: { readonly at: number; readonly room: number } | undefined;
}

/** See the head of this file. */
export class CMemory {
  readonly #arena: Arena;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  get view(): DataView {
    return this.#arena.view;
  }

  /** Offset of an address; one that lies elsewhere, or in page 0, is EFAULT. */
  at(address: bigint, bytes = 1): number {
    const offset = address - this.#arena.address(0);
    if (offset < 4096n || offset + BigInt(bytes) > BigInt(this.#arena.u8.length)) {
      throw new Refused(Errno.EFAULT);
    }
    return Number(offset);
  }

  bytes(address: bigint, length: number): Uint8Array {
    const at = this.at(address, Math.max(1, length));
    return this.#arena.u8.subarray(at, at + length);
  }

  i32(address: bigint): number {
    return this.view.getInt32(this.at(address, 4), true);
  }

  setI32(address: bigint, value: number): void {
    this.view.setInt32(this.at(address, 4), value, true);
  }

  /** Message header `i` of an array with `stride` bytes each. */
  message(address: bigint, i = 0, stride = 48): Msghdr {
    const at = this.at(address + BigInt(i * stride), stride), { view } = this;
    const count = view.getInt32(at + 24, true);
    if (count <= 0 || count > 1024) throw new Refused(Errno.EMSGSIZE);
    const control = view.getBigUint64(at + 32, true), room = view.getInt32(at + 40, true);
    const iov = this.at(view.getBigUint64(at + 16, true), 16 * count);
    const pieces = Array.from({ length: count }, (_, p) => {
      const length = Number(view.getBigUint64(iov + p * 16 + 8, true));
      const start = view.getBigUint64(iov + p * 16, true);
      return length === 0 ? new Uint8Array() : this.bytes(start, length);
    });
    const name = view.getBigUint64(at, true);
    return {
      at,
      name: name === 0n ? 0 : this.at(name),
      nameLength: view.getInt32(at + 8, true),
      pieces,
      control: control !== 0n && room > 0 ? { at: this.at(control, room), room } : undefined,
    };
  }

  /** Copy bytes to the pieces of a message; returns how many there was room for. */
  scatter(message: Msghdr, bytes: Uint8Array): number {
    let done = 0;
    for (const piece of message.pieces) {
      const part = bytes.subarray(done, done + piece.length);
      piece.set(part);
      done += part.length;
    }
    return done;
  }

  /** The bytes of all pieces, copied. */
  gather(message: Msghdr): Uint8Array {
    const bytes = new Uint8Array(message.pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of message.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /** Store a sender's name where the message has room for one: copyout_sa, which tells what it has copied. */
  storeName(message: Msghdr, address: Uint8Array): void {
    if (message.name === 0) return;
    const stored = this.storeSockaddr(message.name, message.nameLength, address);
    this.view.setInt32(message.at + 8, stored, true);
  }

  /** Store a sockaddr_un, cut to `room`; returns the bytes stored. A socket without a name has 14 NULs. */
  storeSockaddr(at: number, room: number, address: Uint8Array): number {
    const name = new Uint8Array(address.length > 0 ? 2 + address.length : 16);
    name[0] = name.length;
    name[1] = AF_UNIX;
    name.set(address, 2);
    const stored = name.subarray(0, room);
    this.#arena.u8.set(stored, at);
    return stored.length;
  }

  /** The path of a sockaddr_un of `length` bytes; undefined without a family. The length in it does not count. */
  sockaddr(at: number, length: number): Uint8Array | undefined {
    if (length < 2 || length > 255) throw new Refused(Errno.EINVAL);
    const raw = this.#arena.u8.slice(at, at + length);
    if (raw[1] === 0) return undefined;
    if (raw[1] !== AF_UNIX) throw new Refused(Errno.EINVAL);
    const end = raw.indexOf(0, 2);
    const path = raw.subarray(2, end < 0 ? length : end);
    if (path.length === 0) throw new Refused(Errno.ENOENT);
    return path;
  }

  /** struct kevent `i`. */
  kevent(address: bigint, i: number): Kevent {
    const at = this.at(address + BigInt(i * 32), 32), { view } = this;
    return {
      ident: view.getBigUint64(at, true),
      filter: view.getInt16(at + 8, true),
      flags: view.getUint16(at + 10, true),
      fflags: view.getUint32(at + 12, true),
      data: Number(view.getBigInt64(at + 16, true)),
      udata: view.getBigUint64(at + 24, true),
    };
  }

  setKevent(address: bigint, i: number, event: Kevent): void {
    const at = this.at(address + BigInt(i * 32), 32), { view } = this;
    view.setBigUint64(at, event.ident, true);
    view.setInt16(at + 8, event.filter, true);
    view.setUint16(at + 10, event.flags, true);
    view.setUint32(at + 12, event.fflags, true);
    view.setBigInt64(at + 16, BigInt(event.data), true);
    view.setBigUint64(at + 24, event.udata, true);
  }
}
