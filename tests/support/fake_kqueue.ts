/**
 * A kqueue of the fake Darwin machine: its knotes, and which of them have something to tell.
 *
 * READ looks at the socket's state. WRITE tells only what it was woken for (EV_CLEAR), and such a wake-up may be lost:
 * that is the machine's decision. Constants are written out here: this is the other side of src/platform/abi.ts.
 *
 * @module
 */
import type { FakeProcess, FakeSocket } from "./fake_socket.ts";

/** Filters of struct kevent. */
export const Filter = { READ: -1, WRITE: -2, PROC: -5, TIMER: -7, USER: -10 } as const;
/** Flags of struct kevent. */
export const Flag = { ADD: 1, DELETE: 2, ONESHOT: 0x10, CLEAR: 0x20, ERROR: 0x4000, EOF: 0x8000 };

/** struct kevent. */
export interface Kevent {
  readonly ident: bigint;
  readonly filter: number;
  readonly flags: number;
  readonly fflags: number;
  readonly data: number;
  readonly udata: bigint;
}

/** What a knote is attached to. */
export type Subject = {
  readonly socket?: FakeSocket;
  readonly queue?: FakeKqueue;
  readonly process?: FakeProcess;
};

/** One registration. */
export interface Knote {
  event: Kevent;
  readonly subject: Subject;
  /** Woken (WRITE) or triggered (USER), and not told yet. */
  active: boolean;
  /** When a TIMER is due. */
  due: number;
}

/** See the head of this file. */
export class FakeKqueue {
  /** In the order they are looked at: who was told goes to the end. */
  readonly #knotes = new Map<string, Knote>();
  readonly #writable: (socket: FakeSocket) => boolean;
  readonly #lost: (fd: number) => boolean;
  readonly #now: () => number;

  /** @param lost tells if a WRITE that is not edge-triggered is kept back this time */
  constructor(
    writable: (socket: FakeSocket) => boolean,
    lost: (fd: number) => boolean,
    now: () => number,
  ) {
    this.#writable = writable;
    this.#lost = lost;
    this.#now = now;
  }

  find(event: Kevent): Knote | undefined {
    return this.#knotes.get(key(event));
  }

  add(event: Kevent, subject: Subject): void {
    const { READ, TIMER, WRITE } = Filter;
    const knote = this.find(event) ?? { event, subject, active: false, due: Infinity };
    if (event.filter === READ && (event.flags & Flag.CLEAR) !== 0) {
      throw new Error(`Cannot watch ${event.ident} for edges of READ: nothing needs them`);
    }
    // Touching does not change how a knote is triggered.
    const kept = knote.event.flags & Flag.CLEAR;
    knote.event = { ...event, flags: (event.flags & ~Flag.CLEAR) | kept };
    // Attaching and touching look at once.
    knote.active = event.filter === WRITE || (event.fflags & 0x100_0000) !== 0;
    if (event.filter === TIMER) knote.due = this.#now() + event.data / 1000;
    this.#knotes.set(key(event), knote);
  }

  remove(event: Kevent): boolean {
    return this.#knotes.delete(key(event));
  }

  /** A descriptor was closed. */
  forget(fd: number): void {
    for (const filter of [Filter.READ, Filter.WRITE]) this.#knotes.delete(`${filter} ${fd}`);
  }

  /** Descriptors under which a socket's WRITE is waited for; `wake` says whether the wake-up arrives. */
  wakeWriters(socket: FakeSocket, wake: (fd: number) => boolean): void {
    for (const knote of this.#knotes.values()) {
      const { event, subject } = knote;
      if (event.filter === Filter.WRITE && subject.socket === socket && wake(Number(event.ident))) {
        knote.active = true;
      }
    }
  }

  /** When the next timer is due. */
  get next(): number {
    let next = Infinity;
    for (const { due } of this.#knotes.values()) next = Math.min(next, due);
    return next;
  }

  get isReady(): boolean {
    for (const knote of this.#knotes.values()) if (this.#flags(knote) !== undefined) return true;
    return false;
  }

  /** Take up to `most` events. */
  take(most: number): Kevent[] {
    const told: Kevent[] = [];
    for (const [name, knote] of [...this.#knotes]) {
      if (told.length === most) break;
      const flags = this.#flags(knote);
      if (flags === undefined) continue;
      const { ident, filter, flags: asked } = knote.event;
      const level = filter === Filter.WRITE && (asked & Flag.CLEAR) === 0;
      if (level && this.#lost(Number(ident))) continue;
      told.push({ ...knote.event, flags: knote.event.flags | flags });
      this.#knotes.delete(name);
      if ((knote.event.flags & Flag.ONESHOT) !== 0) continue;
      if ((knote.event.flags & Flag.CLEAR) !== 0) knote.active = false;
      this.#knotes.set(name, knote);
    }
    return told;
  }

  /** Flags to tell, undefined for nothing to tell. */
  #flags({ event, subject, active, due }: Knote): number | undefined {
    const { socket } = subject;
    const end = socket?.hungUp ? Flag.EOF : 0;
    switch (event.filter) {
      case Filter.READ: {
        const ready = socket === undefined
          ? subject.queue?.isReady
          : socket.queue.length > 0 || socket.pending.length > 0 || socket.hungUp;
        return ready ? end : undefined;
      }
      case Filter.WRITE:
        if ((event.flags & Flag.CLEAR) !== 0 && !active) return undefined;
        return socket === undefined || this.#writable(socket) ? end : undefined; // or a pipe
      case Filter.PROC:
        return subject.process?.ended ? 0 : undefined;
      case Filter.TIMER:
        return this.#now() >= due ? 0 : undefined;
      default:
        return active ? 0 : undefined;
    }
  }
}

function key({ filter, ident }: Kevent): string {
  return `${filter} ${ident}`;
}
