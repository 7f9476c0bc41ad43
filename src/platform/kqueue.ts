/**
 * Readiness on Darwin: a kqueue, whose two filters of a descriptor are reported as one entry.
 *
 * They are level-triggered, as on Linux: a port reads one batch a turn and must be reported again while data is left.
 * The exception is WRITE of a datagram socket, which is told once each time there is more room (EV_CLEAR): such a
 * socket counts as writable as soon as one byte is free at its peer (so_snd.sb_lowat is 1; 2048 of a stream), so the
 * level would be reported without end while no frame fits. The kernel sometimes does not tell at all; whoever waits
 * for WRITE has a timer as well (engine/backlog.ts).
 *
 * Short waits end by a timer of their own, armed in the same call: the time a kevent() may take is rounded up to
 * spare power, which a critical timer is not (kernel/kern_event.c, filt_timer).
 *
 * @module
 */
import { DARWIN_NUMBERS as D } from "./abi.ts";
import type { LibSystem } from "./darwin_libc.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { fromDarwin } from "./darwin_errno.ts";
import { Errno, errnoName } from "./errno.ts";
import { Ready, SocketType } from "./kernel.ts";
import { KeventList } from "./kevent_list.ts";
import type { Poller } from "./posix.ts";

/** Descriptors reported a turn; the kernel rotates, so more ready ones come next turn. */
const EVENTS = 256;
/** Waits shorter than this, in microseconds, are worth a timer. */
const SHORT = 10_000;
/** Identity of that timer. */
const TIMER = 1;

/** The kqueue of one thread. */
export class Kqueue implements Poller {
  /** Tokens of the last wait's ready descriptors. */
  readonly tokens: Int32Array = new Int32Array(EVENTS);
  /** Their {@linkcode Ready} bits. */
  readonly bits: Int32Array = new Int32Array(EVENTS);
  readonly fd: number;
  readonly #c: LibSystem;
  readonly #errno: Int32Array;
  readonly #change: KeventList;
  readonly #events: KeventList;
  readonly #time: Int32Array;
  readonly #timeAddress: bigint;
  /** What each watched descriptor is watched for. */
  readonly #interest = new Map<number, number>();
  /** How WRITE of a watched descriptor is asked for, once it was: EV_CLEAR or not. */
  readonly #trigger = new Map<number, number>();
  readonly #option: Int32Array;
  readonly #optionAddress: bigint;
  /** Entry of a descriptor in the last wait, and whose entry that is: no need to clear it between waits. */
  #entry: Int32Array = new Int32Array(64);
  readonly #owner = new Int32Array(EVENTS);
  #armed = false;

  constructor({ libc, errno, arena }: DarwinProcess) {
    this.#c = libc;
    this.#errno = errno;
    this.fd = libc.kqueue();
    if (this.fd < 0) throw new Error(`Cannot create a kqueue: ${errnoName(fromDarwin(errno[0]))}`);
    libc.fcntl(this.fd, D.F_SETFD, BigInt(D.FD_CLOEXEC));
    this.#change = new KeventList(arena, 1);
    this.#events = new KeventList(arena, EVENTS);
    const time = arena.take(32), option = time + 16;
    this.#time = new Int32Array(arena.u8.buffer, time, 4);
    this.#timeAddress = arena.address(time);
    this.#option = new Int32Array(arena.u8.buffer, option, 4);
    this.#optionAddress = arena.address(option);
  }

