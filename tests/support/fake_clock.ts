/**
 * Time in the fake kernel: it passes only when the switch waits.
 *
 * A test writes down what happens when (`at`, `after`); the fake runs it between two waits, which is
 * where a VM's action becomes visible to a real switch as well. So a run has one order of events, and
 * ten seconds of ageing cost nothing.
 *
 * @module
 */

interface Action {
  at: number;
  act: () => void;
}

/** Virtual milliseconds since the fake kernel was opened, and what is to happen. */
export class FakeClock {
  /** Now, in milliseconds with fractions. */
  now = 0;
  readonly #actions: Action[] = [];

  /** Run `act` when the clock shows `ms`; a time that has passed is the next wait. Equal times keep their order. */
  at(ms: number, act: () => void): void {
    const index = this.#actions.findIndex((action) => action.at > ms);
    this.#actions.splice(index < 0 ? this.#actions.length : index, 0, { at: ms, act });
  }

  /** Run `act` in `ms` milliseconds. */
  after(ms: number, act: () => void): void {
    this.at(this.now + ms, act);
  }

  /** When the next action is due; Infinity when nothing is to come. */
  get next(): number {
    return this.#actions[0]?.at ?? Infinity;
  }

  /** Run every action that is due, those they add for the same time included. */
  runDue(): void {
    while (this.next <= this.now) this.#actions.shift()!.act();
  }
}
