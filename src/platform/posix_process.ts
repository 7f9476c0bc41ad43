/**
 * What a kernel object of either Unix is made of: its C library, this thread's errno, and the arena.
 *
 * It comes as one piece so that tests can hand over a library of theirs.
 *
 * @module
 */
import type { Reservation } from "./address_range.ts";
import type { Arena } from "./arena.ts";

/** See the head of this file. */
export interface PosixProcess<C> {
  readonly libc: C;
  readonly arena: Arena;
  /** One word: errno of this thread. */
  readonly errno: Int32Array;
  /** Unmap and unload. */
  release(): void;
}

/**
 * Join an opened library with memory; without memory it is closed again.
 *
 * @param errnoOf gives the address of errno
 * @param reserve maps the arena
 * @throws what `reserve` throws
 */
export function joinProcess<C>(
  library: { readonly symbols: C; close(): void },
  errnoOf: (libc: C) => Deno.PointerValue,
  reserve: (libc: C, errno: Int32Array) => Reservation,
): PosixProcess<C> {
  const libc = library.symbols;
  try {
    const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(errnoOf(libc)!, 4));
    const { arena, release } = reserve(libc, errno);
    return {
      libc,
      arena,
      errno,
      release: () => {
        release();
        library.close();
      },
    };
  } catch (error) {
    library.close();
    throw error;
  }
}
