/**
 * Sending and receiving, for fake_libsystem.ts. sendmsg_x and recvmsg_x keep the rules of xnu's uipc_syscalls.c.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import type { Msghdr } from "./fake_c_memory.ts";
import { type LibContext, socketAt } from "./fake_libsystem.ts";
import { attempt } from "./fake_peers.ts";
import { type FakeSocket, Refused } from "./fake_socket.ts";

const MSG_DONTWAIT = 0x80, MSG_NBIO = 0x20000, MSG_TRUNC = 0x10;
/** Bytes of struct msghdr_x, and where the length of a datagram lies in it. */
const MSGHDR_X = 56, DATALEN = 48;
/** sendmsg_x tells these only when nothing was sent. */
const MASKED: number[] = [Errno.EINTR, Errno.EAGAIN, Errno.ENOBUFS, Errno.EMSGSIZE];

/** See the head of this file. */
export function libSystemData(context: LibContext) {
  const { machine, memory, call } = context;
  const { sockets, files } = machine;

  /** Send one message; `bytes` were copied from it before. */
  const sendOne = (socket: FakeSocket, message: Msghdr, bytes: Uint8Array) => {
    const path = message.name > 0 && message.nameLength > 0
      ? memory.sockaddr(message.name, message.nameLength)
      : undefined;
    return sockets.send(socket, bytes, path && (() => files.find(path, SocketType.DGRAM)));
  };
  /** Store one datagram; returns the bytes stored. */
  const receiveOne = (socket: FakeSocket, message: Msghdr) => {
    const { bytes, address } = sockets.receive(socket);
    const stored = memory.scatter(message, bytes);
    memory.storeName(message, address);
    return { stored, cut: stored < bytes.length };
  };
  const mustNotBlock = (fd: number, result: number) => {
    if (result === -Errno.EAGAIN && !machine.table.flags(fd).nonBlocking) {
      throw new Error(`A send on stream ${fd} blocks the switch: MSG_DONTWAIT does not help here`);
    }
    if (result < 0) throw new Refused(-result);
    return result;
  };

  /** Headers of a bulk call: all messages have as many pieces, or a kernel may write past its memory. */
  const headersOf = (headers: bigint, count: number): Msghdr[] => {
    const all = Array.from({ length: count }, (_, i) => memory.message(headers, i, MSGHDR_X));
    const counts = new Set(all.map(({ pieces }) => pieces.length));
    if (counts.size > 1) throw new Error(`A bulk call with messages of ${[...counts]} pieces`);
    return all;
  };

  return {
    recv: (fd: number, address: bigint, length: bigint, _flags: number) =>
      call("read", fd, (limit) => {
        const into = memory.bytes(address, Math.min(Number(length), limit));
        return sockets.read(socketAt(context, fd, SocketType.STREAM), into);
      }),
    recvmsg: (fd: number, header: bigint, _flags: number) =>
      call(machine.oneByOne ? "receive" : "receiveFrom", fd, () => {
        const message = memory.message(header);
        const { stored, cut } = receiveOne(socketAt(context, fd, SocketType.DGRAM), message);
        memory.view.setInt32(message.at + 44, cut ? MSG_TRUNC : 0, true);
        return stored;
      }),
    sendmsg(fd: number, header: bigint, _flags: number): number {
      const open = machine.table.find(fd);
      const stream = open?.kind === "socket" && open.socket.type === SocketType.STREAM;
      return call(stream ? "write" : "send", fd, (limit) => {
        const socket = socketAt(context, fd), message = memory.message(header);
        const bytes = memory.gather(message);
        if (limit === 0) throw new Refused(stream ? Errno.EAGAIN : Errno.ENOBUFS);
        if (!stream) return sendOne(socket, message, bytes);
        return mustNotBlock(fd, attempt(() => sockets.write(socket, bytes.subarray(0, limit))));
      });
    },
    recvmsg_x: (fd: number, headers: bigint, count: number, flags: number) =>
      call("receive", fd, (limit) => {
        if ((flags & ~(MSG_DONTWAIT | MSG_NBIO)) !== 0 || count === 0 || count > 1024) {
          throw new Refused(Errno.EINVAL);
        }
        const socket = socketAt(context, fd, SocketType.DGRAM);
        const messages = headersOf(headers, count);
        return prefix(Math.min(count, limit, 256), (i) => {
          const message = messages[i];
          const { stored } = receiveOne(socket, message);
          memory.view.setInt32(message.at + 44, 0, true); // never MSG_TRUNC
          memory.view.setBigUint64(message.at + DATALEN, BigInt(stored), true);
        });
      }),
    sendmsg_x: (fd: number, headers: bigint, count: number, flags: number) =>
      call("send", fd, (limit) => {
        if ((flags & ~(MSG_DONTWAIT | MSG_NBIO)) !== 0) throw new Refused(Errno.EINVAL);
        const socket = socketAt(context, fd, SocketType.DGRAM);
        // All are copied before the first is tried.
        const messages = headersOf(headers, count).map((message) => {
          const bytes = memory.gather(message);
          machine.copied += bytes.length;
          return { message, bytes };
        });
        return prefix(count, (i) => {
          if (i >= limit) throw new Refused(Errno.ENOBUFS);
          sendOne(socket, messages[i].message, messages[i].bytes);
        }, MASKED);
      }),
  };
}

/** Run `step` for 0, 1, ...; returns how many went well. An error counts when it is the first, or is not masked. */
function prefix(count: number, step: (i: number) => void, masked?: number[]): number {
  for (let i = 0; i < count; i++) {
    const result = attempt(() => {
      step(i);
      return 0;
    });
    if (result === 0) continue;
    if (i === 0 || (masked !== undefined && !masked.includes(-result))) throw new Refused(-result);
    return i;
  }
  return count;
}
