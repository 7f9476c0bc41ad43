/**
 * What is an eventfd or a pidfd on Linux is a small kqueue of its own on Darwin.
 *
 * A kqueue is a descriptor: it can be watched for READ in the thread's kqueue, named from every thread, and closed.
 * Each wake is an event of its own that goes away when it is taken, so wakes are counted, not merged: the identity of
 * an EVFILT_USER event is a number of the waker's choice, 32 random bits of the thread and a count.
 *
 * @module
 */
import { DARWIN_NUMBERS as D } from "./abi.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { LibSystem } from "./darwin_libc.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { KeventList } from "./kevent_list.ts";

/** Wakes taken by one call. */
const TAKEN = 32;

/** See the head of this file. */
export class KqueueSignals {
  readonly #c: LibSystem;
  readonly #errno: Int32Array;
  readonly #list: KeventList;
  readonly #noTime: bigint;
  readonly #thread = crypto.getRandomValues(new Int32Array(1))[0];
  #wakes = 0;

  constructor({ libc, errno, arena }: DarwinProcess) {
    this.#c = libc;
    this.#errno = errno;
    this.#list = new KeventList(arena, TAKEN);
    this.#noTime = arena.address(arena.take(16));
  }

  /** See Kernel.openWake. */
  open(): number {
    const fd = this.#result(this.#c.kqueue());
    if (fd >= 0) this.#c.fcntl(fd, D.F_SETFD, BigInt(D.FD_CLOEXEC));
    return fd;
  }

  /** See Kernel.wake. */
  wake(fd: number): number {
    this.#wakes = (this.#wakes + 1) | 0;
    const flags = D.EV_ADD | D.EV_ONESHOT;
    this.#list.set(0, this.#wakes, D.EVFILT_USER, flags, D.NOTE_TRIGGER, 0, 0, this.#thread);
    return this.#apply(fd);
  }

  /** See Kernel.takeWakes. */
  take(fd: number): number {
    let count = 0, n;
    do {
      n = this.#c.kevent(fd, 0n, 0, this.#list.address, TAKEN, this.#noTime);
      if (n > 0) count += n;
    } while (n === TAKEN);
    return count;
  }

  /** A descriptor that can be read from the end of process `pid` on. */
  openExit(pid: number): number {
    const fd = this.open();
    if (fd < 0) return fd;
    this.#list.set(0, pid, D.EVFILT_PROC, D.EV_ADD, D.NOTE_EXIT);
    const result = this.#apply(fd);
    if (result >= 0) return fd;
    this.#c.close(fd);
    return result;
  }

  #apply(fd: number): number {
    return this.#result(this.#c.kevent(fd, this.#list.address, 1, 0n, 0, 0n));
  }

  #result(value: number): number {
    return value >= 0 ? value : -fromDarwin(this.#errno[0]);
  }
}
