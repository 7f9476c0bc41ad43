/**
 * Making, naming and asking sockets on Darwin: the calls of which there are few. See darwin.ts.
 *
 * @module
 */
import { DARWIN, DARWIN_NUMBERS as D } from "./abi.ts";
import { launchdSocketOfThis } from "./launchd.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { LibSystem } from "./darwin_libc.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { Errno } from "./errno.ts";
import type { PathInfo, Peer, SocketType } from "./kernel.ts";
import { ScratchPage } from "./scratch.ts";

const AF_UNIX = 1;
/** Smallest socket buffer that is worth asking for. */
const LEAST_BUFFER = 4096;

/** See the head of this file, and Kernel for what each call is. */
export abstract class DarwinSockets {
  readonly abi = DARWIN;
  readonly pathLimit = DARWIN.socketAddress.pathLimit;
  readonly pair = new Int32Array(2);
  readonly turnsAway = false;
  /** Darwin has no eventfd and no sealed memory, which vhost-user is made of. */
  readonly sharing = undefined;
  sender: Peer = { address: new Uint8Array(), pid: 0, uid: -1 };
  protected readonly c: LibSystem;
  protected readonly errno: Int32Array;
  protected readonly scratch: ScratchPage;

  constructor({ libc, errno, arena }: DarwinProcess) {
    this.c = libc;
    this.errno = errno;
    this.scratch = new ScratchPage(arena, DARWIN);
  }

  abstract stat(path: string): PathInfo | undefined;
  abstract close(fd: number): number;

  socket(type: SocketType): number {
    return this.#prepare(this.result(this.c.socket(AF_UNIX, type, 0)));
  }

  bind(fd: number, path: string, mode: number): number {
    const address = new TextEncoder().encode(path);
    if (address.byteLength > this.pathLimit) return -Errno.ENAMETOOLONG;
    // A dangling link would be followed, and the socket would appear where the link says.
    if (this.stat(path)?.kind === "symlink") return -Errno.EADDRINUSE;
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
    return this.#prepare(this.result(this.c.accept(fd, 0n, 0n)));
  }

  connect(fd: number, address: Uint8Array): number {
    if (address.byteLength > this.pathLimit + 1) return -Errno.ENAMETOOLONG;
    const length = this.scratch.storeAddress(address);
    const result = this.result(this.c.connect(fd, this.scratch.address, length));
    // It is the path that is no socket; Linux has no other word for it than for one that nobody is behind.
    return result === -Errno.ENOTSOCK ? -Errno.ECONNREFUSED : result;
  }

  disconnect(fd: number): number {
    const length = this.scratch.storeNoAddress();
    // The association is dissolved first, then the address is refused: connect(2).
    this.c.connect(fd, this.scratch.address, length);
    const connected = this.isConnected(fd);
    return connected === 1 ? -Errno.EISCONN : connected;
  }

  socketPair(type: SocketType): number {
    const { option } = this.scratch;
    const result = this.result(this.c.socketpair(AF_UNIX, type, 0, option));
    if (result < 0) return result;
    const ends = [this.scratch.value(0), this.scratch.value(1)];
    this.pair[0] = this.#prepare(ends[0]);
    this.pair[1] = this.#prepare(ends[1]);
    const failed = Math.min(this.pair[0], this.pair[1], 0);
    if (failed < 0) { for (const fd of this.pair) if (fd >= 0) this.close(fd); }
    return failed;
  }

  socketType(fd: number): number {
    return this.getOption(fd, D.SO_TYPE);
  }

  isListening(fd: number): number {
    // The answer is the bit of so_options itself, 2.
    return Math.min(1, this.getOption(fd, D.SO_ACCEPTCONN));
  }

  isConnected(fd: number): number {
    const { address, optionLength } = this.scratch;
    this.scratch.setValue(0, DARWIN.socketAddress.size);
    const result = this.result(this.c.getpeername(fd, address, optionLength));
    if (result === -Errno.ENOTCONN) return 0;
    // EINVAL: it had a peer, which has gone; what that one sent can still be read.
    return result >= 0 || result === -Errno.EINVAL ? 1 : result;
  }

  isInherited(fd: number): number {
    const flags = this.result(this.c.__fcntl(fd, D.F_GETFD, 0n));
    return flags < 0 ? flags : 1 - (flags & D.FD_CLOEXEC);
  }

  inheritedByName(name: string): number {
    return launchdSocketOfThis(name);
  }

  isNonBlocking(fd: number): number {
    const flags = this.result(this.c.__fcntl(fd, D.F_GETFL, 0n));
    return flags < 0 ? flags : (flags & D.O_NONBLOCK) !== 0 ? 1 : 0;
  }

