/**
 * Things to do later. There are a handful at a time (a tick, a listener's back-off), so a list is enough.
 *
 * @module
 */

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** One-shot timers in the loop's time. */
export class Timers {
  #timers: Timer[] = [];
  /** When the first is due; asked every turn, so it is kept. */
  #next = Infinity;

  /** Run `action` once, at `at` ms or soon after. */
  add(at: number, action: () => void): void {
    this.#timers.push({ at, action });
    this.#next = Math.min(this.#next, at);
  }

  /** Run what is due; returns when the next is, Infinity when there is none. */
  run(now: number): number {
    if (now < this.#next) return this.#next;
    const due = this.#timers.filter((timer) => timer.at <= now);
    this.#timers = this.#timers.filter((timer) => timer.at > now);
    for (const timer of due) timer.action();
    this.#next = this.#timers.reduce((next, timer) => Math.min(next, timer.at), Infinity);
    return this.#next;
  }
}
