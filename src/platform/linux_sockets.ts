/**
 * Sockets on Linux, where they are other than on Darwin: one call makes them as they have to be, buffers may go past
 * the system's limit, and a datagram may come with its sender's process.
 *
 * @module
 */
import { LINUX_NUMBERS } from "./abi.ts";
import { UNKNOWN_ERROR } from "./errno.ts";
import type { Peer, SocketType } from "./kernel.ts";
import type { Symbols } from "./linux_calls.ts";
import { listenFdOfThis } from "./listen_fds.ts";
import { AF_UNIX, PosixSockets } from "./posix_sockets.ts";

/** SOCK_NONBLOCK and SOCK_CLOEXEC. */
const READY_MADE = 0x800 | 0x80000;
const SO_PASSCRED = 16;
const SO_PEERCRED = 17;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_PASSRIGHTS = 83; // include/uapi/asm-generic/socket.h, Linux 6.16

/** See the head of this file, and Kernel for what each call is. */
export abstract class LinuxSockets extends PosixSockets<Symbols> {
  readonly turnsAway = true;
  protected readonly numbers = LINUX_NUMBERS;
  /** Descriptors whose datagrams come with their sender's process. */
  readonly #credentials = new Set<number>();

  socket(type: SocketType): number {
    return this.result(this.c.socket(AF_UNIX, type | READY_MADE, 0));
  }

  accept(fd: number): number {
    return this.result(this.c.accept4(fd, 0n, 0n, READY_MADE));
  }

  socketPair(type: SocketType): number {
    return this.makePair(type | READY_MADE);
  }

  inheritedByName(name: string): number {
    return listenFdOfThis(name, (fd) => this.isInherited(fd));
  }

  setBuffers(fd: number, bytes: number): number {
    const { SO_SNDBUF, SO_RCVBUF } = this.numbers;
    // FORCE goes past net.core.wmem_max and needs CAP_NET_ADMIN; the plain option is clamped silently.
    if (this.setOption(fd, SO_SNDBUFFORCE, bytes) < 0) this.setOption(fd, SO_SNDBUF, bytes);
    if (this.setOption(fd, SO_RCVBUFFORCE, bytes) < 0) this.setOption(fd, SO_RCVBUF, bytes);
    return this.grantedBuffers(fd);
  }

  refuseDescriptors(fd: number): number {
    return this.setOption(fd, SO_PASSRIGHTS, 0);
  }

  peerOf(fd: number): Peer | undefined {
    if (this.getOption(fd, SO_PEERCRED, 12) < 0) return undefined;
    return { address: new Uint8Array(), pid: this.scratch.value(0), uid: this.scratch.value(1) };
  }

  setCredentials(fd: number, on: boolean): number {
    const result = this.setOption(fd, SO_PASSCRED, on ? 1 : 0);
    if (on && result >= 0) this.#credentials.add(fd);
    else this.#credentials.delete(fd);
    return result;
  }

  receiveFrom(fd: number, at: number, length: number): number {
    this.scratch.receiveInto(at, length);
    this.scratch.askForSender(this.#credentials.has(fd));
    const result = this.result(
      this.c.recvmsg(fd, this.scratch.receiveHeader, this.numbers.MSG_DONTWAIT),
    );
    const sender = this.scratch.takeSender();
    if (result >= 0) this.sender = sender;
    return result;
  }

  override close(fd: number): number {
    this.#credentials.delete(fd);
    return super.close(fd);
  }

  protected result(value: number): number {
    return value >= 0 ? value : -(this.errno[0] || UNKNOWN_ERROR);
  }
}
