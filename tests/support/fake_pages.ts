/**
 * Pages of a fake machine: what its kernel does with those that the arena gives back.
 *
 * @module
 */
import { Arena } from "../../src/platform/arena.ts";

/** How large a page is, and how pages are given back. */
export interface Pages {
  /** Bytes. */
  readonly page: number;
  /** Make zeros of what lies from `at` on, in the arena's bytes. */
  discard(memory: Uint8Array, at: number, bytes: number): void;
}

/** Linux on x86-64 with madvise(MADV_DONTNEED): a start within a page is EINVAL, a length means whole pages. */
export const LINUX_PAGES: Pages = { page: 4096, discard: wholePages(4096) };

/**
 * Darwin on Apple silicon with mmap(MAP_FIXED): the start is to lie on a page, and a length is rounded up to whole ones,
 * so that what lies behind it in the last is wiped as well (xnu bsd/kern/kern_mman.c, mmap). An Intel Mac has pages of
 * 4 KiB, and does the same; what is right for the larger is right for it.
 */
export const DARWIN_PAGES: Pages = { page: 16_384, discard: wholePages(16_384) };

/** The kernel would say EINVAL and leave old bytes where zeros are promised: an error of ours, which throws. */
function wholePages(page: number): Pages["discard"] {
  return (memory, at, bytes) => {
    if (at % page !== 0) throw new Error(`Offset ${at} is discarded, which is within a page`);
    memory.fill(0, at, Math.ceil((at + bytes) / page) * page);
  };
}

/** An arena that is made for these pages, whatever those of this machine are. The parameters are {@linkcode Arena}'s. */
export function openArena(
  buffer: ArrayBuffer,
  high: number,
  slabBytes: number,
  pages: Pages,
): Arena {
  const discard = (at: number, bytes: number) => pages.discard(arena.u8, at, bytes);
  const arena: Arena = new Arena(buffer, high, discard, slabBytes, pages.page);
  return arena;
}
