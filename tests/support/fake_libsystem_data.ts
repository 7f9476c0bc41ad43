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
import { FakeRights } from "./fake_rights.ts";
import { type FakeSocket, type Message, Refused } from "./fake_socket.ts";

const MSG_DONTWAIT = 0x80, MSG_NBIO = 0x20000, MSG_TRUNC = 0x10;
/** Bytes of struct msghdr_x, and where the length of a datagram lies in it. */
const MSGHDR_X = 56, DATALEN = 48;
/** Where struct msghdr has the length of the name, and the flags. */
const NAMELEN = 8, FLAGS = 44;
/** sendmsg_x tells these only when nothing was sent. */
const MASKED: number[] = [Errno.EINTR, Errno.EAGAIN, Errno.ENOBUFS, Errno.EMSGSIZE];

/** A datagram that recvmsg_x has taken, and what came along with it. */
interface Came {
  readonly fds: readonly number[];
  readonly datagram: Message;
}

/** See the head of this file. */
export function libSystemData(context: LibContext) {
  const { machine, memory, call } = context;
  const { sockets, files } = machine, rights = new FakeRights(machine, memory);

  /** Send one message; `bytes` were copied from it before. */
  const sendOne = (socket: FakeSocket, message: Msghdr, bytes: Uint8Array) => {
    const path = message.name > 0 && message.nameLength > 0
      ? memory.sockaddr(message.name, message.nameLength)
      : undefined;
    return sockets.send(socket, bytes, path && (() => files.find(path, SocketType.DGRAM)));
  };
  /** Store one datagram that was taken from its queue; returns the bytes stored. */
  const store = (message: Msghdr, { bytes, address, nameless }: Message) => {
    const stored = memory.scatter(message, bytes);
    if (nameless) memory.view.setInt32(message.at + NAMELEN, 0, true);
    else memory.storeName(message, address);
    return stored;
  };
  const receiveOne = (socket: FakeSocket, message: Msghdr) => {
    const fds = rights.open(socket.queue[0]);
    const datagram = sockets.receive(socket), stored = store(message, datagram);
    rights.tell(message, fds);
    if (stored < datagram.bytes.length) {
      const flags = memory.view.getInt32(message.at + FLAGS, true);
      memory.view.setInt32(message.at + FLAGS, flags | MSG_TRUNC, true);
    }
    return stored;
  };
  /** As recv(2) on a stream, which ends in front of a message with descriptors. */
  const readStream = (socket: FakeSocket, message: Msghdr, limit: number) => {
    const first = socket.queue[0];
    const fds = rights.open(first?.taken === 0 ? first : undefined);
    const got = sockets.read(socket, message.pieces[0].subarray(0, limit));
    rights.tell(message, fds);
    return got;
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
    recvmsg(fd: number, header: bigint, flags: number): number {
      const open = machine.table.find(fd);
      const stream = open?.kind === "socket" && open.socket.type === SocketType.STREAM;
      const name = stream ? "read" : machine.oneByOne ? "receive" : "receiveFrom";
      return call(name, fd, (limit) => {
        const message = memory.message(header), socket = socketAt(context, fd);
        memory.view.setInt32(message.at + FLAGS, flags, true); // and it stays there
        return stream ? readStream(socket, message, limit) : receiveOne(socket, message);
      });
    },
    sendmsg(fd: number, header: bigint, _flags: number): number {
      const open = machine.table.find(fd);
      const stream = open?.kind === "socket" && open.socket.type === SocketType.STREAM;
      return call(stream ? "write" : "send", fd, (limit) => {
        const socket = socketAt(context, fd), message = memory.message(header);
        const bytes = memory.gather(message);
        if (limit === 0) throw new Refused(stream ? Errno.EAGAIN : Errno.ENOBUFS);
        const along = rights.take(message);
        const sent = stream
          ? mustNotBlock(fd, attempt(() => sockets.write(socket, bytes.subarray(0, limit))))
          : sendOne(socket, message, bytes);
        if (along.length > 0) socket.peer?.queue.at(-1)?.passed.push(...along);
        return sent;
      });
    },
    recvmsg_x: (fd: number, headers: bigint, count: number, flags: number) =>
      call("receive", fd, (limit) => {
        if ((flags & ~(MSG_DONTWAIT | MSG_NBIO)) !== 0 || count === 0 || count > 1024) {
          throw new Refused(Errno.EINVAL);
        }
        const socket = socketAt(context, fd, SocketType.DGRAM);
        const messages = headersOf(headers, count), came: Came[] = [];
        // Older kernels, and those told not to truncate, want to find no flags.
        if (messages.some(({ at }) => memory.view.getInt32(at + FLAGS, true) !== 0)) {
          throw new Refused(Errno.EINVAL);
        }
        const n = prefix(Math.min(count, limit, 256), (i) => {
          // A pending error is looked at only when nothing lies there at the start.
          if (i > 0 && socket.queue.length === 0) throw new Refused(Errno.EAGAIN);
          const fds = rights.open(socket.queue[0]);
          came.push({ fds, datagram: sockets.receive(socket) });
        }, [Errno.EAGAIN]);
        // Names and descriptors come in lists of their own, which know nothing of messages that have none.
        const names = came.filter(({ datagram }) => !datagram.nameless);
        const passed = came.filter(({ fds }) => fds.length > 0);
        came.forEach(({ datagram }, i) => {
          const { address = datagram.address, nameless = true } = names[i] === undefined
            ? {}
            : { address: names[i].datagram.address, nameless: false };
          const stored = store(messages[i], { ...datagram, address, nameless });
          rights.tell(messages[i], passed[i]?.fds ?? []); // never MSG_TRUNC
          memory.view.setBigUint64(messages[i].at + DATALEN, BigInt(stored), true);
        });
        return n;
      }),
    sendmsg_x: (fd: number, headers: bigint, count: number, flags: number) =>
      call("send", fd, (limit) => {
        if ((flags & ~(MSG_DONTWAIT | MSG_NBIO)) !== 0) throw new Refused(Errno.EINVAL);
        const socket = socketAt(context, fd, SocketType.DGRAM);
        // All are copied before the first is tried.
        const messages = headersOf(headers, count).map((message) => {
          const bytes = memory.gather(message);
          if (bytes.length === 0) throw new Refused(Errno.EINVAL); // mbuf_allocpacket
          machine.copied += bytes.length;
          return { message, bytes };
        });
        const sum = messages.reduce((sum, { bytes }) => sum + bytes.length, 0);
        if (machine.sumsUp && sum > socket.sendLimit) throw new Refused(Errno.EMSGSIZE);
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
