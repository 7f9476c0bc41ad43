/**
 * Darwin's error numbers, translated at the seam: see errno.ts.
 *
 * Up to 34 both systems count as Unix did, but for 11, which is EDEADLK on Darwin and EAGAIN on Linux; after that they
 * part. A number that is not here becomes one that no call can have, so that callers try again: MACOS_ERROR and itself,
 * for it may be told to a person, and what is a plain 93 on one system is another error on the other.
 *
 * @module
 */
import { Errno, MACOS_ERROR, UNKNOWN_ERROR } from "./errno.ts";

/** Up to here the numbers mean the same on both systems, but for one. */
const LAST_SAME = 34, EDEADLK = 11;

/** Darwin's numbers of the errors the switch meets, where they are other than Linux's (xnu bsd/sys/errno.h). */
const DARWIN_ERRNO = {
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
} as const satisfies Partial<Record<keyof typeof Errno, number>>;

/** A second number for what is one on Linux: any operation that is not supported, not only one on a socket. */
const ENOTSUP = 45;

/** Linux's numbers by Darwin's, of which the largest is 106. */
const linux = Int16Array.from({ length: 128 }, (_, n) => {
  if (n === 0) return UNKNOWN_ERROR;
  return n <= LAST_SAME && n !== EDEADLK ? n : MACOS_ERROR + n;
});
for (const name of Object.keys(DARWIN_ERRNO) as (keyof typeof DARWIN_ERRNO)[]) {
  linux[DARWIN_ERRNO[name]] = Errno[name];
}
linux[ENOTSUP] = Errno.EOPNOTSUPP;

/** Linux's number of an error of Darwin's, or one above {@linkcode MACOS_ERROR}; 999 for what is no error number. */
export function fromDarwin(errno: number): number {
  return errno > 0 && errno < linux.length ? linux[errno] : UNKNOWN_ERROR;
}
