/**
 * Lies about datagram peers: who is heard, and what is left of those that have gone.
 *
 * @module
 */
import { Errno, errnoName } from "../../../src/platform/errno.ts";
import { instead, type Lies } from "./lie.ts";

/** See the head of this file. */
export const PEER_LIES: Lies = {
  strangers: [
    [
      "strangers are turned away where all are said to be heard",
      () => ({ turnsAway: false }),
      /^a stranger's datagram \(early\) is to be heard, and gave EPERM$/,
    ],
    [
      "strangers are told that nobody is there",
      (real) => ({
        send: (fd, table, from, count) => {
          const result = real.send(fd, table, from, count);
          return result === -Errno.EPERM ? -Errno.ECONNREFUSED : result;
        },
      }),
      /^sending a stranger's datagram \(early\) gave ECONNREFUSED instead of EPERM$/,
    ],
    [
      "strangers who connect are told something else",
      (real) => ({
        connect: (fd, address) => {
          const result = real.connect(fd, address);
          return result === -Errno.EPERM ? -Errno.EISCONN : result;
        },
      }),
      /^sending a stranger's datagram \(late\) gave EISCONN instead of EPERM$/,
    ],
    [
      "what is refused is heard all the same",
      (real, kernel) => {
        let port = -1;
        const vm = new TextEncoder().encode("/tmp/vm");
        return {
          bind: (fd, path, mode) => {
            if (path.endsWith("port")) port = fd;
            return real.bind(fd, path, mode);
          },
          send: (fd, table, from, count) => {
            const result = real.send(fd, table, from, count);
            if (result !== -Errno.EPERM) return result;
            kernel.disconnect(port);
            real.send(fd, table, from, count);
            kernel.connect(port, vm);
            return result;
          },
        };
      },
      /^the content of the peer's datagram \(vm\) gave 1 instead of 3$/,
    ],
    [
      "nobody is heard",
      () => ({ receive: () => -Errno.EAGAIN }),
      /^receiving the peer's datagram \(vm\) gave EAGAIN instead of 1$/,
    ],
    [
      "the peer is told by another name",
      (real) => ({
        receive: (fd, table, count) => {
          const result = real.receive(fd, table, count);
          if (result > 0) table.setName(0, table.nameStart(0), table.nameLength(0) - 2);
          return result;
        },
      }),
      /^the peer's datagram is told as from "\/tmp\/v", not "\/tmp\/vm"$/,
    ],
    [
      "everybody is heard twice",
      (real) => ({ receive: (fd, table, count) => Math.abs(real.receive(fd, table, count)) }),
      /^receiving when everybody was heard gave 11 instead of EAGAIN$/,
    ],
    [
      "an association is not dissolved",
      () => ({ disconnect: () => 0 }),
      /^a stranger's datagram \(again\) is to be heard, and gave EPERM$/,
    ],
  ],
  end: [
    ...[Errno.EAGAIN, Errno.ENOBUFS, Errno.EINVAL].map((errno): Lies[string][number] => [
      `the first send gives ${errnoName(errno)}`,
      (real) => ({ send: instead(real.send, Errno.ECONNREFUSED, -errno) }),
      new RegExp(`^send 1 to the other end of a pair that had gone gave ${errnoName(errno)} inst`),
    ]),
    ...[Errno.EAGAIN, Errno.ENOBUFS, Errno.EINVAL, 999].map((errno): Lies[string][number] => [
      `later sends give ${errnoName(errno)}`,
      (real) => ({ send: instead(real.send, Errno.ENOTCONN, -errno) }),
      new RegExp(`^send 2 to the other end of a pair that had gone gave ${errnoName(errno)} inst`),
    ]),
    [
      "what is sent is taken and thrown away",
      (real) => ({ send: instead(real.send, Errno.ENOTCONN, 1) }),
      /^send 2 to the other end of a pair that had gone gave 1 instead of an error that means gone$/,
    ],
    [
      "what it had sent is lost",
      () => ({ receive: () => -Errno.EAGAIN }),
      /^receiving what the other end of a pair had sent before it went gave EAGAIN instead of 0$/,
    ],
    [
      "its socket is readable for ever",
      () => ({ wait: () => 1 }),
      /^a socket was told as readable, when the other end of a pair had gone, 4 times in a row/,
    ],
    [
      "it goes on sending",
      (real) => ({ wait: () => 1, receive: instead(real.receive, Errno.EAGAIN, 1) }),
      /^the other end of a pair that had gone has sent something$/,
    ],
    [
      "receiving is our fault then",
      (real) => ({ receive: instead(real.receive, Errno.EAGAIN, -Errno.EINVAL) }),
      /^receiving when the other end of a pair had gone gave EINVAL$/,
    ],
    [
      "the socket stays connected",
      () => ({ isConnected: () => 1 }),
      /^getpeername when sending had told that the other end of a pair had gone gave 1 instead of 0$/,
    ],
    [
      "nobody can be connected to any more",
      (real) => {
        let unlinked = false;
        return {
          unlink: (path) => {
            unlinked = true;
            return real.unlink(path);
          },
          connect: (fd, address) => unlinked ? -Errno.EISCONN : real.connect(fd, address),
        };
      },
      /^cannot connect to a path: EISCONN$/,
    ],
    [
      "its successor is not connected to",
      (real) => {
        let unlinked = false;
        return {
          unlink: (path) => {
            unlinked = true;
            return real.unlink(path);
          },
          connect: (fd, address) => unlinked ? 0 : real.connect(fd, address),
        };
      },
      /^sending a datagram to the successor of a peer that had gone gave ENOTCONN instead of 1$/,
    ],
  ],
};
