/**
 * Lies about ends: of streams, of processes, and of descriptors that came with a message.
 *
 * @module
 */
import { Errno } from "../../../src/platform/errno.ts";
import { instead, type Lies, pass } from "./lie.ts";

/** See the head of this file. */
export const END_LIES: Lies = {
  hangup: [
    [
      "reading never ends",
      (real) => ({ read: (fd, at, length) => real.read(fd, at, length) || -Errno.EAGAIN }),
      /^reading a stream's end gave EAGAIN instead of 0$/,
    ],
    [
      "reading ends once",
      (real) => {
        let ended = false;
        return {
          read: (fd, at, length) => {
            const result = real.read(fd, at, length);
            if (result !== 0 || !ended) {
              ended = result === 0;
              return result;
            }
            return -Errno.EAGAIN;
          },
        };
      },
      /^reading a stream's end again gave EAGAIN instead of 0$/,
    ],
    [
      "what was sent before is lost",
      () => ({ read: () => 0 }),
      /^1000 bytes sent before a stream's end did not arrive: 0$/,
    ],
    [
      "nobody is woken",
      (_real, kernel) => ({ wait: (us) => pass(kernel, us) }),
      /^the end of a stream was not told within 1000 ms$/,
    ],
    [
      "writing can be tried again",
      (real) => ({ write: instead(real.write, Errno.EPIPE, -Errno.EAGAIN) }),
      /^writing to a stream that has ended gave EAGAIN instead of an error that means gone$/,
    ],
    [
      "writing is taken and thrown away",
      (real) => ({ write: instead(real.write, Errno.EPIPE, 1000) }),
      /^writing to a stream that has ended gave 1000 instead of an error that means gone$/,
    ],
    [
      "bytes left unread are our fault",
      (real) => ({ read: instead(real.read, Errno.ECONNRESET, -Errno.EINVAL) }),
      /^reading a stream's end gave EINVAL instead of 0 or an error that means gone$/,
    ],
  ],
  exit: [
    [
      "a process that is not there can be watched",
      (real) => ({ watchExit: () => real.openWake() }),
      /^watching a process that is not there gave \d+ instead of ESRCH$/,
    ],
    [
      "the living are told as ended",
      (_real, kernel) => ({
        wait: () => {
          [kernel.readyToken[0], kernel.readyBits[0]] = [13, 1];
          return 1;
        },
      }),
      /^a process that lives is told as ended$/,
    ],
    [
      "nobody is told",
      (_real, kernel) => ({ wait: (us) => pass(kernel, us) }),
      /^the end of a process was not told within 2000 ms$/,
    ],
    [
      "somebody else is told",
      (real) => ({ watchExit: (pid) => real.watchExit(pid, 99) }),
      /^the token of a process gave 99 instead of 13$/,
    ],
    [
      "one that has ended cannot be told from a mistake",
      (real) => ({
        watchExit: (pid, token) => token === 14 ? -Errno.EINVAL : real.watchExit(pid, token),
      }),
      /^watching a process that has ended gave EINVAL instead of ESRCH$/,
    ],
    [
      "one that has ended is waited for",
      (real) => ({
        watchExit: (pid, token) => token === 14 ? real.openWake() : real.watchExit(pid, token),
      }),
      /^the end of a process that had ended before was not told within 2000 ms$/,
    ],
  ],
  descriptors: [
    ...[4, 1].map((kept): Lies[string][number] => [
      `${kept} of each message stay open`,
      (real) => ({
        read: (fd, at, length) => {
          for (let i = 0; i < kept; i++) real.openWake();
          return real.read(fd, at, length);
        },
      }),
      new RegExp(`^${32 * kept} of 256 descriptors that a peer sent along are still open$`),
    ]),
    [
      "those of datagrams stay open",
      (real) => ({
        receive: (fd, table, count) => {
          real.openWake();
          return real.receive(fd, table, count);
        },
      }),
      /^32 of 256 descriptors that a peer sent along are still open$/,
    ],
    [
      "some streams with descriptors go, others stay",
      (real) => {
        let reads = 0;
        return {
          read: (fd, at, length) => ++reads === 3 ? -Errno.EPROTO : real.read(fd, at, length),
        };
      },
      /^the number of messages with descriptors that were refused gave 1 instead of 32$/,
    ],
    [
      "they take the bytes with them",
      () => ({ read: () => -Errno.EAGAIN }),
      /^reading bytes with descriptors gave EAGAIN instead of 60$/,
    ],
    [
      "a socket that refuses them takes them",
      () => ({ refuseDescriptors: () => 0 }),
      /^sending descriptors to a socket that refuses them gave 1 instead of EPERM$/,
    ],
    [
      "refusing them is refused",
      () => ({ refuseDescriptors: () => -Errno.EINVAL }),
      /^asking to refuse descriptors gave EINVAL instead of 0$/,
    ],
  ],
};
