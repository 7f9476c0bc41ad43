/**
 * Making and asking sockets on Darwin, where it is other than on Linux. See darwin.ts.
 *
 * @module
 */
import { DARWIN_NUMBERS } from "./abi.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { LibSystem } from "./darwin_libc.ts";
import { Errno } from "./errno.ts";
import type { Peer, SocketType } from "./kernel.ts";
import { launchdSocketOfThis } from "./launchd.ts";
import { AF_UNIX, PosixSockets } from "./posix_sockets.ts";

/** Smallest socket buffer that is worth asking for. */
const LEAST_BUFFER = 4096;

/** See the head of this file, and Kernel for what each call is. */
export abstract class DarwinSockets extends PosixSockets<LibSystem> {
  readonly turnsAway = false;
  /** Darwin has no eventfd and no sealed memory, which vhost-user is made of. */
  readonly sharing = undefined;
  protected readonly numbers = DARWIN_NUMBERS;

  socket(type: SocketType): number {
    return this.#prepare(this.result(this.c.socket(AF_UNIX, type, 0)));
  }

  override bind(fd: number, path: string, mode: number): number {
    // A dangling link would be followed, and the socket would appear where the link says.
    if (this.stat(path)?.kind === "symlink") return -Errno.EADDRINUSE;
    return super.bind(fd, path, mode);
  }

  accept(fd: number): number {
    return this.#prepare(this.result(this.c.accept(fd, 0n, 0n)));
  }

  override connect(fd: number, address: Uint8Array): number {
    const result = super.connect(fd, address);
    // It is the path that is no socket; Linux has no other word for it than for one that nobody is behind.
    return result === -Errno.ENOTSOCK ? -Errno.ECONNREFUSED : result;
  }

  override disconnect(fd: number): number {
    // The association is dissolved first, then the address is refused: connect(2).
    super.disconnect(fd);
    const connected = this.isConnected(fd);
    return connected === 1 ? -Errno.EISCONN : connected;
  }

  socketPair(type: SocketType): number {
    const { pair } = this, made = this.makePair(type);
    if (made < 0) return made;
    for (let i = 0; i < 2; i++) pair[i] = this.#prepare(pair[i]);
    const failed = Math.min(pair[0], pair[1], 0);
    if (failed < 0) { for (const fd of pair) if (fd >= 0) this.close(fd); }
    return failed;
  }

  override isConnected(fd: number): number {
    const result = super.isConnected(fd);
    // EINVAL: it had a peer, which has gone; what that one sent can still be read.
    return result === -Errno.EINVAL ? 1 : result;
  }

  inheritedByName(name: string): number {
    return launchdSocketOfThis(name);
  }

  /**
   * Non-blocking, closed on exec, and without SIGPIPE. What accept() gives has inherited the first of its listener
   * (xnu accept_nocancel), but it is read back in any case.
   */
  override adopt(fd: number): number {
    const adopted = super.adopt(fd);
    if (adopted < 0) return adopted;
    if (this.isNonBlocking(fd) !== 1) return -Errno.EOPNOTSUPP;
    // A peer that has gone already makes this EINVAL; Deno ignores the signal anyway.
    this.setOption(fd, DARWIN_NUMBERS.SO_NOSIGPIPE, 1);
    return 0;
  }

  setBuffers(fd: number, bytes: number): number {
    this.#askBuffer(fd, this.numbers.SO_SNDBUF, bytes);
    this.#askBuffer(fd, this.numbers.SO_RCVBUF, bytes);
    return this.grantedBuffers(fd);
  }

  /** There is no option for it; what comes is closed (darwin_rights.ts). */
  refuseDescriptors(_fd: number): number {
    return -Errno.ENOPROTOOPT;
  }

  peerOf(fd: number): Peer | undefined {
    const { LOCAL_PEERPID, SOL_LOCAL } = DARWIN_NUMBERS;
    const pid = this.getOption(fd, LOCAL_PEERPID, 4, SOL_LOCAL);
    if (pid < 0) return undefined;
    const { address, option } = this.scratch;
    const known = this.c.getpeereid(fd, option, address) === 0; // streams only
    return { address: new Uint8Array(), pid, uid: known ? this.scratch.value() : -1 };
  }

  /** Datagrams carry no process here; {@linkcode peerOf} tells it once the socket is connected. */
  setCredentials(fd: number, _on: boolean): number {
    return Math.min(0, this.isInherited(fd));
  }

  protected result(value: number): number {
    return value >= 0 ? value : -fromDarwin(this.errno[0]);
  }

  /** Arrange a socket that was just made; it is closed again if that fails. */
  #prepare(fd: number): number {
    if (fd < 0) return fd;
    const adopted = this.adopt(fd);
    if (adopted >= 0) return fd;
    this.c.close(fd);
    return adopted;
  }

  /** Ask for a buffer; the kernel grants less by itself, but refuses what is above all bounds. */
  #askBuffer(fd: number, option: number, bytes: number): void {
    for (let size = bytes; size >= LEAST_BUFFER; size >>= 1) {
      if (this.setOption(fd, option, size) !== -Errno.ENOBUFS) return;
    }
  }
}
