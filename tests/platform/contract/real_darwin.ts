/**
 * What of the real kernel's surroundings is macOS's: what /proc tells on Linux is asked of libSystem.
 *
 * THIS HAS NOT RUN ON A MAC YET. It is written from xnu's sources; what can be tried elsewhere is, in
 * tests/platform/real_darwin_test.ts. Whoever has a Mac runs `deno task test tests/platform`.
 *
 * What it checks less well than Linux's world: a descriptor is told by its number and kind, not by an identity, so one
 * that was left open under the number of another of its kind is not seen. And one that the runtime opened for itself
 * during a case, and kept, is taken for one of ours.
 *
 * @module
 */
import { type BulkChoice, DarwinKernel } from "../../../src/platform/darwin.ts";
import { openLibSystem } from "../../../src/platform/darwin_memory.ts";
import type { Kernel } from "../../../src/platform/kernel.ts";
import { LAUNCHER, openRealWorld, type System } from "./real_world.ts";
import { DARWIN_HABITS, type World } from "./world.ts";

/** None of them is variadic: see src/platform/darwin_libc.ts. */
const CALLS = {
  ...LAUNCHER,
  __fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  sysctlbyname: {
    parameters: ["buffer", "buffer", "buffer", "pointer", "usize"],
    result: "i32",
  },
  proc_pidinfo: { parameters: ["i32", "i32", "u64", "buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions that are called, or a test's. */
export type Calls = Deno.DynamicLibrary<typeof CALLS>["symbols"];

const F_GETFD = 1, F_GETFL = 3, FD_CLOEXEC = 1, O_NONBLOCK = 4;
const RLIMIT_NOFILE = 8;
/** What the switch has for a limit that is none: its results are 32-bit numbers. */
const NO_LIMIT = 0x7fff_ffff;
/** proc_info.h: a list of struct proc_fdinfo, two words each, the number and the kind. */
const PROC_PIDLISTFDS = 1, WORDS = 2, MOST = 16_384;
/** PROX_FDTYPE_* of what a kernel object makes. */
const KINDS: Readonly<Record<number, string>> = { 2: "socket", 5: "kqueue", 6: "pipe" };
const ARENA_BYTES = 64 << 20;

/** The Mac this runs on, with sendmsg_x and recvmsg_x or without. */
export function openRealDarwin(bulk: BulkChoice): World {
  const library = Deno.dlopen("/usr/lib/libSystem.B.dylib", CALLS);
  const open = () => new DarwinKernel(openLibSystem(ARENA_BYTES), bulk);
  return openRealWorld(darwinSystem(library.symbols, open, () => library.close()));
}

/** A Mac as these functions tell of it. */
export function darwinSystem(c: Calls, open: () => Kernel, release: () => void): System {
  return {
    c,
    habits: DARWIN_HABITS,
    datagrams: 0,
    // A critical timer is not put off to spare power, but the Mac may be a virtual one.
    shortWait: 5,
    open,
    release,
    leastBuffers: (bytes) => Math.min(bytes, largestBuffer(c)),
    descriptorLimit: () => {
      const limit = new BigUint64Array(2);
      demand("getrlimit", c.getrlimit(RLIMIT_NOFILE, limit));
      return Math.min(Number(limit[0]), NO_LIMIT);
    },
    flags: (fd) => ({
      nonBlocking: (demand("F_GETFL", c.__fcntl(fd, F_GETFL, 0n)) & O_NONBLOCK) !== 0,
      closeOnExec: (demand("F_GETFD", c.__fcntl(fd, F_GETFD, 0n)) & FD_CLOEXEC) !== 0,
    }),
    descriptors: () => descriptors(c),
  };
}

/** kern.ipc.maxsockbuf, of which every socket gets as much as it asks for. */
function largestBuffer(c: Calls): number {
  const name = new TextEncoder().encode("kern.ipc.maxsockbuf\0");
  const value = new Int32Array(1), size = BigUint64Array.of(4n);
  demand("sysctlbyname", c.sysctlbyname(name, value, size, null, 0n));
  return value[0];
}

function descriptors(c: Calls): string[] {
  const list = new Int32Array(MOST * WORDS);
  const bytes = c.proc_pidinfo(Deno.pid, PROC_PIDLISTFDS, 0n, list, list.byteLength);
  if (bytes <= 0 || bytes >= list.byteLength) throw new Error("Cannot list open descriptors");
  return Array.from({ length: bytes / (4 * WORDS) }, (_, i) => i * WORDS)
    .filter((i) => list[i + 1] in KINDS)
    .map((i) => `${list[i]} ${KINDS[list[i + 1]]}`);
}

function demand(what: string, result: number): number {
  if (result < 0) throw new Error(`The test's own ${what} fails`);
  return result;
}
