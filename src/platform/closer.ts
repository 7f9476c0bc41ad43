/**
 * Closing, on other threads, what others gave us.
 *
 * Who closes a descriptor last waits for what that takes, and with a descriptor that came in a message its
 * sender decides how long: a TCP socket with unsent data waits for its linger time (SO_LINGER, socket(7)), a
 * file of a FUSE mount for its server, which need not answer at all. Nor does it help to look at the
 * descriptor first: a harmless socket may have others waiting in it unread. So each is closed by a thread
 * made for it, which is close(2) itself: it runs no code of ours, and nobody's event loop has to hear of its
 * end. A thread takes 10 to 40 us to make, so a giver has a few at a time and its other descriptors wait: who
 * gives hundreds has not used up our time, but what may be waited for.
 *
 * One thing remains: a process in which such a close waits for a FUSE server cannot end before that has
 * answered or died.
 *
 * @module
 */
import type { Symbols } from "./linux_calls.ts";

/** A descriptor on its way out. */
interface Closing {
  readonly fd: number;
  readonly giver: object;
  /** Its thread (pthread_t); 0 while it has none. */
  thread: bigint;
}

/** Threads of one giver at a time: enough for all that a front-end leaves behind. */
const THREADS = 32;

/** See the head of this file. With a glibc before 2.34, which has its threads elsewhere, it closes at once. */
export class Closer {
  readonly #c: Symbols;
  readonly #made = new BigUint64Array(1);
  #closing: Closing[] = [];

  constructor(c: Symbols) {
    this.#c = c;
  }

  /** See Sharing.closeElsewhere. */
  close(fd: number, giver: object): void {
    if (this.#c.pthread_create === null) return void this.#c.close(fd);
    this.#closing.push({ fd, giver, thread: 0n });
    if (this.#closing.length <= THREADS) this.#sweep(); // else when it is asked how many there are
  }

  /** See Sharing.closing. */
  count(giver: object | undefined): number {
    this.#sweep();
    if (giver === undefined) return this.#closing.length;
    return this.#closing.filter((each) => each.giver === giver).length;
  }

  /** Wait for nobody: threads that are not done end by themselves. */
  dispose(): void {
    this.#sweep();
    for (const { thread } of this.#closing) {
      if (thread !== 0n) this.#c.pthread_detach!(thread);
    }
    this.#closing = [];
  }

  /** Forget those that are closed, and have others closed in their place. */
  #sweep(): void {
    this.#closing = this.#closing.filter(({ thread }) =>
      thread === 0n || this.#c.pthread_tryjoin_np!(thread, 0n) !== 0
    );
    const threads = new Map<object, number>();
    for (const each of this.#closing) {
      const others = threads.get(each.giver) ?? 0;
      if (each.thread === 0n && others < THREADS) each.thread = this.#start(each.fd);
      if (each.thread !== 0n) threads.set(each.giver, others + 1);
    }
  }

  /** The thread that closes it; 0 when there is none to be had now. */
  #start(fd: number): bigint {
    const { pthread_create, closeAddress } = this.#c;
    const error = pthread_create!(this.#made, null, closeAddress, BigInt(fd));
    return error === 0 ? this.#made[0] : 0n;
  }
}
