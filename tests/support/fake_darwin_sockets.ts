/**
 * Sockets as Darwin has them (xnu bsd/kern/uipc_usrreq.c, uipc_socket.c).
 *
 * - A datagram lies in its receiver's buffer, and only that one's size bounds the queue: a full one is ENOBUFS, at
 *   once. The sender's buffer is the longest datagram and nothing else.
 * - Everybody may send to a socket, whatever it is connected to.
 * - A datagram peer that closes leaves ECONNRESET behind for the next call, then there is no peer any more; nobody is
 *   woken.
 * - What a stream has written lies in its peer's buffer and makes its own smaller; below 2 KiB it counts as full.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import type { SocketRules } from "./fake_rules.ts";
import { FakeSocket, type Message, Refused } from "./fake_socket.ts";
import { join } from "./fake_stream.ts";

/** net.local.stream.sendspace and recvspace, net.local.dgram.maxdgram and recvspace. */
const STREAM_BUFFER = 8192, LONGEST_DGRAM = 2048, DGRAM_BUFFER = 4096;
/** What VMs ask for: vfkit and libkrun 1 to 7 MiB on datagrams; streams get as much as Linux would give. */
const VM_STREAM_BUFFER = 212_992, VM_DGRAM = 131_072, VM_DGRAM_BUFFER = 1 << 20;
/** so_snd.sb_lowat of a stream (MCLBYTES). */
const STREAM_LOW = 2048;
/** kern.ipc.somaxconn. */
const BACKLOG_MOST = 128;
/** A sender without a name is told as an empty struct sockaddr. */
const NO_NAME = 16;

/** A socket as socket(2) makes it. */
export function newDarwinSocket(type: number, owner: FakeSocket["owner"]): FakeSocket {
  const socket = new FakeSocket(type, owner);
  const stream = type === SocketType.STREAM;
  socket.sendLimit = stream ? STREAM_BUFFER : LONGEST_DGRAM;
  socket.receiveLimit = stream ? STREAM_BUFFER : DGRAM_BUFFER;
  return socket;
}

/** listen(2): 0 and what is above the most mean the most. */
export function listenDarwin(socket: FakeSocket, backlog: number): number {
  if (socket.type !== SocketType.STREAM) throw new Refused(Errno.EOPNOTSUPP);
  if (socket.address.length === 0 || socket.peer !== undefined) throw new Refused(Errno.EINVAL);
  socket.backlog = backlog <= 0 || backlog > BACKLOG_MOST ? BACKLOG_MOST : backlog;
  return 0;
}

/** Bytes that can be sent now, as EVFILT_WRITE counts them: at least one of a datagram, whatever is to be sent. */
export function isWritable(socket: FakeSocket): boolean {
  if (socket.backlog >= 0) return false;
  if (socket.type === SocketType.STREAM) {
    return socket.hungUp || (socket.peer !== undefined && space(socket) >= low(socket));
  }
  const { peer } = socket;
  return peer === undefined || Math.min(socket.sendLimit, peer.receiveLimit - peer.held) >= 1;
}

function space(socket: FakeSocket): number {
  return socket.sendLimit - socket.used;
}

function low(socket: FakeSocket): number {
  return Math.min(STREAM_LOW, socket.sendLimit);
}

/** Rules of one machine. `onRoom` hears of each socket that may have more room to write. */
export class DarwinRules implements SocketRules {
  readonly #onRoom: (socket: FakeSocket) => void;
  /** Datagram sockets that are connected to one, by that one. */
  readonly #references = new Map<FakeSocket, Set<FakeSocket>>();

  constructor(onRoom: (socket: FakeSocket) => void) {
    this.#onRoom = onRoom;
  }

  furnish(socket: FakeSocket): FakeSocket {
    const stream = socket.type === SocketType.STREAM;
    socket.sendLimit = stream ? VM_STREAM_BUFFER : VM_DGRAM;
    socket.receiveLimit = stream ? VM_STREAM_BUFFER : VM_DGRAM_BUFFER;
    return socket;
  }

  join(a: FakeSocket, b: FakeSocket): void {
    join(a, b);
    if (a.type !== SocketType.DGRAM) return;
    this.#refer(a, b);
    this.#refer(b, a);
  }

