/**
 * Reserves the arena's address range on Linux.
 *
 * V8 is handed one external ArrayBuffer that lives as long as the kernel object. The range is mapped
 * without reserving memory: a page costs something when it is first touched and nothing after
 * MADV_DONTNEED.
 *
 * @module
 */
import { Arena } from "./arena.ts";
import type { LIBC } from "./libc.ts";

type Symbols = Deno.DynamicLibrary<typeof LIBC>["symbols"];

const BOUNDARY = 1n << 32n;
const READ_WRITE = 3;
const PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
const MADV_DONTNEED = 4;

/**
 * Map `bytes` starting on a 4 GiB boundary.
 *
 * @throws Error when the address space is limited (`ulimit -v`)
 */
export function reserve(c: Symbols, bytes: number): { arena: Arena; release: () => void } {
  const size = BigInt(bytes);
  const whole = c.mmap(0n, size + BOUNDARY, READ_WRITE, PRIVATE_ANONYMOUS_NORESERVE, -1, 0n);
  if (whole >= 0xffff_ffff_ffff_f000n) {
    const need = Math.ceil((bytes + 2 ** 32) / 2 ** 30);
    throw new Error(
      `Cannot reserve ${need} GiB of address space for frames (not memory); raise the limit with "ulimit -v unlimited"`,
    );
  }
  const start = (whole + BOUNDARY - 1n) / BOUNDARY * BOUNDARY;
  if (start > whole) c.munmap(whole, start - whole);
  const end = start + size;
  const wholeEnd = whole + size + BOUNDARY;
  if (end < wholeEnd) c.munmap(end, wholeEnd - end);

  const pointer = Deno.UnsafePointer.create(start)!;
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
  const discard = (at: number, length: number) => {
    c.madvise(start + BigInt(at), BigInt(length), MADV_DONTNEED);
  };
  const arena = new Arena(buffer, Number(start >> 32n), discard);
  return { arena, release: () => void c.munmap(start, size) };
}
