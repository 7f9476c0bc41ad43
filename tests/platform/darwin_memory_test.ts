/**
 * The arena's addresses as Darwin maps them, over the memory calls of the Linux the test runs on.
 *
 * Both systems' mmap() map zeros in place of what was there; only the flags have other numbers.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { MemorySymbols } from "../../src/platform/address_range.ts";
import { reserveDarwin } from "../../src/platform/darwin_memory.ts";
import { openLibc } from "../../src/platform/linux_calls.ts";

const linux = Deno.build.os === "linux";
const skipped = linux ? "" : ` [SKIPPED: ${Deno.build.os} is not Linux]`;
const BYTES = 1 << 24;
const FAILED = 0xffff_ffff_ffff_ffffn;
const MAP_FIXED = 0x10, MAP_NORESERVE = 0x40, MAP_ANON = 0x1000;

/** Linux's number of the flags of a mapping, which are Darwin's. */
function flagsOf(darwin: number): number {
  assertEquals(darwin & ~MAP_FIXED, 2 | MAP_NORESERVE | MAP_ANON);
  return 2 | 0x4000 | 0x20 | (darwin & MAP_FIXED);
}

/** Run a test over the calls of this system; what it sets `refuse` to is refused. */
function withMemory(
  body: (c: MemorySymbols, errno: Int32Array, script: { refuse?: "mmap" | "munmap" }) => void,
): void {
  const { libc, release } = openLibc(1 << 20, 0);
  const errno = new Int32Array(1), script: { refuse?: "mmap" | "munmap" } = {};
  const refused = (call: string) => call === script.refuse && (errno[0] = 12) > 0;
  const c: MemorySymbols = {
    mmap: (at, bytes, protection, flags, fd, offset) =>
      refused("mmap") ? FAILED : libc.mmap(at, bytes, protection, flagsOf(flags), fd, offset),
    munmap: (at, bytes) => refused("munmap") ? -1 : libc.munmap(at, bytes),
  };
  try {
    body(c, errno, script);
  } finally {
    release();
  }
}

Deno.test({
  name: "reserveDarwin() maps zeros on a boundary, and what is given back reads as zeros" + skipped,
  ignore: !linux,
  fn: () =>
    withMemory((c, errno) => {
      const { arena, release } = reserveDarwin(c, errno, BYTES);
      assertEquals(arena.address(0) % 2n ** 32n, 0n);
      const at = arena.take(1 << 20), { u8 } = arena;
      assert(u8.subarray(at, at + (1 << 20)).every((byte) => byte === 0));
      u8.fill(7, at, at + (1 << 20));
      arena.give(at);
      assert(u8.subarray(at, at + (1 << 20)).every((byte) => byte === 0));
      release();
    }),
});

Deno.test({
  name: "the arena is not used on when its pages cannot be mapped anew" + skipped,
  ignore: !linux,
  fn: () =>
    withMemory((c, errno, script) => {
      const { arena, release } = reserveDarwin(c, errno, BYTES);
      const at = arena.take(1 << 20);
      script.refuse = "mmap";
      assertThrows(
        () => arena.give(at),
        Error,
        "Cannot map 1048576 bytes of the arena anew (ENOMEM)",
      );
      release();
    }),
});

Deno.test({
  name: "reserveDarwin() tells of address space that it cannot have, or not give back" + skipped,
  ignore: !linux,
  fn: () => {
    for (
      const [refuse, message] of [
        ["mmap", "Cannot reserve 5 GiB of address space for frames (not memory)"],
        ["munmap", "Cannot unmap"],
      ] as const
    ) {
      withMemory((c, errno, script) => {
        script.refuse = refuse;
        assertThrows(() => reserveDarwin(c, errno, BYTES), Error, message);
      });
    }
  },
});
