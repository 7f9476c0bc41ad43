/**
 * A frame queue among guards.
 *
 * @module
 */
import { assert } from "@std/assert";
import { FrameQueue } from "../../src/engine/queue.ts";
import { Arena } from "../../src/platform/arena.ts";
import { RECORD_BYTES } from "../../src/port/batch.ts";
import { MAX_FRAME } from "../../src/port/config.ts";

/** Bytes of each guard. */
export const PAGE = 4096;
const CANARY = 0xa5;

/** A queue between two guarded pages, with a frame of `MAX_FRAME` random bytes to put from. */
export class Fixture {
  readonly arena = new Arena(new ArrayBuffer(2 << 20), 0, (at, bytes) => {
    this.arena.u8.fill(0, at, at + bytes);
  });
  readonly queue: FrameQueue;
  readonly source: number;
  readonly #before: number;
  readonly #after: number;
  /** First byte behind the ring: its memory ends with a page, the ring need not. */
  readonly #end: number;

  constructor(capacity: number) {
    const { arena } = this;
    this.source = arena.take(MAX_FRAME);
    let state = 0x9e37_79b9;
    for (let i = 0; i < MAX_FRAME; i++) {
      state ^= state << 13, state ^= state >>> 17, state ^= state << 5;
      arena.u8[this.source + i] = state;
    }
    this.#before = arena.take(PAGE);
    this.queue = new FrameQueue(arena, capacity, 0);
    this.#after = arena.take(PAGE);
    this.#end = this.#before + PAGE + capacity + RECORD_BYTES;
    arena.u8.fill(CANARY, this.#before, this.#before + PAGE);
    arena.u8.fill(CANARY, this.#end, this.#after + PAGE);
  }

  /** Fails when a byte beside the ring was written. */
  checkCanaries(): void {
    const { u8 } = this.arena;
    const guarded = [[this.#before, this.#before + PAGE], [this.#end, this.#after + PAGE]];
    for (const [from, to] of guarded) {
      assert(u8.subarray(from, to).every((byte) => byte === CANARY), `${from} .. ${to} is damaged`);
    }
  }
}
