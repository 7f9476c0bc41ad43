/**
 * socket(2), bind(2), listen(2), accept(2), connect(2), and the options of a socket, for fake_libsystem.ts.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { listenDarwin, newDarwinSocket } from "./fake_darwin_sockets.ts";
import { type LibContext, socketAt } from "./fake_libsystem.ts";
import { type FakeSocket, Refused } from "./fake_socket.ts";

const SOL_SOCKET = 0xffff, SOL_LOCAL = 0;
const SO_ACCEPTCONN = 0x2, SO_SNDBUF = 0x1001, SO_RCVBUF = 0x1002, SO_TYPE = 0x1008;
const SO_NOSIGPIPE = 0x1022, LOCAL_PEERPID = 2;

const FULL: number[] = [Errno.EMFILE, Errno.ENFILE];

/** A descriptor of ours as Darwin makes it: it blocks, and stays open across exec. */
const RAW = { nonBlocking: false, closeOnExec: false };

/** See the head of this file. */
export function libSystemSockets(context: LibContext) {
  const { machine, memory, call } = context;
  const { table, files, sockets } = machine;
  const add = (socket: FakeSocket, flags = RAW) =>
    table.add({ kind: "socket", socket }, { ...flags });
  const decode = (path: Uint8Array) => new TextDecoder().decode(path);
  return {
    ...options(context),
    socket: (family: number, type: number, _protocol: number) =>
      call("socket", -1, () => {
        if (family !== 1 || (type !== 1 && type !== 2)) throw new Refused(Errno.EPROTOTYPE);
        return add(newDarwinSocket(type, machine.process_));
      }),
    socketpair: (_family: number, type: number, _protocol: number, into: bigint) =>
      call("socketPair", -1, () => {
        const a = newDarwinSocket(type, machine.process_);
        const b = newDarwinSocket(type, machine.process_);
        sockets.join(a, b);
        memory.setI32(into, add(a));
        memory.setI32(into + 4n, add(b));
        return 0;
      }),
    bind: (fd: number, address: bigint, length: number) =>
      call("bind", fd, () => {
        const socket = socketAt(context, fd);
        const path = memory.sockaddr(memory.at(address, length), length);
        if (path === undefined) throw new Refused(Errno.EINVAL);
        // A link is followed, and a dangling one creates the socket where it leads.
        const target = new TextEncoder().encode(files.follow(decode(path)));
        const bound = files.bind(socket, target, 0o777 & ~machine.umask);
        socket.address = path.slice();
        return bound;
      }),
    listen: (fd: number, backlog: number) =>
      call("listen", fd, () => listenDarwin(socketAt(context, fd), backlog)),
    accept(fd: number): number {
      const result = call("accept", fd, () => accept(context, fd));
      // Out of descriptors it drops the client: nobody would take it from the queue.
      if (result < 0 && FULL.includes(-machine.lastResult)) {
        const dropped = socketAt(context, fd).pending.shift();
        if (dropped !== undefined) sockets.close(dropped);
      }
      return result;
    },
    connect(fd: number, address: bigint, length: number): number {
      const nobody = length >= 2 && memory.view.getUint8(memory.at(address) + 1) === 0;
      return call(nobody ? "disconnect" : "connect", fd, () => {
        const socket = socketAt(context, fd);
        if (socket.type === SocketType.STREAM) {
          if (socket.peer !== undefined) throw new Refused(Errno.EISCONN);
        } else sockets.disconnect(socket);
        const path = memory.sockaddr(memory.at(address, length), length);
        if (path === undefined) throw new Refused(Errno.EINVAL);
        const found = files.stat(files.follow(decode(path)));
        if (found !== undefined && found.kind !== "socket") throw new Refused(Errno.ENOTSOCK);
        const to = files.find(path, socket.type);
        return socket.type === SocketType.STREAM
          ? sockets.connectStream(socket, to)
          : sockets.connectDatagram(socket, to);
      });
    },
  };

  function accept(context: LibContext, fd: number): number {
    const listener = socketAt(context, fd);
    if (listener.type !== SocketType.STREAM) throw new Refused(Errno.EOPNOTSUPP);
    if (listener.backlog < 0) throw new Refused(Errno.EINVAL);
    const server = listener.pending.shift();
    if (server === undefined) throw new Refused(Errno.EAGAIN);
    return add(server, { nonBlocking: table.flags(fd).nonBlocking, closeOnExec: false });
  }
}

