/**
 * Error numbers, and the ONE place that judges them.
 *
 * A kernel call returns a count or file descriptor (>= 0) or a negative error number. The numbers are
 * Linux's on every system: an OS file with other numbers translates before it returns, so that no
 * caller ever asks which OS it is on.
 *
 * @module
 */

/** Error numbers the switch meets, in Linux's numbering (include/uapi/asm-generic/errno*.h). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  ENOTDIR: 20,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ELOOP: 40,
  EPROTO: 71,
  ENOTSOCK: 88,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ENETDOWN: 100,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ESHUTDOWN: 108,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
} as const;

/** For an errno that reads 0 after a failed call: a number no call can have, so callers try again. */
export const UNKNOWN_ERROR = 999;

/**
 * Added to a number of macOS's that has none of Linux's here. No call can have such a number either, so it is judged as
 * {@linkcode UNKNOWN_ERROR} is; but a person who is told of it can look it up.
 */
export const MACOS_ERROR = 1000;

const names = new Map<number, string>(Object.entries(Errno).map(([name, n]) => [n, name]));

/** The symbolic name of an error number: `errnoName(-11)` and `errnoName(11)` are `"EAGAIN"`. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  if (number > MACOS_ERROR) return `errno ${number - MACOS_ERROR} of macOS`;
  return names.get(number) ?? `errno ${number}`;
}

/**
 * What an error of a send, receive or accept means for the port it happened on.
 *
 * - `AGAIN`: the peer or the kernel has no room now; keep the frame and try later.
 * - `RETRY`: interrupted, or an error number this call cannot have (a runtime may overwrite errno
 *   between the call and our read of it, see linux_calls.ts): call again at once, a bounded number of times.
 * - `FRAME`: this one frame cannot be sent; drop it and go on with the next.
 * - `PEER`: the peer is gone; the port goes down and listens again.
 * - `BROKEN`: the descriptor or our own arguments are wrong; close the port and say so.
 */
export const Fault = { AGAIN: 0, RETRY: 1, FRAME: 2, PEER: 3, BROKEN: 4 } as const;
/** One of the {@linkcode Fault} classes. */
export type Fault = typeof Fault[keyof typeof Fault];

/** Classify a negative result of a data call (send, receive, read, write, accept). */
export function judge(result: number): Fault {
  switch (-result) {
    case Errno.EAGAIN:
    case Errno.ENOBUFS: // Darwin: a full peer; Linux: memory pressure
    case Errno.ENOMEM:
    case Errno.EMFILE:
    case Errno.ENFILE:
      return Fault.AGAIN;
    case Errno.EINTR:
      return Fault.RETRY;
    case Errno.EMSGSIZE:
      return Fault.FRAME;
    case Errno.EPIPE:
    case Errno.EPERM: // the peer has connected to someone else
    case Errno.ENOENT: // a peer addressed by path has unlinked its socket
    case Errno.ENOTDIR:
    case Errno.ELOOP:
    case Errno.EPROTO: // a message we have no room for (sharing.ts)
    case Errno.EPROTOTYPE:
    case Errno.EACCES:
    case Errno.ECONNREFUSED:
    case Errno.ECONNRESET:
    case Errno.ECONNABORTED:
    case Errno.ENOTCONN:
    case Errno.EDESTADDRREQ:
    case Errno.ESHUTDOWN:
    case Errno.ENETDOWN:
    case Errno.EIO:
    case Errno.ETIMEDOUT:
      return Fault.PEER;
    case Errno.EBADF:
    case Errno.EFAULT:
    case Errno.ENOTSOCK:
    case Errno.EINVAL:
    case Errno.EOPNOTSUPP:
      return Fault.BROKEN;
    default:
      return Fault.RETRY;
  }
}
