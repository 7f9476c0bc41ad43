/**
 * The functions that libc and libSystem have in common, name and parameters alike. The rules of libc.ts hold.
 *
 * @module
 */

/** See the head of this file. */
export const POSIX = {
  // sockets
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "u64", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "u64", "u32"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "u64"], result: "i32" },
  getsockname: { parameters: ["i32", "u64", "u64"], result: "i32" },
  getpeername: { parameters: ["i32", "u64", "u64"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "u64", "u64"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "u64", "u32"], result: "i32" },
  // descriptors
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  getrlimit: { parameters: ["i32", "u64"], result: "i32" },
  setrlimit: { parameters: ["i32", "u64"], result: "i32" },
  // files
  unlink: { parameters: ["buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  rename: { parameters: ["buffer", "buffer"], result: "i32" },
  lchown: { parameters: ["buffer", "u32", "u32"], result: "i32" },
  // data
  recvmsg: { parameters: ["i32", "u64", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "u64", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What both kernels may call: these, and two that the libraries declare each in its own way. */
export type PosixSymbols = Deno.DynamicLibrary<typeof POSIX>["symbols"] & {
  umask(mask: number): number;
  fcntl(fd: number, command: number, argument: bigint): number;
};