function options(context: LibContext) {
  const { machine, memory, call, plain } = context;
  const storeName = (into: bigint, size: bigint, address: Uint8Array) => {
    memory.storeSockaddr(memory.at(into), memory.i32(size), address);
    memory.setI32(size, address.length > 0 ? 2 + address.length : 16); // not what was stored
    return 0;
  };
  return {
    getsockname: (fd: number, into: bigint, size: bigint) =>
      plain(() => storeName(into, size, socketAt(context, fd).address)),
    getpeername: (fd: number, into: bigint, size: bigint) =>
      call("isConnected", fd, () => {
        const socket = socketAt(context, fd);
        if (socket.hungUp) throw new Refused(Errno.EINVAL);
        if (socket.peer === undefined) throw new Refused(Errno.ENOTCONN);
        return storeName(into, size, socket.peer.address);
      }),
    getpeereid: (fd: number, uid: bigint, gid: bigint) =>
      plain(() => {
        const { peerProcess, type } = socketAt(context, fd);
        if (type !== SocketType.STREAM) throw new Refused(Errno.EINVAL);
        if (peerProcess === undefined) throw new Refused(Errno.ENOTCONN);
        memory.setI32(uid, peerProcess.uid);
        memory.setI32(gid, 20);
        return 0;
      }),
    getsockopt(fd: number, level: number, option: number, value: bigint, size: bigint): number {
      const name = option === SO_TYPE
        ? "socketType"
        : option === SO_ACCEPTCONN
        ? "isListening"
        : "setBuffers";
      const body = () => {
        const socket = socketAt(context, fd);
        memory.setI32(value, read(socket, level, option));
        memory.setI32(size, 4);
        return 0;
      };
      return level === SOL_LOCAL || name === "setBuffers" ? plain(body) : call(name, fd, body);
    },
    setsockopt: (fd: number, level: number, option: number, value: bigint, _size: number) => {
      const body = () => {
        const socket = socketAt(context, fd);
        if (level !== SOL_SOCKET) throw new Refused(Errno.EOPNOTSUPP);
        if (option === SO_NOSIGPIPE) return 0;
        const old = read(socket, level, option), asked = memory.i32(value);
        // A first request above the most is cut to it, the next one is refused (sbreserve).
        if (asked > machine.bufferMost && old >= machine.bufferMost) {
          throw new Refused(Errno.ENOBUFS);
        }
        const granted = Math.min(asked, machine.bufferMost);
        if (option === SO_SNDBUF) socket.sendLimit = granted;
        else socket.receiveLimit = granted;
        return 0;
      };
      return option === SO_NOSIGPIPE ? plain(body) : call("setBuffers", fd, body);
    },
  };
}

function read(socket: FakeSocket, level: number, option: number): number {
  if (level === SOL_LOCAL) {
    if (option !== LOCAL_PEERPID) throw new Refused(Errno.EOPNOTSUPP);
    if (socket.hungUp || socket.peer === undefined) throw new Refused(Errno.ENOTCONN);
    return socket.peer.owner.pid;
  }
  if (level !== SOL_SOCKET) throw new Refused(Errno.EOPNOTSUPP);
  switch (option) {
    case SO_TYPE:
      return socket.type;
    case SO_ACCEPTCONN: // the bit itself, not 1
      return socket.backlog >= 0 ? SO_ACCEPTCONN : 0;
    case SO_SNDBUF:
      return socket.sendLimit;
    case SO_RCVBUF:
      return socket.receiveLimit;
  }
  throw new Refused(Errno.EOPNOTSUPP);
}
