/**
 * Writing one frame over several buffers of a guest, piece by piece as its bytes come.
 *
 * @module
 */
import type { ReceiveRing } from "./receive_ring.ts";

/** Fills the buffers that a ring has listed (ReceiveRing.spread), from the first on. */
export class SpreadWriter {
  readonly #u8: Uint8Array;
  #buffer = 0;
  /** Bytes written to the current buffer. */
  #filled = 0;

  constructor(u8: Uint8Array) {
    this.#u8 = u8;
  }

  /** Begin with the first buffer. */
  begin(): void {
    this.#buffer = this.#filled = 0;
  }

  /** Write the `bytes` bytes at `from` behind what was written; what the buffers have no room for is left out. */
  add({ at, length, buffers }: ReceiveRing, from: number, bytes: number): void {
    let done = 0;
    while (done < bytes && this.#buffer < buffers) {
      const i = this.#buffer;
      const part = Math.min(bytes - done, length[i] - this.#filled);
      const to = at[i] + this.#filled, source = from + done;
      this.#u8.copyWithin(to, source, source + part);
      done += part;
      this.#filled += part;
      if (this.#filled === length[i]) {
        this.#buffer++;
        this.#filled = 0;
      }
    }
  }
}
