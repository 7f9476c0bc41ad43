/**
 * The C library's functions as Deno's FFI wants them.
 *
 * Three rules, each measured (ns a call on V8 15): results are `i32`, since a 64-bit result is a fresh
 * BigInt and may let other code run before errno is read (3 against 10); addresses are `u64` parameters
 * fed with BigInts made once (3 against 14 for a fresh one and 55 for a number, which leaves the fast
 * path); nothing is `nonblocking`, since such a call runs on another thread and leaves its errno there.
 *
 * @module
 */
import { POSIX } from "./posix_libc.ts";

/** Functions of libc.so.6 the Linux kernel file calls. */
export const LIBC = {
  ...POSIX,
  __errno_location: { parameters: [], result: "pointer" },
  // memory
  mmap: { parameters: ["u64", "u64", "i32", "i32", "i32", "i64"], result: "u64" },
  munmap: { parameters: ["u64", "u64"], result: "i32" },
  madvise: { parameters: ["u64", "u64", "i32"], result: "i32" },
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // not fstat: a glibc before 2.33 has no such symbol
  statx: { parameters: ["i32", "buffer", "i32", "u32", "u64"], result: "i32" },
  // sockets
  accept4: { parameters: ["i32", "u64", "u64", "i32"], result: "i32" },
  // descriptors
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  closeAddress: { name: "close", type: "pointer" },
  // files
  umask: { parameters: ["u32"], result: "u32" },
  // data
  recv: { parameters: ["i32", "u64", "u64", "i32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "u64", "u32", "i32", "u64"], result: "i32" },
  sendmmsg: { parameters: ["i32", "u64", "u32", "i32"], result: "i32" },
  // readiness
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "u64"], result: "i32" },
  epoll_wait: { parameters: ["i32", "u64", "i32", "i32"], result: "i32" },
  // glibc 2.35, Linux 5.11: the only wait with a resolution below a millisecond
  epoll_pwait2: { parameters: ["i32", "u64", "i32", "u64", "u64"], result: "i32", optional: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  eventfd_read: { parameters: ["i32", "u64"], result: "i32" },
  eventfd_write: { parameters: ["i32", "u64"], result: "i32" },
  // threads, of which errors are results; part of libc.so.6 since glibc 2.34
  pthread_create: {
    parameters: ["buffer", "pointer", "pointer", "u64"],
    result: "i32",
    optional: true,
  },
  pthread_tryjoin_np: { parameters: ["u64", "u64"], result: "i32", optional: true },
  pthread_detach: { parameters: ["u64"], result: "i32", optional: true },
  // io_setup and io_destroy, and pidfd_open: glibc has no wrapper for it before 2.36
  syscall: { parameters: ["i64", "i64", "i64"], result: "i32" },
  // no wrappers at all (libaio has them); the first parameter is the call's number
  io_submit: { name: "syscall", parameters: ["i64", "u64", "i64", "u64"], result: "i32" },
  io_getevents: {
    name: "syscall",
    parameters: ["i64", "u64", "i64", "i64", "u64", "u64"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
