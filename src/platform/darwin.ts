/**
 * The Darwin kernel (macOS), through libSystem and Deno's FFI.
 *
 * What is other than on Linux, and stays in this file and those beside it (darwin_sockets.ts, darwin_datagrams.ts,
 * darwin_memory.ts, darwin_errno.ts, kqueue.ts, kqueue_signal.ts):
 *
 * - MSG_DONTWAIT does not keep a send on a stream from blocking, so every socket is O_NONBLOCK; that is set without
 *   variadic calls and read back, since a socket that blocks would stop the switch.
 * - A full peer is ENOBUFS, not EAGAIN; the queue is the peer's SO_RCVBUF, SO_SNDBUF is the longest datagram.
 * - A connected datagram socket hears everybody, and nobody is refused for being connected (uipc_send).
 * - accept() without a free descriptor drops the client instead of leaving it in the queue.
 * - bind() follows a dangling symlink; listen(fd, 0) means 128; a full listener refuses with ECONNREFUSED.
 *
 * Its parts come by the constructor, so that all of it runs in tests over a libSystem of theirs.
 *
 * @module
 */
import { cString } from "./c_string.ts";
import { DARWIN_NUMBERS as D } from "./abi.ts";
import type { Arena } from "./arena.ts";
import { DarwinDatagrams, isTrusted } from "./darwin_datagrams.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { DarwinSockets } from "./darwin_sockets.ts";
import { type Kernel, type PathInfo, Ready } from "./kernel.ts";
import { Kqueue } from "./kqueue.ts";
import { KqueueSignals } from "./kqueue_signal.ts";
import { pathInfo } from "./path_info.ts";
import type { MessageTable, Vector } from "./vectors.ts";

const LOCK_EX_NB = 2 | 4;
/** OPEN_MAX: what a process may always have (xnu bsd/sys/syslimits.h). */
const OPEN_MAX = 10_240n;

/** Whether sendmsg_x and recvmsg_x are used: where they can be trusted, always, or never. */
export type BulkChoice = "auto" | "on" | "off";

/** See {@linkcode Kernel}. */
export class DarwinKernel extends DarwinSockets implements Kernel {
  readonly arena: Arena;
  readonly readyToken: Int32Array;
  readonly readyBits: Int32Array;
  readonly bulk: string;
  readonly #release: () => void;
  readonly #kqueue: Kqueue;
  readonly #signals: KqueueSignals;
  readonly #datagrams: DarwinDatagrams;
  /** Where the last read went: all streams share one window, so the next goes there too. */
  #readAt = 0;
  #readLength = 0;
  #readAddress = 0n;
  #readBytes = 0n;

  constructor(process: DarwinProcess, bulk: BulkChoice = "auto") {
    super(process);
    this.arena = process.arena;
    this.#release = () => process.release();
    this.#kqueue = new Kqueue(process);
    this.#signals = new KqueueSignals(process);
    const wanted = bulk === "on" || (bulk === "auto" && isTrusted(this.#kernelRelease()));
    this.#datagrams = new DarwinDatagrams(process, wanted);
    this.bulk = this.#datagrams.bulk;
    this.readyToken = this.#kqueue.tokens;
    this.readyBits = this.#kqueue.bits;
  }

  close(fd: number): number {
    this.#kqueue.forget(fd);
    this.#datagrams.forget(fd);
    return this.result(this.c.close(fd));
  }

  // ---- files ----

  stat(path: string): PathInfo | undefined {
    return pathInfo(path);
  }

  unlink(path: string): number {
    return this.result(this.c.unlink(cString(path)));
  }

  lockFolder(path: string): number {
    const fd = this.result(this.c.open(cString(path), D.O_DIRECTORY | D.O_CLOEXEC));
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
    return this.#datagrams.receive(fd, table, count);
  }

  send(fd: number, table: MessageTable, from: number, count: number): number {
    return this.#datagrams.send(fd, table, from, count);
  }

  read(fd: number, at: number, length: number): number {
    if (at !== this.#readAt || length !== this.#readLength) this.#aimRead(at, length);
    const n = this.c.recv(fd, this.#readAddress, this.#readBytes, D.MSG_DONTWAIT);
    return n >= 0 ? n : -fromDarwin(this.errno[0]);
  }

  write(fd: number, vector: Vector, count: number): number {
    this.scratch.sendFrom(vector, count);
    const n = this.c.sendmsg(fd, this.scratch.sendHeader, D.MSG_DONTWAIT);
    return n >= 0 ? n : -fromDarwin(this.errno[0]);
  }

  // ---- readiness ----

  watch(fd: number, token: number, interest: number): number {
    return this.#kqueue.watch(fd, token, interest);
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.#kqueue.rewatch(fd, token, interest);
  }

  unwatch(fd: number): number {
    return this.#kqueue.unwatch(fd);
  }

  watchExit(pid: number, token: number): number {
    const fd = this.#signals.openExit(pid);
    if (fd < 0) return fd;
    const watched = this.watch(fd, token, Ready.READ);
    if (watched >= 0) return fd;
    this.close(fd);
    return watched;
  }

  wait(microseconds: number): number {
    return this.#kqueue.wait(microseconds);
  }

  now(): number {
    return performance.now();
  }

  // ---- waking ----

  openWake(): number {
    return this.#signals.open();
  }

  wake(fd: number): number {
    return this.#signals.wake(fd);
  }

  takeWakes(fd: number): number {
    return this.#signals.take(fd);
  }

  writeBytes(fd: number, bytes: Uint8Array): number {
    return this.result(
      this.c.write(fd, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.byteLength)),
    );
  }

  raiseDescriptorLimit(): number {
    const most = this.#sysctl("kern.maxfilesperproc", 4) < 0
      ? OPEN_MAX
      : BigInt(this.scratch.value());
    const limit = this.scratch.pair(), { option } = this.scratch;
    const got = this.result(this.c.getrlimit(D.RLIMIT_NOFILE, option));
    if (got < 0) return got;
    // The hard limit may be "infinite", which no process gets: setrlimit() refuses more than the system allows.
    const wanted = limit[1] < most ? limit[1] : most;
    if (wanted <= limit[0]) return Number(limit[0] & 0x7fff_ffffn);
    limit[0] = wanted;
    const set = this.result(this.c.setrlimit(D.RLIMIT_NOFILE, option));
    return set < 0 ? set : Number(wanted & 0x7fff_ffffn);
  }

  dispose(): void {
    this.#kqueue.dispose();
    this.#release();
  }

  #aimRead(at: number, length: number): void {
    this.#readAt = at;
    this.#readLength = length;
    this.#readAddress = this.arena.address(at);
    this.#readBytes = BigInt(length);
  }

  /** Read a setting of the system to scratch. */
  #sysctl(name: string, bytes: number): number {
    const { option, optionLength } = this.scratch;
    this.scratch.setValue(0, bytes);
    return this.result(this.c.sysctlbyname(cString(name), option, optionLength, 0n, 0n));
  }

  /** Release of the kernel, as `24.6.0`; nothing if it does not tell. */
  #kernelRelease(): string {
    return this.#sysctl("kern.osrelease", 48) < 0 ? "0" : this.scratch.text();
  }
}
