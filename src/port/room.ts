/**
 * Room for one more VM.
 *
 * What a VM needs is taken from the arena when it comes, and it must not come when that would fail: an
 * arena with enough free bytes may still have none in one piece.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";

/** Beside its queue: two records, what a read leaves over, and a parked batch. */
const EXTRA_BYTES = 8 << 20;

/** True when the arena has a piece for a VM with a queue of `queue` bytes. */
export function hasRoom(arena: Arena, queue: number): boolean {
  return arena.fits(queue + EXTRA_BYTES);
}
