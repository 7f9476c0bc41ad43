/**
 * When to try again with a VM that takes nothing: soon at first, then less and less often.
 *
 * Mostly the writable event comes first; this is for when it does not. A VM that has been seen reading lately
 * is worth a look every millisecond, one that is stuck is not.
 *
 * @module
 */

/** Waiting times in ms: the first, the longest while the VM was seen reading lately, the longest after that. */
const FIRST = 0.05, MOST = 1, MOST_STUCK = 16;
/** Without progress for longer than this, in ms, a VM is stuck. */
const STUCK_AFTER = 1000;

/** See the head of this file. Times are in ms. */
export class Backoff {
  /** When to try again. */
  retryAt = 0;
  #delay = FIRST;
  #stalledSince = 0;

  /** The VM took something at `now`, or everything until then. */
  progress(now: number): void {
    this.#delay = FIRST;
    this.#stalledSince = now;
    this.retryAt = now + FIRST;
  }

  /** There is nothing to try it with. */
  rest(): void {
    this.retryAt = Infinity;
  }

  /** There is something again, at `now`: one try at once. */
  resume(now: number): void {
    this.retryAt = now;
  }

  /** It was tried at `now`, and took nothing. */
  stall(now: number): void {
    const most = now - this.#stalledSince > STUCK_AFTER ? MOST_STUCK : MOST;
    this.#delay = Math.min(this.#delay * 2, most);
    this.retryAt = now + this.#delay;
  }
}
