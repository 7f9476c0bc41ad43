/**
 * The Linux kernel, through libc and Deno's FFI.
 *
 * The structures a call is pointed at lie in the arena and were wired at start (scratch.ts, vectors.ts,
 * epoll.ts); a call on the hot path stores a few words and passes addresses made once. Sockets and memory
 * shared with VMs have files of their own; files, data, readiness and waking are here.
 *
 * @module
 */
import { cString } from "./c_string.ts";
import { Epoll } from "./epoll.ts";
import type { Kernel, PathInfo } from "./kernel.ts";
import { UNKNOWN_ERROR } from "./linux_calls.ts";
import { LinuxSharing } from "./linux_sharing.ts";
import { LinuxSockets } from "./linux_sockets.ts";
import { pathInfo } from "./path_info.ts";
import type { MessageTable, Vector } from "./vectors.ts";

const NONBLOCK = 0x800;
const CLOEXEC = 0x80000;
const O_DIRECTORY = Deno.build.arch === "x86_64" ? 0x10000 : 0x4000;
const LOCK_EX_NB = 2 | 4;
const MSG_DONTWAIT = 0x40;
const SEND_FLAGS = MSG_DONTWAIT | 0x4000; // MSG_NOSIGNAL
const RLIMIT_NOFILE = 7;

/** Arena of the engine: below 2^31, virtual until touched. */
export const ARENA_BYTES = 0x7fff_0000;
/** Guest space of an engine with vhost-user ports: 64 VMs of 64 GiB. */
export const GUEST_BYTES = 2 ** 42;

/** See {@linkcode Kernel}. */
export class LinuxKernel extends LinuxSockets implements Kernel {
  readonly sharing: LinuxSharing;
  readonly readyToken: Int32Array;
  readonly readyBits: Int32Array;
  readonly bulk = "sendmmsg/recvmmsg";
  readonly #epoll: Epoll;
  /** Where the last read went: all streams share one window, so the next goes there too. */
  #readAt = 0;
  #readLength = 0;
  #readAddress = 0n;
  #readBytes = 0n;

  constructor(arenaBytes: number, guestBytes: number) {
    super(arenaBytes, guestBytes);
    this.sharing = new LinuxSharing(this.c, this.errno, this.arena, guestBytes);
    this.#epoll = new Epoll(this.c, this.errno, this.arena);
    this.readyToken = this.#epoll.tokens;
    this.readyBits = this.#epoll.bits;
  }

  // ---- files ----

  stat(path: string): PathInfo | undefined {
    return pathInfo(path);
  }

  unlink(path: string): number {
    return this.result(this.c.unlink(cString(path)));
  }

  lockFolder(path: string): number {
    const fd = this.result(this.c.open(cString(path), O_DIRECTORY | CLOEXEC));
    if (fd < 0) return fd;
    const locked = this.result(this.c.flock(fd, LOCK_EX_NB));
    if (locked >= 0) return fd;
    this.close(fd);
    return locked;
  }

  rename(from: string, to: string): number {
    return this.result(this.c.rename(cString(from), cString(to)));
  }

  chgrp(path: string, gid: number): number {
    return this.result(this.c.lchown(cString(path), 0xffff_ffff, gid));
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

  // ---- readiness ----

  watch(fd: number, token: number, interest: number): number {
    return this.#epoll.watch(fd, token, interest);
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.#epoll.rewatch(fd, token, interest);
  }

  unwatch(fd: number): number {
    return this.#epoll.unwatch(fd);
  }

  watchExit(pid: number, token: number): number {
    const fd = this.result(this.c.syscall(434n, BigInt(pid), 0n)); // pidfd_open(2), Linux 5.3
    if (fd < 0) return fd;
    const watched = this.watch(fd, token, 1);
    if (watched >= 0) return fd;
    this.close(fd);
    return watched;
  }

  wait(microseconds: number): number {
    return this.#epoll.wait(microseconds);
  }

  now(): number {
    return performance.now();
  }

  // ---- waking ----

  openWake(): number {
    return this.result(this.c.eventfd(0, NONBLOCK | CLOEXEC));
  }

  wake(fd: number): number {
    return this.result(this.c.eventfd_write(fd, 1n));
  }

  takeWakes(fd: number): number {
    return this.c.eventfd_read(fd, this.scratch.option) < 0 ? 0 : this.scratch.value();
  }

  writeBytes(fd: number, bytes: Uint8Array): number {
    return this.result(
      this.c.write(fd, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.byteLength)),
    );
  }

  raiseDescriptorLimit(): number {
    const limit = this.scratch.pair();
    const got = this.result(this.c.getrlimit(RLIMIT_NOFILE, this.scratch.option));
    if (got < 0) return got;
    limit[0] = limit[1];
    const set = this.result(this.c.setrlimit(RLIMIT_NOFILE, this.scratch.option));
    return set < 0 ? set : Number(limit[0] & 0x7fff_ffffn);
  }

  override dispose(): void {
    this.sharing.dispose();
    this.#epoll.dispose();
    super.dispose();
  }

  #aimRead(at: number, length: number): void {
    this.#readAt = at;
    this.#readLength = length;
    this.#readAddress = this.arena.address(at);
    this.#readBytes = BigInt(length);
  }
}
