/**
 * Struct layouts and constants of the C library, as data.
 *
 * Offsets are in bytes and from the system's headers. An OS that differs is another table, never another branch.
 *
 * What proves them: Linux's tables are compared with the C headers and with what the living kernel writes. Of
 * Darwin's the tests have a second copy, written out in a libSystem of theirs, which finds a slip of the pen and
 * nothing else; that a Mac agrees is what `vswitch self-test` looks at there (selftest/layouts.ts).
 *
 * @module
 */

/** Layouts one OS uses for its socket calls. */
export interface Abi {
  /** struct msghdr. */
  readonly message: {
    readonly size: number;
    readonly name: number;
    readonly nameLength: number;
    readonly vector: number;
    readonly vectorCount: number;
    readonly control: number;
    readonly controlLength: number;
    readonly flags: number;
  };
  /** The bulk message: struct mmsghdr, or msghdr_x on Darwin. `received` is its length field. */
  readonly bulkMessage: { readonly size: number; readonly received: number };
  /** struct cmsghdr, which begins with its length; `data`: what it carries, `socketLevel`: SOL_SOCKET. */
  readonly control: {
    readonly level: number;
    readonly type: number;
    readonly data: number;
    readonly socketLevel: number;
  };
  /** struct sockaddr_un: where the family and the path lie, and the largest path. */
  readonly socketAddress: {
    readonly size: number;
    readonly family: number;
    readonly familyBytes: number;
    readonly path: number;
    readonly pathLimit: number;
  };
  /** A name that begins with NUL is a name of its own (unix(7)); elsewhere that is how a socket without one is told. */
  readonly abstractNames: boolean;
}

/** Linux on x86-64 and arm64 (include/linux/socket.h, include/uapi/linux/un.h). */
export const LINUX: Abi = {
  message: {
    size: 56,
    name: 0,
    nameLength: 8,
    vector: 16,
    vectorCount: 24,
    control: 32,
    controlLength: 40,
    flags: 48,
  },
  bulkMessage: { size: 64, received: 56 },
  control: { level: 8, type: 12, data: 16, socketLevel: 1 },
  socketAddress: { size: 110, family: 0, familyBytes: 2, path: 2, pathLimit: 107 },
  abstractNames: true,
};

/**
 * Darwin on arm64 and x86-64 (xnu bsd/sys/socket.h, socket_private.h: msghdr_x, un.h).
 *
 * The kernel fills in sun_len itself (getsockaddr), and would take longer paths than 103 bytes; the peers would not.
 */
export const DARWIN: Abi = {
  message: {
    size: 48,
    name: 0,
    nameLength: 8,
    vector: 16,
    vectorCount: 24,
    control: 32,
    controlLength: 40,
    flags: 44,
  },
  bulkMessage: { size: 56, received: 48 },
  control: { level: 4, type: 8, data: 12, socketLevel: 0xffff },
  socketAddress: { size: 106, family: 1, familyBytes: 1, path: 2, pathLimit: 103 },
  abstractNames: false,
};

/** Constants that both systems have under one name, each with a number of its own. */
export interface PosixNumbers {
  readonly O_NONBLOCK: number;
  readonly O_DIRECTORY: number;
  readonly O_CLOEXEC: number;
  readonly SOL_SOCKET: number;
  readonly SO_TYPE: number;
  readonly SO_ACCEPTCONN: number;
  readonly SO_SNDBUF: number;
  readonly SO_RCVBUF: number;
  readonly MSG_DONTWAIT: number;
  readonly RLIMIT_NOFILE: number;
}

/** Constants of Linux (include/uapi/asm-generic, linux; O_DIRECTORY also in arch/arm64). */
export const LINUX_NUMBERS: PosixNumbers = {
  O_NONBLOCK: 0x800,
  O_DIRECTORY: Deno.build.arch === "x86_64" ? 0x1_0000 : 0x4000,
  O_CLOEXEC: 0x8_0000,
  SOL_SOCKET: 1,
  SO_TYPE: 3,
  SO_ACCEPTCONN: 30,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  MSG_DONTWAIT: 0x40,
  RLIMIT_NOFILE: 7,
};

/** struct kevent of Darwin: 32 bytes without padding (xnu bsd/sys/event.h). */
export const KEVENT = { size: 32, ident: 0, filter: 8, flags: 10, fflags: 12, data: 16, udata: 24 };

/** Constants of Darwin that differ from Linux's or that Linux has not (xnu bsd/sys). */
export const DARWIN_NUMBERS = {
  // fcntl.h
  F_GETFD: 1,
  F_SETFD: 2,
  F_SETFL: 4,
  FD_CLOEXEC: 1,
  O_NONBLOCK: 0x4,
  O_DIRECTORY: 0x10_0000,
  O_CLOEXEC: 0x100_0000,
  // socket.h, un.h
  SOL_SOCKET: 0xffff,
  SO_ACCEPTCONN: 0x2,
  SO_SNDBUF: 0x1001,
  SO_RCVBUF: 0x1002,
  SO_TYPE: 0x1008,
  SO_NOSIGPIPE: 0x1022,
  SOL_LOCAL: 0,
  LOCAL_PEERPID: 2,
  MSG_DONTWAIT: 0x80,
  // resource.h
  RLIMIT_NOFILE: 8,
  // event.h
  EVFILT_READ: -1,
  EVFILT_WRITE: -2,
  EVFILT_PROC: -5,
  EVFILT_TIMER: -7,
  EVFILT_USER: -10,
  EV_ADD: 0x1,
  EV_DELETE: 0x2,
  EV_ONESHOT: 0x10,
  EV_CLEAR: 0x20,
  EV_EOF: 0x8000,
  NOTE_TRIGGER: 0x100_0000,
  NOTE_EXIT: 0x8000_0000,
  NOTE_USECONDS: 0x2,
  NOTE_CRITICAL: 0x20,
  // mman.h
  PROT_READ_WRITE: 3,
  MAP_PRIVATE: 0x2,
  MAP_FIXED: 0x10,
  MAP_NORESERVE: 0x40,
  MAP_ANON: 0x1000,
} as const satisfies PosixNumbers & Record<string, number>;
