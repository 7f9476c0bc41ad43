/**
 * Darwin's error numbers, translated at the seam: see errno.ts.
 *
 * Up to 34 both systems count as Unix did (but for EDEADLK and EAGAIN); after that they part. A number that is not
 * here, or 0 after a failed call, becomes one that no call can have, and callers try again.
 *
 * @module
 */
import { Errno } from "./errno.ts";

/** For an errno that reads 0 after a failed call, or that we do not know. */
const UNKNOWN_ERROR = 999;

/** Darwin's numbers of the errors the switch meets (xnu bsd/sys/errno.h). */
export const DARWIN_ERRNO: Readonly<Record<keyof typeof Errno, number>> = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  ENOTDIR: 20,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  EAGAIN: 35,
  ENOTSOCK: 38,
  EDESTADDRREQ: 39,
  EMSGSIZE: 40,
  EPROTOTYPE: 41,
  ENOPROTOOPT: 42,
  EADDRINUSE: 48,
  ENETDOWN: 50,
  ECONNABORTED: 53,
  ECONNRESET: 54,
  ENOBUFS: 55,
  EISCONN: 56,
  ENOTCONN: 57,
  ESHUTDOWN: 58,
  ETIMEDOUT: 60,
  ECONNREFUSED: 61,
  ELOOP: 62,
  ENAMETOOLONG: 63,
  ENOSYS: 78,
  EPROTO: 100,
  EOPNOTSUPP: 102,
};

const linux = new Int16Array(128).fill(UNKNOWN_ERROR);
for (const name of Object.keys(DARWIN_ERRNO) as (keyof typeof Errno)[]) {
  linux[DARWIN_ERRNO[name]] = Errno[name];
}

/** Linux's number of an error of Darwin's; 999 for one that is not known. */
export function fromDarwin(errno: number): number {
  return errno > 0 && errno < linux.length ? linux[errno] : UNKNOWN_ERROR;
}
