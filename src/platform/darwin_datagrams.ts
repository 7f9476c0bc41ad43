/**
 * Batches of datagrams on Darwin: sendmsg_x and recvmsg_x where they can be trusted, else one call a datagram.
 *
 * The two calls are private and not promised, so they are asked once at start, over a socketpair, whether they do
 * what we think. Before macOS 15.6 recvmsg_x leaves the socket locked on two early exits, which two readers of one
 * socket turn into a deadlock; each of ours has one reader, but below 15.6 they are used only when asked for.
 *
 * The rules of these calls (xnu bsd/kern/uipc_syscalls.c, uipc_socket.c): no flag but MSG_DONTWAIT; what is sent or
 * received is a prefix; a datagram that was cut is not marked, only as long as its slot; and all messages of a call
 * are copied before the first is tried, so a full peer costs the copy of the whole batch. That is why a socket whose
 * batch was cut is offered half as much the next time. Messages that carry an address are sent one by one: the kernel
 * would do the same, and an older one refuses addresses.
 *
 * All messages of a call have as many pieces as the first. The kernel uses the place for the pieces of one message
 * again for the next; in recvmsg_x it asked the wrong way round whether that is large enough, and wrote past its end
 * (xnu tests/recvmsg_x_iov_overflow.c). What it never has to ask cannot go wrong.
 *
 * @module
 */
import { DARWIN, DARWIN_NUMBERS as D } from "./abi.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { LibSystem } from "./darwin_libc.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { type DarwinRights, MOST_RIGHTS } from "./darwin_rights.ts";
import { Errno } from "./errno.ts";
import { MessageTable } from "./vectors.ts";

/** Most messages of one call. */
export const MOST = 64;
/** Fewest that are offered to a socket that is often full. */
const FEWEST = 4;
/** Descriptors the process may have open for each message of a receiving call: four times what one may bring. */
const DESCRIPTORS = 4 * MOST_RIGHTS;
/** Lengths of the datagrams that are sent to find out whether the calls work. */
const PROBE = [5, 77];
const PROBE_BYTES = 128;
/** Darwin 24.6 is macOS 15.6. */
const TRUSTED = [24, 6];

/** True for a kernel release (`kern.osrelease`) whose recvmsg_x has no known error. */
export function isTrusted(release: string): boolean {
  const [major, minor = 0] = release.split(".").map(Number);
  return major > TRUSTED[0] || (major === TRUSTED[0] && minor >= TRUSTED[1]);
}

/** How many messages from `from` on, at most `count`, have as many pieces as the first. */
function alike(table: MessageTable, from: number, count: number): number {
  if (!table.gathers) return count;
  const pieces = table.pieces(from);
  let same = 1;
  while (same < count && table.pieces(from + same) === pieces) same++;
  return same;
}

/** See the head of this file. */
export class DarwinDatagrams {
  /** The calls in use. */
  readonly bulk: "sendmsg_x/recvmsg_x" | "sendmsg/recvmsg";
  readonly #c: LibSystem;
  readonly #errno: Int32Array;
  readonly #bulk: boolean;
  readonly #rights: DarwinRights;
  /** Messages offered at once, less than {@linkcode MOST}, by descriptor. */
  #shy: Uint8Array = new Uint8Array(64);
  /** Sockets by which descriptors came: they are read one datagram at a time. */
  readonly #wary = new Set<number>();
  /** Descriptors came along with the last datagram. */
  #came = false;
  /** Most messages received at once. */
  #most = MOST;

  /**
   * @param rights with room for {@linkcode MOST} messages
   * @param wanted use the bulk calls if they work
   */
  constructor(process: DarwinProcess, rights: DarwinRights, wanted: boolean) {
    this.#rights = rights;
    this.#c = process.libc;
    this.#errno = process.errno;
    this.#bulk = wanted && process.libc.sendmsg_x !== null && process.libc.recvmsg_x !== null &&
      works(process, rights);
    this.bulk = this.#bulk ? "sendmsg_x/recvmsg_x" : "sendmsg/recvmsg";
  }

