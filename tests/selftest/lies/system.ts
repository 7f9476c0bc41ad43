/**
 * Lies about structures, numbers and time.
 *
 * @module
 */
import { Errno } from "../../../src/platform/errno.ts";
import type { Lies } from "./lie.ts";

/** See the head of this file. */
export const SYSTEM_LIES: Lies = {
  layouts: [
    [
      "another option is read for SO_TYPE",
      () => ({ socketType: () => 2 }),
      /^SO_TYPE of a socket of type 1 gave 2 instead of 1$/,
    ],
    ["everybody has a peer", () => ({ isConnected: () => 1 }), /^getpeername gave 1 instead of 0$/],
    [
      "everybody listens",
      () => ({ isListening: () => 1 }),
      /^SO_ACCEPTCONN of a socket that does not listen gave 1/,
    ],
    [
      "the mode of a socket file is too wide",
      (real) => ({ bind: (fd, path) => real.bind(fd, path, 0o755) }),
      /^a socket file has the mode 755 instead of 600$/,
    ],
    [
      "an address lies a byte further",
      (real, kernel) => ({
        receiveFrom: (fd, at, length) => {
          const result = real.receiveFrom(fd, at, length);
          kernel.sender = { ...kernel.sender, address: kernel.sender.address.slice(1) };
          return result;
        },
      }),
      /^the sender of a single datagram is told as "tmp\/a", it was bound as "\/tmp\/a"$/,
    ],
    [
      "an address received in bulk is cut",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (table.names > 0) table.setName(0, table.nameStart(0), table.nameLength(0) - 3);
          return result;
        },
      }),
      /^the sender of a datagram received in bulk is told as/,
    ],
    [
      "getsockname tells something else",
      () => ({ ownAddress: () => new Uint8Array(2) }),
      /^the socket's own address is told as/,
    ],
    [
      "longer paths are taken than is said",
      (real) => ({ bind: (fd, path, mode) => path.includes("c") ? 0 : real.bind(fd, path, mode) }),
      /^binding a path that is too long gave 0 instead of ENAMETOOLONG$/,
    ],
  ],
  nonblocking: [
    ["an empty stream has ended", () => ({ read: () => 0 }), /^reading a stream pair .* gave 0/],
    [
      "accept fails",
      () => ({ accept: () => -Errno.EBADF }),
      /^accepting when nobody has come gave EBADF instead of EAGAIN$/,
    ],
    [
      "a stream takes everything",
      () => ({ write: (_fd, vector) => vector.length(0) }),
      /^a stream pair took \d+ bytes that nobody reads, and never was full$/,
    ],
    [
      "a full stream is broken",
      (real) => ({
        write: (fd, vector, count) => {
          const result = real.write(fd, vector, count);
          return result < 0 ? -Errno.EPIPE : result;
        },
      }),
      /^writing to a stream pair gave EPIPE$/,
    ],
    [
      "the flag was not set",
      () => ({ isNonBlocking: () => 0 }),
      /^F_GETFL of a datagram pair \(1: non-blocking\) gave 0 instead of 1$/,
    ],
  ],
  errno: [
    [
      "a number is that of another system",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          return result === -Errno.EAGAIN ? -35 : result;
        },
      }),
      /^receiving where nothing waits gave errno 35 instead of EAGAIN; so did 20000 of 120000 calls$/,
    ],
    [
      "a number is one that the call may have elsewhere",
      () => ({ connect: () => -Errno.ENAMETOOLONG }),
      /^connecting to a path that is not there gave ENAMETOOLONG instead of ENOENT; so did 20000 /,
    ],
    [
      "a number means something else",
      () => ({ close: () => -Errno.EINVAL }),
      /^closing a descriptor that is not open gave EINVAL instead of EBADF$/,
    ],
    ["a call that must fail succeeds", () => ({ unlink: () => 0 }), /^removing .* gave 0 instead/],
  ],
  timer: [
    [
      "sleeps end at once",
      (real) => ({ wait: () => real.wait(0) }),
      /^a sleep of 50 us ended after \d+ us$/,
    ],
    ["a sleep finds something", () => ({ wait: () => 1 }), /^a sleep with nothing to wait for/],
  ],
  wake: [
    ["calls are not heard", () => ({ wake: () => 0 }), /was not heard within [15] s$/],
    [
      "a call is counted twice",
      (real) => ({ takeWakes: (fd) => 2 * real.takeWakes(fd) }),
      /^the count of a wake counter that was called once gave 2 instead of 1$/,
    ],
  ],
};
