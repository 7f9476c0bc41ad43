/**
 * The fake kernel's calls that make, name and ask sockets; on frames, files and readiness it is in fake_kernel.ts.
 *
 * @module
 */
import { LINUX } from "../../src/platform/abi.ts";
import { Errno } from "../../src/platform/errno.ts";
import { type Peer, SocketType } from "../../src/platform/kernel.ts";
import { FakeCalls } from "./fake_calls.ts";
import { connectDatagram, disconnectDatagram, receiveDatagram } from "./fake_dgram.ts";
import { store } from "./fake_memory.ts";
import { FakeSocket, Refused } from "./fake_socket.ts";
import { acceptStream, connectStream, join, listenStream } from "./fake_stream.ts";

/** See the head of this file, and Kernel for what each call is. */
export abstract class FakeKernelSockets extends FakeCalls {
  readonly abi = LINUX;
  readonly pathLimit = LINUX.socketAddress.pathLimit;
  readonly turnsAway = true;
  readonly pair: Int32Array = new Int32Array(2);
  sender: Peer = { address: new Uint8Array(), pid: 0, uid: -1 };

  socket(type: SocketType): number {
    return this.call("socket", -1, () => this.addSocket(new FakeSocket(type, this.self)));
  }

  bind(fd: number, path: string, mode: number): number {
    const address = new TextEncoder().encode(path);
    return this.call("bind", fd, () => {
      if (address.length > this.pathLimit) throw new Refused(Errno.ENAMETOOLONG);
      return this.files.bind(this.socketOf(fd), address, mode);
    });
  }

  listen(fd: number, backlog: number): number {
    return this.call("listen", fd, () => listenStream(this.socketOf(fd), backlog));
  }

  accept(fd: number): number {
    return this.call("accept", fd, () => this.addSocket(acceptStream(this.socketOf(fd))));
  }

  connect(fd: number, address: Uint8Array): number {
    return this.call("connect", fd, () => {
      const socket = this.socketOf(fd);
      const to = this.files.find(address, socket.type);
      const connectTo = socket.type === SocketType.STREAM ? connectStream : connectDatagram;
      return connectTo(socket, to);
    });
  }

  disconnect(fd: number): number {
    return this.call("disconnect", fd, () => disconnectDatagram(this.datagramOf(fd)));
  }

  socketPair(type: SocketType): number {
    return this.call("socketPair", -1, () => {
      const a = new FakeSocket(type, this.self), b = new FakeSocket(type, this.self);
      join(a, b);
      this.pair[0] = this.addSocket(a);
      this.pair[1] = this.addSocket(b);
      return 0;
    });
  }

  socketType(fd: number): number {
    return this.call("socketType", fd, () => this.socketOf(fd).type);
  }

  isListening(fd: number): number {
    return this.call("isListening", fd, () => this.socketOf(fd).backlog >= 0 ? 1 : 0);
  }

  isConnected(fd: number): number {
    return this.call("isConnected", fd, () => this.socketOf(fd).peer === undefined ? 0 : 1);
  }

  ownAddress(fd: number): Uint8Array | undefined {
    const open = this.descriptors.find(fd);
    return open?.kind === "socket" ? open.socket.address.slice() : undefined;
  }

  setBuffers(fd: number, bytes: number): number {
    return this.call("setBuffers", fd, () => {
      const socket = this.socketOf(fd);
      socket.sendLimit = Math.max(4608, 2 * Math.min(bytes, this.bufferLimit));
      socket.receiveLimit = Math.max(2304, 2 * Math.min(bytes, this.bufferLimit));
      return Math.min(socket.sendLimit, socket.receiveLimit);
    });
  }

  refuseDescriptors(fd: number): number {
    return this.call("refuseDescriptors", fd, () => {
      this.socketOf(fd).refusesDescriptors = true;
      return 0;
    });
  }

  peerAddress(fd: number): Uint8Array | undefined {
    const open = this.descriptors.find(fd);
    return open?.kind === "socket" ? open.socket.peer?.address.slice() : undefined;
  }

  peerOf(fd: number): Peer | undefined {
    const open = this.descriptors.find(fd);
    const process = open?.kind === "socket" ? open.socket.peerProcess : undefined;
    return process && { address: new Uint8Array(), pid: process.pid, uid: process.uid };
  }

  setCredentials(fd: number, on: boolean): number {
    return this.call("setCredentials", fd, () => {
      this.socketOf(fd).credentials = on;
      return 0;
    });
  }

  receiveFrom(fd: number, at: number, length: number): number {
    return this.call("receiveFrom", fd, () => {
      const socket = this.datagramOf(fd);
      const message = receiveDatagram(socket);
      const known = socket.credentials ? message.process : undefined;
      const { pid, uid } = known ?? { pid: 0, uid: -1 };
      this.sender = { address: message.address.slice(), pid, uid };
      return store(this.arena, message, at, length);
    });
  }
}