  adopt(fd: number): number {
    return Math.min(0, this.#arrange(fd));
  }

  setBuffers(fd: number, bytes: number): number {
    this.#askBuffer(fd, D.SO_SNDBUF, bytes);
    this.#askBuffer(fd, D.SO_RCVBUF, bytes);
    return Math.min(this.getOption(fd, D.SO_SNDBUF), this.getOption(fd, D.SO_RCVBUF));
  }

  /**
   * There is no option for it. By its source xnu opens descriptors in whoever reads their message, asked for or not,
   * and nobody is told their numbers (soreceive_ctl, bsd/kern/uipc_socket.c): they stay open until we end.
   */
  refuseDescriptors(_fd: number): number {
    return -Errno.ENOPROTOOPT;
  }

  peerOf(fd: number): Peer | undefined {
    const pid = this.getOption(fd, D.LOCAL_PEERPID, 4, D.SOL_LOCAL);
    if (pid < 0) return undefined;
    const { address, option } = this.scratch;
    const known = this.c.getpeereid(fd, option, address) === 0; // streams only
    return { address: new Uint8Array(), pid, uid: known ? this.scratch.value() : -1 };
  }

  /** Datagrams carry no process here; {@linkcode peerOf} tells it once the socket is connected. */
  setCredentials(fd: number, _on: boolean): number {
    return Math.min(0, this.isInherited(fd));
  }

  receiveFrom(fd: number, at: number, length: number): number {
    this.scratch.receiveInto(at, length);
    this.scratch.askForSender(false);
    const result = this.result(
      this.c.recvmsg(fd, this.scratch.receiveHeader, D.MSG_DONTWAIT),
    );
    const sender = this.scratch.takeSender();
    if (result >= 0) this.sender = sender;
    return result;
  }

  ownAddress(fd: number): Uint8Array | undefined {
    const { address, optionLength } = this.scratch;
    this.scratch.setValue(0, DARWIN.socketAddress.size);
    if (this.c.getsockname(fd, address, optionLength) < 0) return undefined;
    return this.scratch.takeAddress(this.scratch.valueBytes);
  }

  protected result(value: number): number {
    return value >= 0 ? value : -fromDarwin(this.errno[0]);
  }

  /** Arrange a socket that was just made; it is closed again if that fails. */
  #prepare(fd: number): number {
    if (fd < 0) return fd;
    const arranged = this.#arrange(fd);
    if (arranged >= 0) return fd;
    this.c.close(fd);
    return arranged;
  }

  /**
   * Non-blocking, closed on exec, and without SIGPIPE. What accept() gives has inherited the first of its listener
   * (xnu accept_nocancel), but it is read back in any case.
   */
  #arrange(fd: number): number {
    const flags = this.result(this.c.__fcntl(fd, D.F_GETFL, 0n));
    if (flags < 0) return flags;
    if ((flags & D.O_NONBLOCK) === 0) {
      const set = this.c.__fcntl(fd, D.F_SETFL, BigInt(flags | D.O_NONBLOCK));
      if (set < 0) return this.result(set);
      if (this.isNonBlocking(fd) !== 1) return -Errno.EOPNOTSUPP;
    }
    const closing = this.result(this.c.__fcntl(fd, D.F_SETFD, BigInt(D.FD_CLOEXEC)));
    if (closing < 0) return closing;
    // A peer that has gone already makes this EINVAL; Deno ignores the signal anyway.
    this.#setOption(fd, D.SO_NOSIGPIPE, 1);
    return 0;
  }

  /** Ask for a buffer; the kernel grants less by itself, but refuses what is above all bounds. */
  #askBuffer(fd: number, option: number, bytes: number): void {
    for (let size = bytes; size >= LEAST_BUFFER; size >>= 1) {
      if (this.#setOption(fd, option, size) !== -Errno.ENOBUFS) return;
    }
  }

  /** Read a socket option to scratch; returns its first word. */
  protected getOption(fd: number, option: number, bytes = 4, level: number = D.SOL_SOCKET): number {
    const { option: value, optionLength } = this.scratch;
    this.scratch.setValue(0, bytes);
    const got = this.result(this.c.getsockopt(fd, level, option, value, optionLength));
    return got < 0 ? got : this.scratch.value();
  }

  #setOption(fd: number, option: number, value: number): number {
    this.scratch.setValue(value);
    return this.result(this.c.setsockopt(fd, D.SOL_SOCKET, option, this.scratch.option, 4));
  }
}
