/**
 * What the Linux and the Darwin kernel do alike: files, descriptors and readiness; sockets are in posix_sockets.ts.
 *
 * The two C libraries share these calls, their parameters and their meaning. What differs comes as data (the numbers
 * in abi.ts) or is left to the systems: how an error is read, what else has to be forgotten with a descriptor.
 * Calls on frames are not here: each kernel makes its own, straight, with constant flags.
 *
 * @module
 */
import type { Abi, PosixNumbers } from "./abi.ts";
import type { Arena } from "./arena.ts";
import { cString } from "./c_string.ts";
import { type PathInfo, Ready } from "./kernel.ts";
import { pathInfo } from "./path_info.ts";
import type { PosixSymbols } from "./posix_libc.ts";
import type { PosixProcess } from "./posix_process.ts";
import { ScratchPage } from "./scratch.ts";

const F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, FD_CLOEXEC = 1;
const LOCK_EX_NB = 2 | 4;
/** The owner that lchown(2) leaves as it is. */
const SAME_OWNER = 0xffff_ffff;

/** What tells which descriptors are ready: an epoll or a kqueue descriptor. See Kernel for what each call is. */
export interface Poller {
  readonly tokens: Int32Array;
  readonly bits: Int32Array;
  watch(fd: number, token: number, interest: number): number;
  rewatch(fd: number, token: number, interest: number): number;
  unwatch(fd: number): number;
  wait(microseconds: number): number;
  dispose(): void;
}

/** See the head of this file, and Kernel for what each call is. */
export abstract class PosixKernel<C extends PosixSymbols> {
  readonly arena: Arena;
  readonly abi: Abi;
  readonly readyToken: Int32Array;
  readonly readyBits: Int32Array;
  protected abstract readonly numbers: PosixNumbers;
  protected readonly c: C;
  protected readonly errno: Int32Array;
  protected readonly scratch: ScratchPage;
  readonly #poller: Poller;
  readonly #release: () => void;

  constructor(process: PosixProcess<C>, abi: Abi, poller: Poller) {
    this.c = process.libc;
    this.errno = process.errno;
    this.arena = process.arena;
    this.abi = abi;
    this.scratch = new ScratchPage(process.arena, abi);
    this.readyToken = poller.tokens;
    this.readyBits = poller.bits;
    this.#poller = poller;
    this.#release = () => process.release();
  }

  /** What a call returned, or its error negated, in Linux's numbers. */
  protected abstract result(value: number): number;

  /** A descriptor that can be read from the end of process `pid` on. */
  protected abstract openExit(pid: number): number;

  dispose(): void {
    this.#poller.dispose();
    this.#release();
  }

  // ---- descriptors ----

  close(fd: number): number {
    return this.result(this.c.close(fd));
  }

  isInherited(fd: number): number {
    const flags = this.result(this.c.fcntl(fd, F_GETFD, 0n));
    return flags < 0 ? flags : 1 - (flags & FD_CLOEXEC);
  }

  isNonBlocking(fd: number): number {
    const flags = this.result(this.c.fcntl(fd, F_GETFL, 0n));
    return flags < 0 ? flags : (flags & this.numbers.O_NONBLOCK) !== 0 ? 1 : 0;
  }

  writeBytes(fd: number, bytes: Uint8Array): number {
    return this.result(
      this.c.write(fd, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.byteLength)),
    );
  }

  adopt(fd: number): number {
    const { O_NONBLOCK } = this.numbers;
    const flags = this.result(this.c.fcntl(fd, F_GETFL, 0n));
    if (flags < 0) return flags;
    if ((flags & O_NONBLOCK) === 0) {
      const set = this.result(this.c.fcntl(fd, F_SETFL, BigInt(flags | O_NONBLOCK)));
      if (set < 0) return set;
    }
    return this.result(this.c.fcntl(fd, F_SETFD, BigInt(FD_CLOEXEC)));
  }

  // ---- files ----

  stat(path: string): PathInfo | undefined {
    return pathInfo(path);
  }

  unlink(path: string): number {
    return this.result(this.c.unlink(cString(path)));
  }

  rename(from: string, to: string): number {
    return this.result(this.c.rename(cString(from), cString(to)));
  }

  lockFolder(path: string): number {
    const { O_DIRECTORY, O_CLOEXEC } = this.numbers;
    const fd = this.result(this.c.open(cString(path), O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) return fd;
    return this.#keepIf(this.result(this.c.flock(fd, LOCK_EX_NB)), fd);
  }

  chgrp(path: string, gid: number): number {
    return this.result(this.c.lchown(cString(path), SAME_OWNER, gid));
  }

  // ---- readiness ----

  watch(fd: number, token: number, interest: number): number {
    return this.#poller.watch(fd, token, interest);
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.#poller.rewatch(fd, token, interest);
  }

  unwatch(fd: number): number {
    return this.#poller.unwatch(fd);
  }

  watchExit(pid: number, token: number): number {
    const fd = this.openExit(pid);
    return fd < 0 ? fd : this.#keepIf(this.watch(fd, token, Ready.READ), fd);
  }

  wait(microseconds: number): number {
    return this.#poller.wait(microseconds);
  }

  now(): number {
    return performance.now();
  }

  /** The descriptor if what was done with it went well; else it is closed, and the error. */
  #keepIf(result: number, fd: number): number {
    if (result >= 0) return fd;
    this.close(fd);
    return result;
  }
}
