/**
 * A limit on what one VM may make the switch flood.
 *
 * Flooding multiplies: one broadcast is a send for every other port. A VM that does nothing else, or a
 * loop between two ports, would take the time of everybody. So each port has a budget of copies that
 * comes back at a fixed rate: generous for ARP, neighbour discovery, mDNS and the first frames of a
 * conversation, far below what fills a core (a copy costs about 0.8 us, so this is a sixth of one). A large
 * frame that is cut for the VMs it is flooded to counts as what it may become.
 *
 * @module
 */

/** Copies a port may cause a second, and at once. */
export const STORM_RATE = 200_000, STORM_BURST = 16_384;

/** Budgets by row. */
export class Storm {
  readonly #tokens: Float64Array;
  readonly #at: Float64Array;

  constructor(rows: number) {
    this.#tokens = new Float64Array(rows).fill(STORM_BURST);
    this.#at = new Float64Array(rows);
  }

  /**
   * How many of `frames` frames, each `copies` frames on their way out, the port may flood now; they are paid for.
   * `now` in ms.
   */
  allowed(row: number, frames: number, copies: number, now: number): number {
    const tokens = Math.min(
      STORM_BURST,
      this.#tokens[row] + (now - this.#at[row]) * (STORM_RATE / 1000),
    );
    // A frame that is more than a whole burst may go when the port has been quiet.
    const cost = Math.min(copies, STORM_BURST);
    const allowed = Math.min(frames, Math.floor(tokens / cost));
    this.#at[row] = now;
    this.#tokens[row] = tokens - allowed * cost;
    return allowed;
  }
}
