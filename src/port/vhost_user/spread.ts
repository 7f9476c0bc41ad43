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
    const u8 = this.#u8;
    let i = this.#buffer, filled = this.#filled, left = bytes, source = from;
    for (; left > 0 && i < buffers; i++, filled = 0) {
      const room = length[i] - filled, part = left < room ? left : room;
      const to = at[i] + filled;
      u8.copyWithin(to, source, source + part);
      source += part;
      left -= part;
      if (part < room) {
        filled += part;
        break;
      }
    }
    this.#buffer = i;
    this.#filled = filled;
  }
}
