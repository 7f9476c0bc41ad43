/**
 * Stream sockets of the fake kernel (unix_stream_connect, unix_accept, unix_stream_sendmsg,
 * unix_stream_read_generic, unix_release_sock).
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { charge, FakeSocket, type Passed, Refused } from "./fake_socket.ts";

const PAGE = 4096;
/** Largest piece of a stream the kernel queues at once: 32 KiB of pages and a head of one. */
const PIECE = 36_544;
const HEAD = 3776;

/** Make two sockets each other's peer. */
export function join(a: FakeSocket, b: FakeSocket): void {
  a.peer = b;
  b.peer = a;
  a.peerProcess = b.owner;
  b.peerProcess = a.owner;
}

/** Let others connect; at most `backlog` + 1 may wait. */
export function listenStream(socket: FakeSocket, backlog: number): number {
  if (socket.type !== SocketType.STREAM) throw new Refused(Errno.EOPNOTSUPP);
  if (socket.address.length === 0 || socket.peer !== undefined) throw new Refused(Errno.EINVAL);
  socket.backlog = backlog;
  return 0;
}

/** Connect to a listener: at once, or not at all. */
export function connectStream(socket: FakeSocket, listener: FakeSocket): number {
  if (socket.peer !== undefined) throw new Refused(Errno.EISCONN);
  if (listener.backlog < 0) throw new Refused(Errno.ECONNREFUSED);
  if (listener.pending.length > listener.backlog) throw new Refused(Errno.EAGAIN);
  const server = new FakeSocket(SocketType.STREAM, listener.owner);
  server.address = listener.address;
  server.sendLimit = listener.sendLimit;
  server.refusesDescriptors = listener.refusesDescriptors;
  join(socket, server);
  listener.pending.push(server);
  return 0;
}

/** The first waiting connection. */
export function acceptStream(listener: FakeSocket): FakeSocket {
  if (listener.type !== SocketType.STREAM) throw new Refused(Errno.EOPNOTSUPP);
  if (listener.backlog < 0) throw new Refused(Errno.EINVAL);
  const server = listener.pending.shift();
  if (server === undefined) throw new Refused(Errno.EAGAIN);
  return server;
}

/** Write what fits; at least a byte or EAGAIN. Descriptors go with the first byte. */
export function writeStream(
  socket: FakeSocket,
  bytes: Uint8Array,
  passed: readonly Passed[] = [],
): number {
  const { peer } = socket;
  if (peer === undefined) throw new Refused(Errno.ENOTCONN);
  if (socket.hungUp) throw new Refused(Errno.EPIPE);
  socket.throwError();
  if (passed.length > 0 && peer.refusesDescriptors) throw new Refused(Errno.EPERM);
  let sent = 0;
  while (sent < bytes.length) {
    if (socket.used >= socket.sendLimit) {
      if (sent > 0) break;
      throw new Refused(Errno.EAGAIN);
    }
    const size = Math.min(bytes.length - sent, (socket.sendLimit >> 1) - 64, PIECE);
    const paged = Math.min(size, Math.ceil(Math.max(0, size - HEAD) / PAGE) * PAGE);
    const piece = bytes.subarray(sent, sent + size);
    socket.deliver(peer, piece, charge(size, paged), sent === 0 ? passed : []);
    sent += size;
  }
  return sent;
}

/**
 * Read what is there, at most `into.length` bytes; 0 at the end of the stream. Nothing is read from behind
 * a message with descriptors together with it.
 *
 * @param passed where descriptors are put; else they are lost
 */
export function readStream(socket: FakeSocket, into: Uint8Array, passed: Passed[] = []): number {
  if (socket.peer === undefined) throw new Refused(Errno.EINVAL);
  let got = 0;
  let more = true;
  while (more && got < into.length && socket.queue.length > 0) {
    const message = socket.queue[0];
    const piece = message.bytes.subarray(message.taken, message.taken + into.length - got);
    into.set(piece, got);
    got += piece.length;
    message.taken += piece.length;
    more = message.passed.length === 0;
    passed.push(...message.passed);
    message.passed = [];
    if (message.taken === message.bytes.length) socket.shift();
  }
  if (got > 0 || into.length === 0) return got;
  socket.throwError();
  if (socket.hungUp) return 0;
  throw new Refused(Errno.EAGAIN);
}

/** Close a socket of either type; a stream's other end hears of it, harshly if something was not read. */
export function closeSocket(socket: FakeSocket): void {
  socket.dead = true;
  socket.onArrival = undefined;
  for (const server of socket.pending.splice(0)) {
    if (server.peer !== undefined) server.peer.error = Errno.ECONNRESET;
    closeSocket(server);
  }
  const unread = socket.purge();
  const { peer } = socket;
  socket.peer = undefined;
  if (socket.type !== SocketType.STREAM || peer === undefined || peer.dead) return;
  peer.hungUp = true;
  if (unread) peer.error = Errno.ECONNRESET;
  peer.onArrival?.();
}
