/**
 * Lies about datagrams: what was taken, and what came.
 *
 * @module
 */
import { Errno } from "../../../src/platform/errno.ts";
import type { Lies } from "./lie.ts";

/** See the head of this file. */
export const DATA_LIES: Lies = {
  bulk: [
    [
      "one more is told as sent than was",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, Math.max(1, count - 1));
          return result > 0 && result < count ? result + 1 : result;
        },
      }),
      /^datagram \d+ came where \d+ was due$/,
    ],
    [
      "one less is told as sent than was",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, count);
          return result > 1 ? result - 1 : result;
        },
      }),
      /^datagram \d+ came (where \d+ was due|but was not taken)$/,
    ],
    [
      "more is told as sent than there was",
      () => ({ send: (_fd, _table, _from, count) => count + 1 }),
      /^\d+ of \d+ datagrams are told as sent$/,
    ],
    [
      "datagrams are taken and thrown away",
      () => ({ send: (_fd, _table, _from, count) => count }),
      /^0 of 512 datagrams arrived, then none$/,
    ],
    [
      "lengths stand in another word",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 1) table.setReceived(1, 0);
          return result;
        },
      }),
      /^the length of datagram 1 gave 0 instead of 60$/,
    ],
    [
      "a byte is another",
      (real, kernel) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 2) kernel.arena.u8[table.vector.start(2) + 700] ^= 1;
          return result;
        },
      }),
      /^datagram \d+ came with other bytes than it was sent with$/,
    ],
    [
      "pieces behind the first are left out",
      (real) => ({
        send: (fd, table, from, count) => {
          for (let i = from; i < from + count; i++) table.setPieces(i, table.firstPiece(i), 1);
          return real.send(fd, table, from, count);
        },
      }),
      /^the length of datagram 1 gave 30 instead of 60$/,
    ],
    [
      "the middle of a table cannot be sent",
      (real) => ({ send: (fd, table, _from, count) => real.send(fd, table, 0, count) }),
      /^datagram \d+ came where \d+ was due$/,
    ],
    [
      "flags are refused",
      () => ({ send: () => -Errno.EINVAL }),
      /^sending datagrams failed with EINVAL$/,
    ],
  ],
  lengths: [
    [
      "empty datagrams are left out",
      (real) => ({
        send: (fd, table, from, count) => {
          for (let i = from; i < from + count; i++) {
            const result = table.vector.length(i) > 0 ? real.send(fd, table, i, 1) : 1;
            if (result < 0) return i > from ? i - from : result;
          }
          return count;
        },
      }),
      /^the length of empty datagrams among others \(number 2\) gave 60 instead of 0$/,
    ],
    [
      "an empty datagram ends everything",
      (real) => ({
        receive: (fd, table) => {
          const result = real.receive(fd, table, 1);
          return result > 0 && table.received(0) === 0 ? 0 : result;
        },
      }),
      /^receiving empty datagrams among others gave 0 instead of 1$/,
    ],
    [
      "the length of a cut datagram is another",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 0 && table.vector.length(0) === 32) table.setReceived(0, 0);
          return result;
        },
      }),
      /^the length of a cut datagram gave 0 instead of 32$/,
    ],
    [
      "a cut datagram costs the one behind it",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          return table.vector.length(0) === 32 ? 1 : result;
        },
      }),
      /^receiving behind a cut datagram gave EAGAIN instead of 1$/,
    ],
    [
      "the one behind a cut datagram has its length",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result === 2 && table.vector.length(0) === 32) table.setReceived(1, 60);
          return result;
        },
      }),
      /^the length behind a cut datagram gave 60 instead of 32$/,
    ],
    [
      "64 KiB are the most",
      (real) => ({
        send: (fd, table, from, count) =>
          table.vector.length(from) > 65_536 ? -Errno.EMSGSIZE : real.send(fd, table, from, count),
      }),
      /^sending the longest datagram gave EMSGSIZE instead of 1$/,
    ],
    [
      "the end of the longest datagram is missing",
      (real, kernel) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          kernel.arena.u8[table.vector.start(0) + 69_643] = 0;
          return result;
        },
      }),
      /^the last byte of the longest datagram \(number 1\) gave 0 instead of 1$/,
    ],
    [
      "what is too long is told as not now",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, count);
          return result === -Errno.EMSGSIZE ? -Errno.EAGAIN : result;
        },
      }),
      /^sending a datagram longer than the buffer gave EAGAIN instead of EMSGSIZE$/,
    ],
    [
      "what is too long is taken",
      (real) => ({
        send: (fd, table, from, count) => Math.max(1, real.send(fd, table, from, count)),
      }),
      /^sending a datagram longer than the buffer gave 1 instead of EMSGSIZE$/,
    ],
    [
      "what is too long ends everything",
      (real) => {
        let ended = 0;
        return {
          send: (fd, table, from, count) => {
            const result = ended < 0 ? ended : real.send(fd, table, from, count);
            ended = Math.min(0, result);
            return result;
          },
        };
      },
      /^sending a datagram behind one that was too long gave EMSGSIZE instead of 1$/,
    ],
  ],
};
