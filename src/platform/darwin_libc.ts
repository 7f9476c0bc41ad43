/**
 * The functions of libSystem as Deno's FFI wants them. The rules of libc.ts hold here too.
 *
 * None of them is variadic: Apple's arm64 passes variadic arguments on the stack, where a plain call through FFI does
 * not put them, so `fcntl(fd, F_SETFL, flags)` would set garbage. What is called fcntl here is `__fcntl`, the system
 * call behind it, which takes its three arguments in registers (xnu libsyscall/wrappers/cancelable/fcntl-base.c).
 * `open` is called without a mode.
 *
 * @module
 */
import { POSIX } from "./posix_libc.ts";

/** Where it is: by its whole path, or the loader looks in other folders first. It need not be a file (dyld's cache). */
export const LIBSYSTEM_PATH = "/usr/lib/libSystem.B.dylib";

/** Functions of libSystem.B.dylib the Darwin kernel file calls. */
export const LIBSYSTEM = {
  ...POSIX,
  __error: { parameters: [], result: "pointer" },
  // memory
  mmap: { parameters: ["u64", "u64", "i32", "i32", "i32", "i64"], result: "u64" },
  munmap: { parameters: ["u64", "u64"], result: "i32" },
  // sockets
  accept: { parameters: ["i32", "u64", "u64"], result: "i32" },
  getpeereid: { parameters: ["i32", "u64", "u64"], result: "i32" },
  // descriptors
  fcntl: { name: "__fcntl", parameters: ["i32", "i32", "i64"], result: "i32" },
  sysctlbyname: { parameters: ["buffer", "u64", "u64", "u64", "u64"], result: "i32" },
  // files
  umask: { parameters: ["u16"], result: "u16" },
  // data; private, and so not promised: darwin_datagrams.ts looks whether they do what we think
  recvmsg_x: { parameters: ["i32", "u64", "u32", "i32"], result: "i32", optional: true },
  sendmsg_x: { parameters: ["i32", "u64", "u32", "i32"], result: "i32", optional: true },
  // readiness
  kqueue: { parameters: [], result: "i32" },
  kevent: { parameters: ["i32", "u64", "i32", "u64", "i32", "u64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What the kernel file calls: the library's functions, or a test's that stand in for them. */
export type LibSystem = Omit<
  Deno.DynamicLibrary<typeof LIBSYSTEM>["symbols"],
  "__error" | "mmap" | "munmap"
>;
