/**
 * Reserves the arena's address range on Linux.
 *
 * V8 is handed one external ArrayBuffer that lives as long as the kernel object. The range is mapped
 * without reserving memory: a page costs something when it is first touched and nothing after
 * MADV_DONTNEED. What is not the slab is read-only: it needs no memory even where the kernel counts what
 * could be written (vm.overcommit_memory=2), and every offset in it reads as zeros.
 *
 * @module
 */
import { MAP_FAILED, mapRange, refusal, type Reservation } from "./address_range.ts";
import { Arena, GUEST_BASE } from "./arena.ts";
import type { LIBC } from "./libc.ts";

type Symbols = Deno.DynamicLibrary<typeof LIBC>["symbols"];

const READ = 1;
const READ_WRITE = 3;
const FIXED = 0x10;
const PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
const MADV_DONTNEED = 4;
const GUEST_REMEDY = " or do without vhost-user ports";

/**
 * Map `slabBytes` starting on a 4 GiB boundary and, at {@linkcode GUEST_BASE}, `guestBytes` of guest space.
 *
 * @throws Error when the address space is limited (`ulimit -v`)
 */
export function reserve(c: Symbols, slabBytes: number, guestBytes: number): Reservation {
  const bytes = guestBytes > 0 ? GUEST_BASE + guestBytes : slabBytes;
  const size = BigInt(bytes);
  const start = mapRange(c, size, READ, PRIVATE_ANONYMOUS_NORESERVE);
  if (start === undefined || !putZeros(c, start, BigInt(slabBytes))) {
    throw new Error(
      guestBytes > 0
        ? refusal(bytes, "frames and the memory of VMs on vhost-user ports", GUEST_REMEDY)
        : refusal(bytes, "frames"),
    );
  }

  const pointer = Deno.UnsafePointer.create(start)!;
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
  const discard = (at: number, length: number) => {
    c.madvise(start + BigInt(at), BigInt(length), MADV_DONTNEED);
  };
  const arena = new Arena(buffer, Number(start >> 32n), discard, slabBytes);
  return { arena, release: () => void c.munmap(start, size) };
}

/** Put zeros that can be read and written in the place of whatever is mapped there; false when refused. */
export function putZeros(c: Symbols, address: bigint, bytes: bigint): boolean {
  const flags = PRIVATE_ANONYMOUS_NORESERVE | FIXED;
  return c.mmap(address, bytes, READ_WRITE, flags, -1, 0n) < MAP_FAILED;
}
