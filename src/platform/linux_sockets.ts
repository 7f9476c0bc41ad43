/**
 * Sockets on Linux: how they are made, named, connected and asked.
 *
 * @module
 */
import { LINUX } from "./abi.ts";
import { Errno } from "./errno.ts";
import type { Peer, SocketType } from "./kernel.ts";
import { LinuxCalls } from "./linux_calls.ts";
import { listenFdOfThis } from "./listen_fds.ts";

const AF_UNIX = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO = {
  TYPE: 3,
  SNDBUF: 7,
  RCVBUF: 8,
  PASSCRED: 16,
  PEERCRED: 17,
  ACCEPTCONN: 30,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
  PASSRIGHTS: 83, // include/uapi/asm-generic/socket.h, Linux 6.16
};

/** The cold calls on sockets; see {@linkcode Kernel}. */
export abstract class LinuxSockets extends LinuxCalls {
  readonly pathLimit = LINUX.socketAddress.pathLimit;
  readonly pair = new Int32Array(2);
  readonly turnsAway = true;
  sender: Peer = { address: new Uint8Array(), pid: 0, uid: -1 };
  /** Descriptors whose datagrams come with their sender's process. */
  readonly #credentials = new Set<number>();

  socket(type: SocketType): number {
    return this.result(this.c.socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  bind(fd: number, path: string, mode: number): number {
    const address = new TextEncoder().encode(path);
    if (address.byteLength > this.pathLimit) return -Errno.ENAMETOOLONG;
    const length = this.scratch.storeAddress(address);
    // The file's mode is 0777 & ~umask at the moment it appears: set no later, so never wider.
    const old = this.c.umask(0o777 & ~mode);
    const result = this.result(this.c.bind(fd, this.scratch.address, length));
    this.c.umask(old);
    return result;
  }

  listen(fd: number, backlog: number): number {
    return this.result(this.c.listen(fd, backlog));
  }

  accept(fd: number): number {
    return this.result(this.c.accept4(fd, 0n, 0n, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }

  connect(fd: number, address: Uint8Array): number {
    if (address.byteLength > this.pathLimit + 1) return -Errno.ENAMETOOLONG;
    const length = this.scratch.storeAddress(address);
    return this.result(this.c.connect(fd, this.scratch.address, length));
  }

  disconnect(fd: number): number {
    const length = this.scratch.storeNoAddress();
    return this.result(this.c.connect(fd, this.scratch.address, length));
  }

  socketPair(type: SocketType): number {
    const flags = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const result = this.result(this.c.socketpair(AF_UNIX, flags, 0, this.scratch.option));
    if (result < 0) return result;
    this.pair[0] = this.scratch.value(0);
    this.pair[1] = this.scratch.value(1);
    return 0;
  }

  socketType(fd: number): number {
    return this.#getOption(fd, SO.TYPE);
  }

  isListening(fd: number): number {
    return this.#getOption(fd, SO.ACCEPTCONN);
  }

  isConnected(fd: number): number {
    const { address, optionLength } = this.scratch;
    this.scratch.setValue(0, LINUX.socketAddress.size);
    const result = this.result(this.c.getpeername(fd, address, optionLength));
    return result === 0 ? 1 : result === -Errno.ENOTCONN ? 0 : result;
  }

  isInherited(fd: number): number {
    const flags = this.result(this.c.fcntl(fd, 1, 0n)); // F_GETFD
    return flags < 0 ? flags : 1 - (flags & 1); // FD_CLOEXEC
  }

  inheritedByName(name: string): number {
    return listenFdOfThis(name, (fd) => this.isInherited(fd));
  }

  isNonBlocking(fd: number): number {
    const flags = this.result(this.c.fcntl(fd, 3, 0n)); // F_GETFL
    return flags < 0 ? flags : (flags & SOCK_NONBLOCK) !== 0 ? 1 : 0;
  }

  adopt(fd: number): number {
    const flags = this.result(this.c.fcntl(fd, 3, 0n)); // F_GETFL
    if (flags < 0) return flags;
    const set = this.result(this.c.fcntl(fd, 4, BigInt(flags | SOCK_NONBLOCK))); // F_SETFL
    return set < 0 ? set : this.result(this.c.fcntl(fd, 2, 1n)); // F_SETFD, FD_CLOEXEC
  }

  setBuffers(fd: number, bytes: number): number {
    // FORCE goes past net.core.wmem_max and needs CAP_NET_ADMIN; the plain option is clamped silently.
    if (this.#setOption(fd, SO.SNDBUFFORCE, bytes) < 0) this.#setOption(fd, SO.SNDBUF, bytes);
    if (this.#setOption(fd, SO.RCVBUFFORCE, bytes) < 0) this.#setOption(fd, SO.RCVBUF, bytes);
    return Math.min(this.#getOption(fd, SO.SNDBUF), this.#getOption(fd, SO.RCVBUF));
  }

  refuseDescriptors(fd: number): number {
    return this.#setOption(fd, SO.PASSRIGHTS, 0);
  }

  peerOf(fd: number): Peer | undefined {
    if (this.#getOption(fd, SO.PEERCRED, 12) < 0) return undefined;
    return { address: new Uint8Array(), pid: this.scratch.value(0), uid: this.scratch.value(1) };
  }

  setCredentials(fd: number, on: boolean): number {
    const result = this.#setOption(fd, SO.PASSCRED, on ? 1 : 0);
    if (on && result >= 0) this.#credentials.add(fd);
    else this.#credentials.delete(fd);
    return result;
  }

  receiveFrom(fd: number, at: number, length: number): number {
    const { receiveHeader } = this.scratch;
    this.scratch.receiveInto(at, length);
    this.scratch.askForSender(this.#credentials.has(fd));
    const result = this.result(this.c.recvmsg(fd, receiveHeader, MSG_DONTWAIT));
    const sender = this.scratch.takeSender();
    if (result >= 0) this.sender = sender;
    return result;
  }

  ownAddress(fd: number): Uint8Array | undefined {
    const { address, optionLength } = this.scratch;
    this.scratch.setValue(0, LINUX.socketAddress.size);
    if (this.c.getsockname(fd, address, optionLength) < 0) return undefined;
    return this.scratch.takeAddress(this.scratch.valueBytes);
  }

  close(fd: number): number {
    this.#credentials.delete(fd);
    return this.result(this.c.close(fd));
  }

  /** Read a socket option of up to 48 bytes to scratch; returns its first word. */
  #getOption(fd: number, option: number, bytes = 4): number {
    const { option: value, optionLength } = this.scratch;
    this.scratch.setValue(0, bytes);
    const got = this.result(this.c.getsockopt(fd, SOL_SOCKET, option, value, optionLength));
    return got < 0 ? got : this.scratch.value();
  }

  #setOption(fd: number, option: number, value: number): number {
    this.scratch.setValue(value);
    return this.result(this.c.setsockopt(fd, SOL_SOCKET, option, this.scratch.option, 4));
  }
}
