/**
 * Ports whose frames come through shared memory: nothing tells us of a frame but a look.
 *
 * A look costs some nanoseconds, a notification a system call on both sides, so a port is looked at again
 * and again while frames come, and for its `poll-us` after the last one. Then it asks its VM to be
 * notified, and rests: its descriptor is waited for like any other, and it costs nothing.
 *
 * @module
 */
import type { Polled } from "../port/port.ts";

/** The ports that are being looked at. */
export class Pollers {
  readonly #active: Polled[] = [];
  /** When each of them may rest, in ms. */
  readonly #until: number[] = [];

  /** True while there is anybody to look at. */
  get isActive(): boolean {
    return this.#active.length > 0;
  }

  /** Look at a port from now on. */
  rouse(polled: Polled, now: number): void {
    if (this.#active.includes(polled)) return;
    polled.hush();
    this.#active.push(polled);
    this.#until.push(now + polled.pollMs);
  }

  /** Do not look at a port any more. */
  forget(polled: Polled): void {
    const i = this.#active.indexOf(polled);
    if (i >= 0) this.#remove(i);
  }

  /** Look at every active port once. */
  round(now: number): void {
    // From the end: a port that rests, or is found gone, makes way for one that was looked at.
    for (let i = this.#active.length - 1; i >= 0; i--) {
      const polled = this.#active[i], isBusy = polled.poll();
      if (this.#active[i] !== polled) continue; // it was found broken
      if (isBusy) this.#until[i] = now + polled.pollMs;
      else if (now >= this.#until[i] && polled.rest()) this.forget(polled);
    }
  }

  #remove(i: number): void {
    this.#active[i] = this.#active[this.#active.length - 1];
    this.#until[i] = this.#until[this.#until.length - 1];
    this.#active.pop();
    this.#until.pop();
  }
}
