/**
 * A range of addresses that begins on a 4 GiB boundary, as the arena wants it, on every Unix.
 *
 * @module
 */

import type { Arena } from "./arena.ts";

/** Results of mmap from here on are no addresses. */
export const MAP_FAILED = 0xffff_ffff_ffff_f000n;

const BOUNDARY = 1n << 32n;

/** An arena, and how to unmap it. */
export interface Reservation {
  readonly arena: Arena;
  readonly release: () => void;
}

/** The calls on memory. */
export interface MemorySymbols {
  mmap(
    address: bigint,
    bytes: bigint,
    protection: number,
    flags: number,
    fd: number,
    offset: bigint,
  ): bigint;
  munmap(address: bigint, bytes: bigint): number;
}

/**
 * Map `bytes`; returns where they begin, or nothing if the address space is limited (`ulimit -v`).
 *
 * @throws Error when what was mapped besides cannot be given back
 */
export function mapRange(
  c: MemorySymbols,
  bytes: bigint,
  protection: number,
  flags: number,
): bigint | undefined {
  const whole = c.mmap(0n, bytes + BOUNDARY, protection, flags, -1, 0n);
  if (whole >= MAP_FAILED) return undefined;
  const start = (whole + BOUNDARY - 1n) / BOUNDARY * BOUNDARY;
  unmap(c, whole, start);
  unmap(c, start + bytes, whole + bytes + BOUNDARY);
  return start;
}

function unmap(c: MemorySymbols, from: bigint, to: bigint): void {
  if (to > from && c.munmap(from, to - from) < 0) {
    throw new Error(`Cannot unmap ${to - from} bytes of address space: munmap() is refused`);
  }
}

/** What to tell when `bytes` of addresses for `what` cannot be had. */
export function refusal(bytes: number, what: string, remedy = ""): string {
  const need = Math.ceil((bytes + Number(BOUNDARY)) / 2 ** 30);
  return `Cannot reserve ${need} GiB of address space for ${what} (not memory); ` +
    `raise the limit with "ulimit -v unlimited"${remedy}`;
}
