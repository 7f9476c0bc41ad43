/**
 * Results a case expects, and bytes it sends.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { errnoName } from "../../../src/platform/errno.ts";

/** A result that must not be an error. */
export function ok(result: number): number {
  assert(result >= 0, `expected success, got ${errnoName(result)}`);
  return result;
}

/** A result that must be this error. */
export function refused(result: number, name: string): void {
  assert(result < 0, `expected ${name}, got ${result}`);
  assertEquals(errnoName(result), name);
}

/** `length` bytes that differ from place to place and from `seed` to `seed`. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

/** Bytes of a text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
