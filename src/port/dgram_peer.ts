/**
 * Who is at the other end of a datagram port, and whether it is still there.
 *
 * A datagram socket is never told that its peer has ended: only the next send fails. Until then the
 * kernel turns every newcomer away with EPERM, so a VM that was restarted quickly could not come back.
 * Hence three ways to notice: the peer's process ends (an event), a send is refused, and about once a
 * second a look at the peer's path while it is silent.
 *
 * @module
 */
import { Errno, Fault, judge } from "../platform/errno.ts";
import { type Kernel, type Peer, SocketType } from "../platform/kernel.ts";
import { type MessageTable, NAME_BYTES } from "../platform/vectors.ts";

/** What {@linkcode probe} found. */
export const Life = {
  /** It answers and hears only the socket it connected to (vfkit, libkrun). */
  CONNECTED: 0,
  /** It answers and hears anybody (QEMU's dgram by path). */
  OPEN: 1,
  /** Nobody is behind the address. */
  GONE: 2,
  /** Its path was removed or is out of reach: it may live or not. */
  REMOVED: 3,
  /** There was no descriptor or memory to look with, which says nothing about it. */
  UNKNOWN: 4,
} as const;
/** One of {@linkcode Life}. */
export type Life = typeof Life[keyof typeof Life];

/**
 * Look whether a peer is there, without sending it anything (an empty datagram ends QEMU's reception for
 * ever). Connecting a second socket to it answers the question: unix(7), unix_dgram_connect().
 */
export function probe(kernel: Kernel, peer: Peer): Life {
  const fd = kernel.socket(SocketType.DGRAM);
  if (fd < 0) return Life.UNKNOWN;
  const result = kernel.connect(fd, peer.address);
  kernel.close(fd);
  if (result >= 0) return Life.OPEN; // on Darwin, where connecting tells no more than that it lives: also CONNECTED
  if (result === -Errno.EPERM) return Life.CONNECTED;
  if (result === -Errno.ECONNREFUSED) return Life.GONE;
  return judge(result) === Fault.PEER ? Life.REMOVED : Life.UNKNOWN;
}

/**
 * Whom a socket that we were given is connected to already: its address, empty for the other end of a pair, where there
 * is nobody else to wait for; undefined for nobody. Names at both ends are what a switch leaves to the next one where
 * somebody else holds its socket (launchd, systemd). Linux tells one that has gone as if it were there, and keeps all
 * others out: connecting again finds out, and finds whoever is at that path now.
 *
 * A pair of which our end alone has a name is not told from one without; on Darwin others without a name can send to it.
 */
export function connectedTo(kernel: Kernel, fd: number): Uint8Array | undefined {
  const peer = kernel.peerAddress(fd);
  if (peer === undefined || peer.length === 0) return peer;
  if ((kernel.ownAddress(fd)?.length ?? 0) === 0) return new Uint8Array();
  if (kernel.connect(fd, peer) >= 0) return peer;
  kernel.disconnect(fd);
  return undefined;
}

/** Identity of the peer's socket file; empty for an abstract name or a removed path. */
export function fileOf(kernel: Kernel, peer: Peer): string {
  if (peer.address.length === 0 || peer.address[0] === 0) return "";
  return kernel.stat(new TextDecoder().decode(peer.address))?.identity ?? "";
}

/** `pid 123 at /run/vm.sock`, for logs. */
export function describe(peer: Peer): string {
  const name = new TextDecoder().decode(peer.address);
  const where = name.startsWith("\0") ? `@${name.slice(1)}` : name;
  return peer.pid > 0 ? `pid ${peer.pid} at ${where}` : where;
}

/** True when both are the same address. */
export function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Make room for the senders' names, as has to be done before each receive into a table with names. */
export function resetNames(table: MessageTable): void {
  for (let i = 0; i < table.capacity; i++) {
    table.setName(i, table.names + i * NAME_BYTES, NAME_BYTES);
  }
}

/** vfkit and libkrun say hello with exactly these four bytes, which are no frame. */
const HELLO = 0x56464b54; // "VFKT"

/** True for the greeting of vfkit and libkrun (NET_FLAG_VFKIT). */
export function isHello(view: DataView, at: number, length: number): boolean {
  return length === 4 && view.getUint32(at) === HELLO;
}
