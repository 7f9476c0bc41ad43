/**
 * What sockets do, by system: Linux's rules are here, Darwin's in fake_darwin_sockets.ts.
 *
 * @module
 */
import {
  connectDatagram,
  disconnectDatagram,
  receiveDatagram,
  sendDatagram,
} from "./fake_dgram.ts";
import type { FakeSocket, Message } from "./fake_socket.ts";
import { closeSocket, connectStream, join, readStream, writeStream } from "./fake_stream.ts";

/** Functions that return a number throw {@linkcode Refused} where a call fails. */
export interface SocketRules {
  /** Give a VM's socket the buffers a VM asks for. */
  furnish(socket: FakeSocket): FakeSocket;
  /** Make two sockets a pair. */
  join(a: FakeSocket, b: FakeSocket): void;
  connectStream(socket: FakeSocket, listener: FakeSocket): number;
  connectDatagram(socket: FakeSocket, to: FakeSocket): number;
  disconnect(socket: FakeSocket): number;
  send(socket: FakeSocket, bytes: Uint8Array, find: (() => FakeSocket) | undefined): number;
  receive(socket: FakeSocket): Message;
  write(socket: FakeSocket, bytes: Uint8Array): number;
  read(socket: FakeSocket, into: Uint8Array): number;
  close(socket: FakeSocket): void;
}

/** See the head of this file. */
export const LINUX_RULES: SocketRules = {
  furnish: (socket) => socket,
  join,
  connectStream,
  connectDatagram,
  disconnect: disconnectDatagram,
  send: sendDatagram,
  receive: receiveDatagram,
  write: writeStream,
  read: readStream,
  close: closeSocket,
};
