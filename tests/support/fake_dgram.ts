/**
 * Datagram sockets of the fake kernel (unix_dgram_connect, unix_dgram_sendmsg, unix_dgram_recvmsg).
 *
 * Three habits of Linux surprise and are kept: a connected socket turns everybody else away with EPERM;
 * a dead peer is told once by ECONNREFUSED and then by ENOTCONN; and both that moment and a disconnect
 * throw away what had arrived and was not read.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { blocks, charge, type FakeSocket, type Message, Refused } from "./fake_socket.ts";

const PAGE = 4096;
/** Largest head of a datagram; longer ones keep the rest in pages (SKB_MAX_ALLOC). */
const HEAD = 16_064;

function maySend(from: FakeSocket, to: FakeSocket): boolean {
  return to.peer === undefined || to.peer === from;
}

/** Point `socket` at `to`. */
export function connectDatagram(socket: FakeSocket, to: FakeSocket): number {
  if (!maySend(socket, to)) throw new Refused(Errno.EPERM);
  const old = socket.peer;
  socket.peer = to;
  if (old !== undefined && old !== to) forsake(socket, old);
  return 0;
}

/** Dissolve the association. */
export function disconnectDatagram(socket: FakeSocket): number {
  const old = socket.peer;
  socket.peer = undefined;
  if (old !== undefined) forsake(socket, old);
  return 0;
}

/** What was not read is lost, and a living peer that was connected to us is told so. */
function forsake(socket: FakeSocket, old: FakeSocket): void {
  if (!socket.purge()) return;
  if (!old.dead && old.peer === socket) old.error = Errno.ECONNRESET;
}

/** Send one datagram to `find()`, or to the peer if there is no name. Returns its length. */
export function sendDatagram(
  socket: FakeSocket,
  bytes: Uint8Array,
  find: (() => FakeSocket) | undefined,
): number {
  if (bytes.length > socket.sendLimit - 32) throw new Refused(Errno.EMSGSIZE);
  socket.throwError();
  if (socket.used >= socket.sendLimit) throw new Refused(Errno.EAGAIN);
  const to = find?.() ?? socket.peer;
  if (to === undefined) throw new Refused(Errno.ENOTCONN);
  if (!maySend(socket, to)) throw new Refused(Errno.EPERM);
  if (to.dead) {
    disconnectDatagram(socket);
    throw new Refused(Errno.ECONNREFUSED);
  }
  if (blocks(to, socket)) throw new Refused(Errno.EAGAIN);
  const paged = bytes.length > HEAD ? Math.ceil((bytes.length - HEAD) / PAGE) * PAGE : 0;
  socket.deliver(to, bytes, charge(bytes.length, paged));
  return bytes.length;
}

/** Receive one datagram. */
export function receiveDatagram(socket: FakeSocket): Message {
  socket.throwError();
  const message = socket.shift();
  if (message === undefined) throw new Refused(Errno.EAGAIN);
  return message;
}
