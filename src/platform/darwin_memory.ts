/**
 * Opens libSystem and reserves the arena's address range on Darwin. The counterpart of reserve.ts.
 *
 * Darwin's madvise() does not promise zeros, and pages given back must read as such: they are mapped anew, in place,
 * which does in one step what MADV_DONTNEED does on Linux.
 *
 * @module
 */
import { DARWIN_NUMBERS as D } from "./abi.ts";
import { Arena } from "./arena.ts";
import { LIBSYSTEM, type LibSystem } from "./darwin_libc.ts";

const BOUNDARY = 1n << 32n;
const FAILED = 0xffff_ffff_ffff_ffffn;

/** What a Darwin kernel object is made of. */
export interface DarwinProcess {
  readonly libc: LibSystem;
  readonly arena: Arena;
  /** errno of this thread. */
  readonly errno: Int32Array;
  /** Unmap and unload. */
  release(): void;
}

/**
 * Open the library and map `bytes` starting on a 4 GiB boundary.
 *
 * @throws Error when the address space is limited
 */
export function openLibSystem(bytes: number): DarwinProcess {
  const library = Deno.dlopen("/usr/lib/libSystem.B.dylib", LIBSYSTEM);
  const c = library.symbols;
  const flags = D.MAP_PRIVATE | D.MAP_ANON | D.MAP_NORESERVE;
  const size = BigInt(bytes);
  const whole = c.mmap(0n, size + BOUNDARY, D.PROT_READ_WRITE, flags, -1, 0n);
  if (whole === FAILED) {
    library.close();
    const need = Math.ceil((bytes + 2 ** 32) / 2 ** 30);
    throw new Error(
      `Cannot reserve ${need} GiB of address space for frames (not memory); raise the limit with "ulimit -v unlimited"`,
    );
  }
  const start = (whole + BOUNDARY - 1n) / BOUNDARY * BOUNDARY;
  if (start > whole) c.munmap(whole, start - whole);
  const end = start + size, wholeEnd = whole + size + BOUNDARY;
  if (end < wholeEnd) c.munmap(end, wholeEnd - end);

  const pointer = Deno.UnsafePointer.create(start)!;
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
  const discard = (at: number, length: number) => {
    c.mmap(start + BigInt(at), BigInt(length), D.PROT_READ_WRITE, flags | D.MAP_FIXED, -1, 0n);
  };
  return {
    libc: c,
    arena: new Arena(buffer, Number(start >> 32n), discard),
    errno: new Int32Array(Deno.UnsafePointerView.getArrayBuffer(c.__error()!, 4)),
    release: () => {
      c.munmap(start, size);
      library.close();
    },
  };
}
