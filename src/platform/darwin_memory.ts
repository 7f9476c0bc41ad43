/**
 * Opens libSystem and reserves the arena's address range on Darwin. The counterpart of linux_calls.ts and reserve.ts.
 *
 * Darwin's madvise() does not promise zeros, and pages given back must read as such: they are mapped anew, in place,
 * which does in one step what MADV_DONTNEED does on Linux.
 *
 * @module
 */
import { DARWIN_NUMBERS as D } from "./abi.ts";
import {
  MAP_FAILED,
  mapRange,
  type MemorySymbols,
  refusal,
  type Reservation,
} from "./address_range.ts";
import { Arena } from "./arena.ts";
import { fromDarwin } from "./darwin_errno.ts";
import { LIBSYSTEM, type LibSystem, LIBSYSTEM_PATH } from "./darwin_libc.ts";
import { errnoName } from "./errno.ts";
import { joinProcess, type PosixProcess } from "./posix_process.ts";

const FLAGS = D.MAP_PRIVATE | D.MAP_ANON | D.MAP_NORESERVE;

/** What a Darwin kernel object is made of. */
export type DarwinProcess = PosixProcess<LibSystem>;

/**
 * Open the library and reserve `bytes` for the arena.
 *
 * @throws Error when the address space is limited
 */
export function openLibSystem(bytes: number): DarwinProcess {
  return joinProcess(
    Deno.dlopen(LIBSYSTEM_PATH, LIBSYSTEM),
    (libc) => libc.__error(),
    (libc, errno) => reserveDarwin(libc, errno, bytes),
  );
}

/**
 * Map `bytes` for an arena, and tell how to unmap them.
 *
 * @throws Error when the address space is limited
 */
export function reserveDarwin(
  c: MemorySymbols,
  errno: Int32Array,
  bytes: number,
): Reservation {
  const size = BigInt(bytes), start = mapRange(c, size, D.PROT_READ_WRITE, FLAGS);
  if (start === undefined) throw new Error(refusal(bytes, "frames"));
  const pointer = Deno.UnsafePointer.create(start)!;
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
  const discard = (at: number, length: number) => {
    const address = start + BigInt(at);
    const flags = FLAGS | D.MAP_FIXED;
    if (c.mmap(address, BigInt(length), D.PROT_READ_WRITE, flags, -1, 0n) < MAP_FAILED) return;
    const why = errnoName(fromDarwin(errno[0]));
    throw new Error(
      `Cannot map ${length} bytes of the arena anew (${why}): they would be no zeros`,
    );
  };
  const arena = new Arena(buffer, Number(start >> 32n), discard);
  return { arena, release: () => void c.munmap(start, size) };
}