  /** See Kernel.receive. */
  receive(fd: number, table: MessageTable, count: number): number {
    if (!this.#bulk || (this.#wary.size > 0 && this.#wary.has(fd))) {
      return this.#receiveEach(fd, table, count);
    }
    const most = Math.min(count, this.#most);
    this.#rights.offer(table, 0, most);
    const n = this.#c.recvmsg_x!(fd, table.address(0), most, D.MSG_DONTWAIT);
    const error = n >= 0 ? 0 : fromDarwin(this.#errno[0]);
    if (this.#rights.settle(table, 0, most, n)) this.#wary.add(fd);
    return n >= 0 ? n : this.#unreceived(fd, table, error);
  }

  /** Receive one datagram as message `i`; returns its length. */
  receiveOne(fd: number, table: MessageTable, i: number): number {
    this.#rights.offer(table, i, i + 1);
    const n = this.#c.recvmsg(fd, table.address(i), D.MSG_DONTWAIT);
    const error = n >= 0 ? 0 : fromDarwin(this.#errno[0]);
    if (this.#rights.settle(table, i, i + 1, n < 0 ? 0 : 1)) {
      this.#wary.add(fd);
      this.#came = true;
    }
    return n >= 0 ? n : -error;
  }

  /** The process may have so many descriptors: as many come along at most as it has numbers for. */
  limit(descriptors: number): void {
    this.#most = Math.max(1, Math.min(MOST, Math.floor(descriptors / DESCRIPTORS)));
  }

  /** See Kernel.send. */
  send(fd: number, table: MessageTable, from: number, count: number): number {
    if (!this.#bulk || table.names > 0 || count === 1) {
      return this.#sendEach(fd, table, from, count);
    }
    if (fd >= this.#shy.length) this.#makeRoom(fd);
    const offered = alike(table, from, Math.min(count, MOST - this.#shy[fd]));
    const n = this.#c.sendmsg_x!(fd, table.address(from), offered, D.MSG_DONTWAIT);
    const error = n >= 0 ? 0 : fromDarwin(this.#errno[0]);
    // It takes no empty message (mbuf_allocpacket), and a header of the kernel's says that all of them together may be
    // too long, its code that the first one is. Sent alone, a message has the error that is its own.
    if (error === Errno.EMSGSIZE || error === Errno.EINVAL) {
      return this.#sendEach(fd, table, from, offered);
    }
    const less = MOST - this.#shy[fd];
    if (n === offered) this.#shy[fd] = MOST - Math.min(MOST, less * 2);
    else if (n >= 0 || error === Errno.ENOBUFS) {
      this.#shy[fd] = MOST - Math.max(FEWEST, less >> 1);
    }
    return n >= 0 ? n : -error;
  }

  /** A closed descriptor's number may be that of another socket next. */
  forget(fd: number): void {
    if (fd >= 0 && fd < this.#shy.length) this.#shy[fd] = 0;
    this.#wary.delete(fd);
  }

  #receiveEach(fd: number, table: MessageTable, count: number): number {
    this.#came = false;
    let i = 0;
    while (i < count && !this.#came) {
      const n = this.receiveOne(fd, table, i);
      if (n < 0) return i > 0 ? i : n;
      table.setReceived(i++, n);
    }
    return i;
  }

  /**
   * recvmsg_x has failed. Where descriptors came along and found no number, it has taken their datagram's name off
   * and left the datagram, which would get the name of the next: a single call gives it without any.
   */
  #unreceived(fd: number, table: MessageTable, error: number): number {
    return error === Errno.EMSGSIZE ? this.#receiveEach(fd, table, 1) : -error;
  }

  #sendEach(fd: number, table: MessageTable, from: number, count: number): number {
    for (let i = 0; i < count; i++) {
      const n = this.#c.sendmsg(fd, table.address(from + i), D.MSG_DONTWAIT);
      if (n < 0) return i > 0 ? i : -fromDarwin(this.#errno[0]);
    }
    return count;
  }

  #makeRoom(fd: number): void {
    const larger = new Uint8Array(2 ** Math.ceil(Math.log2(fd + 1)));
    larger.set(this.#shy);
    this.#shy = larger;
  }
}

/** Send and receive datagrams over a socketpair, in one piece and in two. */
function works(process: DarwinProcess, rights: DarwinRights): boolean {
  const { libc, arena } = process, memory = arena.take(4096), pair = memory + 2048;
  const out = new MessageTable(arena, DARWIN, PROBE.length, false, 2 * PROBE.length);
  const into = new MessageTable(arena, DARWIN, PROBE.length + 1, false);
  let ok = libc.socketpair(1, 2, 0, arena.address(pair)) === 0;
  if (ok) {
    const ends = [arena.view.getInt32(pair, true), arena.view.getInt32(pair + 4, true)];
    ok = [1, 2].every((pieces) => isCarried(process, ends, memory, out, into, pieces, rights));
    for (const fd of ends) libc.close(fd);
  }
  for (const at of [memory, out.at, out.vector.at, into.at, into.vector.at]) arena.give(at);
  return ok;
}

/** True if counts, lengths and bytes of the datagrams of {@linkcode PROBE} are right. */
function isCarried(
  { libc: c, arena: { u8 } }: DarwinProcess,
  [from, to]: readonly number[],
  memory: number,
  out: MessageTable,
  into: MessageTable,
  pieces: number,
  rights: DarwinRights,
): boolean {
  const start = (i: number) => memory + i * PROBE_BYTES, { length } = PROBE;
  const sent = PROBE.map((bytes, i) => {
    const first = pieces > 1 ? bytes >> 1 : bytes;
    out.setPieces(i, 2 * i, pieces);
    out.vector.set(2 * i, start(i), first);
    out.vector.set(2 * i + 1, start(i) + first, bytes - first);
    return crypto.getRandomValues(u8.subarray(start(i), start(i) + bytes));
  });
  for (let i = 0; i <= length; i++) into.set(i, start(8 + i), PROBE_BYTES);
  rights.offer(into, 0, length + 1);
  return c.sendmsg_x!(from, out.address(0), length, D.MSG_DONTWAIT) === length &&
    c.recvmsg_x!(to, into.address(0), length + 1, D.MSG_DONTWAIT) === length &&
    !rights.settle(into, 0, length + 1, length) &&
    sent.every((bytes, i) =>
      into.received(i) === bytes.length &&
      bytes.every((byte, at) => byte === u8[start(8 + i) + at])
    );
}