  connectStream(socket: FakeSocket, listener: FakeSocket): number {
    if (socket.peer !== undefined) throw new Refused(Errno.EISCONN);
    // As many as the backlog and none more (sonewconn_internal with kern.ipc.soqlimitcompat at 1, as it comes).
    const isFull = listener.pending.length >= listener.backlog;
    if (listener.backlog < 0 || isFull) throw new Refused(Errno.ECONNREFUSED);
    const server = newDarwinSocket(SocketType.STREAM, listener.owner);
    server.address = listener.address;
    server.sendLimit = listener.sendLimit;
    server.receiveLimit = listener.receiveLimit;
    join(socket, server);
    listener.pending.push(server);
    return 0;
  }

  connectDatagram(socket: FakeSocket, to: FakeSocket): number {
    this.disconnect(socket);
    socket.peer = to;
    this.#refer(socket, to);
    return 0;
  }

  /** What had arrived stays. */
  disconnect(socket: FakeSocket): number {
    if (socket.peer !== undefined) this.#references.get(socket.peer)?.delete(socket);
    socket.peer = undefined;
    return 0;
  }

  send(socket: FakeSocket, bytes: Uint8Array, find: (() => FakeSocket) | undefined): number {
    socket.throwError();
    if (find === undefined && socket.peer === undefined) throw new Refused(Errno.EDESTADDRREQ);
    if (bytes.length > socket.sendLimit) throw new Refused(Errno.EMSGSIZE);
    if (find !== undefined && socket.peer !== undefined) throw new Refused(Errno.EISCONN);
    const to = find?.() ?? socket.peer!;
    const cost = bytes.length + (socket.address.length > 0 ? 2 + socket.address.length : NO_NAME);
    if (to.held + cost > to.receiveLimit) throw new Refused(Errno.ENOBUFS);
    socket.deliver(to, bytes, cost);
    return bytes.length;
  }

  receive(socket: FakeSocket): Message {
    const message = socket.shift();
    if (message === undefined) {
      socket.throwError();
      throw new Refused(Errno.EAGAIN);
    }
    if (socket.peer !== undefined) this.#onRoom(socket.peer);
    return message;
  }

  write(socket: FakeSocket, bytes: Uint8Array): number {
    if (socket.hungUp) throw new Refused(Errno.EPIPE);
    if (socket.peer === undefined) throw new Refused(Errno.ENOTCONN);
    socket.throwError();
    const room = space(socket);
    if (room < bytes.length && room < low(socket)) throw new Refused(Errno.EAGAIN);
    const taken = bytes.subarray(0, Math.max(0, room));
    if (taken.length > 0) socket.deliver(socket.peer, taken, taken.length);
    return taken.length;
  }

  read(socket: FakeSocket, into: Uint8Array): number {
    if (socket.peer === undefined) throw new Refused(Errno.ENOTCONN);
    let got = 0;
    while (got < into.length && socket.queue.length > 0) {
      const message = socket.queue[0];
      if (got > 0 && message.passed.length > 0) break;
      const piece = message.bytes.subarray(message.taken, message.taken + into.length - got);
      into.set(piece, got);
      got += piece.length;
      message.taken += piece.length;
      if (message.taken === message.bytes.length) socket.shift();
    }
    if (got > 0) this.#onRoom(socket.peer);
    if (got > 0 || into.length === 0) return got;
    if (socket.hungUp) return 0;
    throw new Refused(Errno.EAGAIN);
  }

  close(socket: FakeSocket): void {
    const { peer } = socket;
    if (socket.type === SocketType.DGRAM) this.disconnect(socket);
    socket.dead = true;
    socket.onArrival = undefined;
    for (const server of socket.pending.splice(0)) this.close(server);
    socket.purge();
    socket.peer = undefined;
    for (const other of this.#references.get(socket) ?? []) {
      other.error = Errno.ECONNRESET;
      other.peer = undefined;
    }
    this.#references.delete(socket);
    if (socket.type !== SocketType.STREAM || peer === undefined || peer.dead) return;
    peer.hungUp = true;
    this.#onRoom(peer);
    peer.onArrival?.();
  }

  #refer(from: FakeSocket, to: FakeSocket): void {
    const all = this.#references.get(to) ?? new Set();
    all.add(from);
    this.#references.set(to, all);
  }
}
