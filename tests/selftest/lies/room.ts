/**
 * Lies about room: what is full, and when it is no more.
 *
 * @module
 */
import { Errno } from "../../../src/platform/errno.ts";
import type { Lies } from "./lie.ts";

/** See the head of this file. */
export const ROOM_LIES: Lies = {
  full: [
    ["nobody is ever full", () => ({ send: () => 1 }), /^200000 datagrams .* none was refused$/],
    [
      "a full peer is a dead one",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, count);
          return result < 0 ? -Errno.ECONNREFUSED : result;
        },
      }),
      /^sending to a peer that does not read gave ECONNREFUSED instead of ENOBUFS or EAGAIN$/,
    ],
    [
      "there is no way back",
      (real) => {
        let full = false;
        return {
          send: (fd, table, from, count) => {
            const result = full ? -Errno.ENOBUFS : real.send(fd, table, from, count);
            full ||= result < 0;
            return result;
          },
        };
      },
      /^a peer that was full and has read half of it was still full after 1000 ms and \d+ tries/,
    ],
    [
      "what was taken is lost",
      (real) => {
        let calls = 0;
        return {
          send: (fd, table, from, count) => ++calls === 5 ? 1 : real.send(fd, table, from, count),
        };
      },
      /^the number of a datagram gave 5 instead of 4$/,
    ],
    [
      "it is told as writable by every look",
      () => ({ wait: () => 1 }),
      /^a full peer was told as writable 4 times in a row while nothing had changed: the loop/,
    ],
  ],
  stream: [
    [
      "it is never full",
      () => ({ write: (_fd, vector) => vector.length(0) + vector.length(1) }),
      /^67108864 bytes that nobody reads were taken, and none was refused$/,
    ],
    [
      "a full one is broken",
      (real) => ({
        write: (fd, vector, count) => {
          const result = real.write(fd, vector, count);
          return result < 0 ? -Errno.EPIPE : result;
        },
      }),
      /^writing to a stream that nobody reads gave EPIPE instead of EAGAIN$/,
    ],
    [
      "a byte more is told as taken than was",
      (real) => ({
        write: (fd, vector, count) => {
          const result = real.write(fd, vector, count);
          return result > 0 && result < 200_000 ? result + 1 : result;
        },
      }),
      /^1 bytes that were taken did not arrive: EAGAIN$/,
    ],
    [
      "a byte less is told as taken than was",
      (real) => ({
        write: (fd, vector, count) => {
          const result = real.write(fd, vector, count);
          return result > 0 && result < 200_000 ? result - 1 : result;
        },
      }),
      /^byte \d+ of a stream is another than was written$/,
    ],
    [
      "bytes come that nobody wrote",
      (real) => ({
        read: (fd, at, length) => {
          const result = real.read(fd, at, length);
          return result === -Errno.EAGAIN ? 5 : result;
        },
      }),
      /^reading more than was written gave 5 instead of EAGAIN$/,
    ],
    [
      "the second piece begins too late",
      (real) => ({
        write: (fd, vector, count) => {
          vector.set(1, vector.start(1) + 1, vector.length(1));
          return real.write(fd, vector, count);
        },
      }),
      /^byte 54 of a stream is another than was written$/,
    ],
    [
      "a full one is told as writable by every look",
      () => ({ wait: () => 1 }),
      /^a full stream was told as writable 4 times in a row while nothing had changed: the loop/,
    ],
  ],
};
