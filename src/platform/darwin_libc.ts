/**
 * The functions of libSystem as Deno's FFI wants them. The rules of libc.ts hold here too.
 *
 * None of them is variadic: Apple's arm64 passes variadic arguments on the stack, where a plain call through FFI does
 * not put them, so `fcntl(fd, F_SETFL, flags)` would set garbage. `__fcntl` is the system call behind it and takes its
 * three arguments in registers (xnu libsyscall/wrappers/cancelable/fcntl-base.c). `open` is called without a mode.
 *
 * @module
 */

/** Functions of libSystem.B.dylib the Darwin kernel file calls. */
export const LIBSYSTEM = {
  __error: { parameters: [], result: "pointer" },
  // memory
  mmap: { parameters: ["u64", "u64", "i32", "i32", "i32", "i64"], result: "u64" },
  munmap: { parameters: ["u64", "u64"], result: "i32" },
  // sockets
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "u64", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept: { parameters: ["i32", "u64", "u64"], result: "i32" },
  connect: { parameters: ["i32", "u64", "u32"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "u64"], result: "i32" },
  getsockname: { parameters: ["i32", "u64", "u64"], result: "i32" },
  getpeername: { parameters: ["i32", "u64", "u64"], result: "i32" },
  getpeereid: { parameters: ["i32", "u64", "u64"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "u64", "u64"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "u64", "u32"], result: "i32" },
  // descriptors
  __fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  getrlimit: { parameters: ["i32", "u64"], result: "i32" },
  setrlimit: { parameters: ["i32", "u64"], result: "i32" },
  sysctlbyname: { parameters: ["buffer", "u64", "u64", "u64", "u64"], result: "i32" },
  // files
  umask: { parameters: ["u16"], result: "u16" },
  unlink: { parameters: ["buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  rename: { parameters: ["buffer", "buffer"], result: "i32" },
  lchown: { parameters: ["buffer", "u32", "u32"], result: "i32" },
  // data
  recv: { parameters: ["i32", "u64", "u64", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "u64", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "u64", "i32"], result: "i32" },
  // private, and so not promised: darwin_datagrams.ts looks whether they do what we think
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
