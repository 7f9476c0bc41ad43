/**
 * The Linux kernel, through libc and Deno's FFI.
 *
 * The structures a call is pointed at lie in the arena and were wired at start (scratch.ts, vectors.ts,
 * epoll.ts); a call on the hot path stores a few words and passes addresses made once. What Darwin does alike
 * is in posix.ts, sockets and memory shared with VMs have files of their own; data and waking are here.
 *
 * @module
 */
import { LINUX } from "./abi.ts";
import { Epoll } from "./epoll.ts";
import { UNKNOWN_ERROR } from "./errno.ts";
import type { Kernel } from "./kernel.ts";
import { openLibc } from "./linux_calls.ts";
import { LinuxSharing } from "./linux_sharing.ts";
import { LinuxSockets } from "./linux_sockets.ts";
import type { MessageTable, Vector } from "./vectors.ts";

const EFD_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const PIDFD_OPEN = 434n; // pidfd_open(2), Linux 5.3
const MSG_DONTWAIT = 0x40;
const SEND_FLAGS = MSG_DONTWAIT | 0x4000; // MSG_NOSIGNAL

/** Arena of the engine: below 2^31, virtual until touched. */
export const ARENA_BYTES = 0x7fff_0000;
/** Guest space of an engine with vhost-user ports: 64 VMs of 64 GiB. */
export const GUEST_BYTES = 2 ** 42;

/** See {@linkcode Kernel}. */
export class LinuxKernel extends LinuxSockets implements Kernel {
  readonly sharing: LinuxSharing;
  readonly bulk = "sendmmsg/recvmmsg";
  /** Where the last read went: all streams share one window, so the next goes there too. */
  #readAt = 0;
  #readLength = 0;
  #readAddress = 0n;
  #readBytes = 0n;

  constructor(arenaBytes: number, guestBytes: number) {
    const process = openLibc(arenaBytes, guestBytes);
    super(process, LINUX, new Epoll(process));
    this.sharing = new LinuxSharing(this.c, this.errno, this.arena, guestBytes);
  }

  override dispose(): void {
    this.sharing.dispose();
    super.dispose();
  }

  // ---- data ----

  receive(fd: number, table: MessageTable, count: number): number {
    const n = this.c.recvmmsg(fd, table.address(0), count, MSG_DONTWAIT, 0n);
    return n >= 0 ? n : -(this.errno[0] || UNKNOWN_ERROR);
  }

  send(fd: number, table: MessageTable, from: number, count: number): number {
    const n = this.c.sendmmsg(fd, table.address(from), count, SEND_FLAGS);
    return n >= 0 ? n : -(this.errno[0] || UNKNOWN_ERROR);
  }

  read(fd: number, at: number, length: number): number {
    if (at !== this.#readAt || length !== this.#readLength) this.#aimRead(at, length);
    const n = this.c.recv(fd, this.#readAddress, this.#readBytes, MSG_DONTWAIT);
    return n >= 0 ? n : -(this.errno[0] || UNKNOWN_ERROR);
  }

  write(fd: number, vector: Vector, count: number): number {
    this.scratch.sendFrom(vector, count);
    const n = this.c.sendmsg(fd, this.scratch.sendHeader, SEND_FLAGS);
    return n >= 0 ? n : -(this.errno[0] || UNKNOWN_ERROR);
  }

  // ---- waking ----

  openWake(): number {
    return this.result(this.c.eventfd(0, EFD_NONBLOCK_CLOEXEC));
  }

  wake(fd: number): number {
    return this.result(this.c.eventfd_write(fd, 1n));
  }

  takeWakes(fd: number): number {
    return this.c.eventfd_read(fd, this.scratch.option) < 0 ? 0 : this.scratch.value();
  }

  protected openExit(pid: number): number {
    return this.result(this.c.syscall(PIDFD_OPEN, BigInt(pid), 0n));
  }

  raiseDescriptorLimit(): number {
    const limit = this.scratch.pair(), { option } = this.scratch, { RLIMIT_NOFILE } = this.numbers;
    const got = this.result(this.c.getrlimit(RLIMIT_NOFILE, option));
    if (got < 0) return got;
    limit[0] = limit[1];
    const set = this.result(this.c.setrlimit(RLIMIT_NOFILE, option));
    return set < 0 ? set : Number(limit[0] & 0x7fff_ffffn);
  }

  #aimRead(at: number, length: number): void {
    this.#readAt = at;
    this.#readLength = length;
    this.#readAddress = this.arena.address(at);
    this.#readBytes = BigInt(length);
  }
}
