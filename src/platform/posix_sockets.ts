/**
 * What the Linux and the Darwin kernel do alike with sockets: how they are named, connected and asked.
 *
 * A system adds how one is made (flags of the call, or calls after it), and overrides where its answer is another.
 *
 * @module
 */
import { Errno } from "./errno.ts";
import type { Peer } from "./kernel.ts";
import { PosixKernel } from "./posix.ts";
import type { PosixSymbols } from "./posix_libc.ts";

/** Family of every socket here; the same number on both systems. */
export const AF_UNIX = 1;

/** See the head of this file, and Kernel for what each call is. */
export abstract class PosixSockets<C extends PosixSymbols> extends PosixKernel<C> {
  readonly pair = new Int32Array(2);
  readonly pathLimit: number = this.abi.socketAddress.pathLimit;
  sender: Peer = { address: new Uint8Array(), pid: 0, uid: -1 };

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

  connect(fd: number, address: Uint8Array): number {
    if (address.byteLength > this.pathLimit + 1) return -Errno.ENAMETOOLONG;
    const length = this.scratch.storeAddress(address);
    return this.result(this.c.connect(fd, this.scratch.address, length));
  }

  disconnect(fd: number): number {
    const length = this.scratch.storeNoAddress();
    return this.result(this.c.connect(fd, this.scratch.address, length));
  }

  socketType(fd: number): number {
    return this.getOption(fd, this.numbers.SO_TYPE);
  }

  isListening(fd: number): number {
    // Linux says 1, Darwin the bit in so_options, 2.
    return Math.min(1, this.getOption(fd, this.numbers.SO_ACCEPTCONN));
  }

  isConnected(fd: number): number {
    const result = this.#peerName(fd);
    return result >= 0 ? 1 : result === -Errno.ENOTCONN ? 0 : result;
  }

  ownAddress(fd: number): Uint8Array | undefined {
    const { address, optionLength } = this.scratch;
    this.scratch.setValue(0, this.abi.socketAddress.size);
    if (this.c.getsockname(fd, address, optionLength) < 0) return undefined;
    return this.scratch.takeAddress(this.scratch.valueBytes);
  }

  peerAddress(fd: number): Uint8Array | undefined {
    return this.#peerName(fd) < 0 ? undefined : this.scratch.takeAddress(this.scratch.valueBytes);
  }

  /** Store the peer's name in scratch. */
  #peerName(fd: number): number {
    const { address, optionLength } = this.scratch;
    this.scratch.setValue(0, this.abi.socketAddress.size);
    return this.result(this.c.getpeername(fd, address, optionLength));
  }

  /** Make the two sockets of {@linkcode pair}; `type` may bear flags. */
  protected makePair(type: number): number {
    const result = this.result(this.c.socketpair(AF_UNIX, type, 0, this.scratch.option));
    if (result < 0) return result;
    this.pair[0] = this.scratch.value(0);
    this.pair[1] = this.scratch.value(1);
    return 0;
  }

  /** The smaller of both buffers, as the kernel counts. */
  protected grantedBuffers(fd: number): number {
    const { SO_SNDBUF, SO_RCVBUF } = this.numbers;
    return Math.min(this.getOption(fd, SO_SNDBUF), this.getOption(fd, SO_RCVBUF));
  }

  /** Read a socket option of up to 48 bytes to scratch; returns its first word. */
  protected getOption(
    fd: number,
    option: number,
    bytes = 4,
    level: number = this.numbers.SOL_SOCKET,
  ): number {
    const { option: value, optionLength } = this.scratch;
    this.scratch.setValue(0, bytes);
    const got = this.result(this.c.getsockopt(fd, level, option, value, optionLength));
    return got < 0 ? got : this.scratch.value();
  }

  protected setOption(fd: number, option: number, value: number): number {
    const { SOL_SOCKET } = this.numbers;
    this.scratch.setValue(value);
    return this.result(this.c.setsockopt(fd, SOL_SOCKET, option, this.scratch.option, 4));
  }
}