  watch(fd: number, token: number, interest: number): number {
    if (this.#interest.has(fd)) return -Errno.EEXIST;
    this.#makeRoom(fd);
    this.#interest.set(fd, 0);
    const result = this.rewatch(fd, token, interest);
    if (result < 0) {
      // One of the two may have been added: whatever there is goes.
      for (const filter of [D.EVFILT_READ, D.EVFILT_WRITE]) this.#apply(fd, filter, D.EV_DELETE, 0);
      this.forget(fd);
    }
    return result;
  }

  rewatch(fd: number, token: number, interest: number): number {
    const old = this.#interest.get(fd);
    if (old === undefined) return this.#unknown(fd);
    // A kqueue that is not read wakes another for its first event, not for each.
    if ((interest & Ready.EDGE) !== 0) return -Errno.EOPNOTSUPP;
    for (const bit of [Ready.READ, Ready.WRITE]) {
      const filter = bit === Ready.READ ? D.EVFILT_READ : D.EVFILT_WRITE;
      let result = 0;
      // Also what is watched already: its token may be another.
      if ((interest & bit) !== 0) {
        const trigger = bit === Ready.WRITE ? this.#triggerOf(fd) : 0;
        result = this.#apply(fd, filter, D.EV_ADD | trigger, token);
      } else if ((old & bit) !== 0) this.#apply(fd, filter, D.EV_DELETE, token);
      if (result < 0) return result;
    }
    this.#interest.set(fd, interest);
    return 0;
  }

  unwatch(fd: number): number {
    const interest = this.#interest.get(fd);
    if (interest === undefined) return this.#unknown(fd);
    if ((interest & Ready.READ) !== 0) this.#apply(fd, D.EVFILT_READ, D.EV_DELETE, 0);
    if ((interest & Ready.WRITE) !== 0) this.#apply(fd, D.EVFILT_WRITE, D.EV_DELETE, 0);
    this.forget(fd);
    return 0;
  }

  /** A closed descriptor is not watched any more; the kernel has forgotten it by itself. */
  forget(fd: number): void {
    this.#interest.delete(fd);
    this.#trigger.delete(fd);
  }

  /** See Kernel.wait. */
  wait(microseconds: number): number {
    let time = 0n;
    if (microseconds >= 0) {
      const seconds = Math.floor(microseconds / 1e6);
      this.#time[0] = seconds;
      // Down, never up: 10^9 nanoseconds are no time to the kernel (EINVAL).
      this.#time[2] = Math.floor((microseconds - seconds * 1e6) * 1000);
      time = this.#timeAddress;
    }
    const changes = this.#setTimer(microseconds) ? 1 : 0;
    const { address } = this.#events;
    const n = this.#c.kevent(this.fd, this.#change.address, changes, address, EVENTS, time);
    return n > 0 ? this.#collect(n) : 0;
  }

  dispose(): void {
    this.#c.close(this.fd);
  }

  /** Merge `n` events into one entry a descriptor; returns how many there are. */
  #collect(n: number): number {
    const events = this.#events;
    let count = 0;
    for (let i = 0; i < n; i++) {
      const filter = events.filter(i), flags = events.flags(i);
      if (filter === D.EVFILT_TIMER) {
        this.#armed = false;
        continue;
      }
      const fd = events.ident(i);
      let entry = this.#entry[fd];
      if (entry >= count || this.#owner[entry] !== fd) {
        entry = this.#entry[fd] = count++;
        this.#owner[entry] = fd;
        this.tokens[entry] = events.udata(i);
        this.bits[entry] = 0;
      }
      this.bits[entry] |= (filter === D.EVFILT_READ ? Ready.READ : Ready.WRITE) |
        ((flags & D.EV_EOF) !== 0 ? Ready.GONE : 0);
    }
    return count;
  }

  /** Prepare the change that arms the timer for this wait, or takes back that of an earlier one; false for neither. */
  #setTimer(microseconds: number): boolean {
    const short = microseconds > 0 && microseconds < SHORT;
    if (!short && !this.#armed) return false;
    const flags = short ? D.EV_ADD | D.EV_ONESHOT : D.EV_DELETE;
    const unit = D.NOTE_USECONDS | D.NOTE_CRITICAL;
    this.#change.set(0, TIMER, D.EVFILT_TIMER, flags, unit, Math.ceil(microseconds));
    this.#armed = short;
    return true;
  }

  #apply(fd: number, filter: number, flags: number, token: number): number {
    this.#change.set(0, fd, filter, flags, 0, 0, token);
    const result = this.#c.kevent(this.fd, this.#change.address, 1, 0n, 0, 0n);
    return result >= 0 ? 0 : -fromDarwin(this.#errno[0]);
  }

  #triggerOf(fd: number): number {
    let trigger = this.#trigger.get(fd);
    if (trigger === undefined) {
      this.#option[2] = 4;
      const at = this.#optionAddress;
      const got = this.#c.getsockopt(fd, D.SOL_SOCKET, D.SO_TYPE, at, at + 8n);
      trigger = got === 0 && this.#option[0] === SocketType.DGRAM ? D.EV_CLEAR : 0;
      this.#trigger.set(fd, trigger);
    }
    return trigger;
  }

  #unknown(fd: number): number {
    const open = this.#c.fcntl(fd, D.F_GETFD, 0n) >= 0;
    return open ? -Errno.ENOENT : -fromDarwin(this.#errno[0]);
  }

  #makeRoom(fd: number): void {
    if (fd < this.#entry.length) return;
    const larger = new Int32Array(2 ** Math.ceil(Math.log2(fd + 1)));
    larger.set(this.#entry);
    this.#entry = larger;
  }
}
