/**
 * Readiness on Linux: level-triggered epoll, one entry per descriptor.
 *
 * Level-triggered, because a port reads one batch a turn and must be reported again while data is left;
 * that is also what keeps a busy port from starving the others. Edge-triggered are only counters nobody
 * here reads: they stay readable, and what is told is each addition to them.
 *
 * @module
 */
import { Errno, errnoName, UNKNOWN_ERROR } from "./errno.ts";
import { Ready } from "./kernel.ts";
import type { LinuxProcess, Symbols } from "./linux_calls.ts";
import type { Poller } from "./posix.ts";

const EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16;
const EPOLLET = 1 << 31;
const CTL_ADD = 1, CTL_DEL = 2, CTL_MOD = 3;
const CLOEXEC = 0x80000;
/** Descriptors reported a turn; the kernel rotates, so more ready ones come next turn. */
const EVENTS = 256;

/** struct epoll_event is packed on x86-64 only (include/uapi/linux/eventpoll.h). Words, not bytes. */
const packed = Deno.build.arch === "x86_64";
const STRIDE = packed ? 3 : 4;
const DATA = packed ? 1 : 2;

/** The epoll descriptor of one thread. */
export class Epoll implements Poller {
  /** Tokens of the last wait's ready descriptors. */
  readonly tokens: Int32Array = new Int32Array(EVENTS);
  /** Their {@linkcode Ready} bits. */
  readonly bits: Int32Array = new Int32Array(EVENTS);
  readonly #c: Symbols;
  readonly #errno: Int32Array;
  readonly #fd: number;
  readonly #words: Int32Array;
  readonly #events: bigint;
  readonly #change: Int32Array;
  readonly #changeAddress: bigint;
  readonly #time: Int32Array;
  readonly #timeAddress: bigint;
  readonly #fine: boolean;

  constructor({ libc, errno, arena }: LinuxProcess) {
    this.#c = libc;
    this.#errno = errno;
    this.#fd = libc.epoll_create1(CLOEXEC);
    if (this.#fd < 0) throw new Error(`Cannot create an epoll descriptor: ${errnoName(errno[0])}`);
    const at = arena.take(EVENTS * STRIDE * 4 + 64);
    const time = at + EVENTS * STRIDE * 4, change = time + 16;
    const buffer = arena.u8.buffer;
    this.#words = new Int32Array(buffer, at, EVENTS * STRIDE);
    this.#events = arena.address(at);
    this.#time = new Int32Array(buffer, time, 4);
    this.#timeAddress = arena.address(time);
    this.#change = new Int32Array(buffer, change, 4);
    this.#changeAddress = arena.address(change);
    this.#fine = this.#probe();
  }

  watch(fd: number, token: number, interest: number): number {
    return this.#control(CTL_ADD, fd, token, interest);
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.#control(CTL_MOD, fd, token, interest);
  }

  unwatch(fd: number): number {
    return this.#control(CTL_DEL, fd, 0, 0);
  }

  /** See Kernel.wait. Without epoll_pwait2 the time is rounded up to a millisecond. */
  wait(microseconds: number): number {
    const n = this.#fine ? this.#waitFine(microseconds) : this.#waitCoarse(microseconds);
    const words = this.#words;
    for (let i = 0; i < n; i++) {
      const events = words[i * STRIDE];
      this.tokens[i] = words[i * STRIDE + DATA];
      this.bits[i] = ((events & EPOLLIN) !== 0 ? Ready.READ : 0) |
        ((events & EPOLLOUT) !== 0 ? Ready.WRITE : 0) |
        ((events & (EPOLLERR | EPOLLHUP)) !== 0 ? Ready.GONE : 0);
    }
    return n > 0 ? n : 0;
  }

  dispose(): void {
    this.#c.close(this.#fd);
  }

  #waitFine(microseconds: number): number {
    if (microseconds < 0) return this.#c.epoll_pwait2!(this.#fd, this.#events, EVENTS, 0n, 0n);
    const seconds = Math.floor(microseconds / 1e6);
    this.#time[0] = seconds;
    // Down, never up: 10^9 nanoseconds are no time to the kernel (EINVAL).
    this.#time[2] = Math.floor((microseconds - seconds * 1e6) * 1000);
    return this.#c.epoll_pwait2!(this.#fd, this.#events, EVENTS, this.#timeAddress, 0n);
  }

  #waitCoarse(microseconds: number): number {
    const ms = microseconds < 0 ? -1 : Math.ceil(microseconds / 1000);
    return this.#c.epoll_wait(this.#fd, this.#events, EVENTS, ms);
  }

  /** The symbol needs glibc 2.35 and the call Linux 5.11. */
  #probe(): boolean {
    if (this.#c.epoll_pwait2 === null) return false;
    return this.#waitFine(0) >= 0 || this.#errno[0] !== Errno.ENOSYS;
  }

  #control(operation: number, fd: number, token: number, interest: number): number {
    this.#change[0] = ((interest & Ready.READ) !== 0 ? EPOLLIN : 0) |
      ((interest & Ready.WRITE) !== 0 ? EPOLLOUT : 0) |
      ((interest & Ready.EDGE) !== 0 ? EPOLLET : 0);
    this.#change[DATA] = token;
    this.#change[DATA + 1] = 0;
    const result = this.#c.epoll_ctl(this.#fd, operation, fd, this.#changeAddress);
    return result >= 0 ? result : -(this.#errno[0] || UNKNOWN_ERROR);
  }
}
