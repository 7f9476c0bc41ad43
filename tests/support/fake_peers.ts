/**
 * VMs of a test: the other ends of the switch's sockets.
 *
 * A VM reads whatever comes as soon as it comes, until it is told to stop; from then on it stands for a
 * guest that hangs, and the kernel's queues fill up.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import type { FakeFiles } from "./fake_files.ts";
import type { SocketRules } from "./fake_rules.ts";
import { type FakeProcess, type FakeSocket, Refused } from "./fake_socket.ts";

/** What both kinds share. Results of `send` are the kernel's: a length or a negated error number. */
abstract class FakePeer {
  #reading = true;

  constructor(
    readonly socket: FakeSocket,
    readonly process: FakeProcess,
    protected readonly rules: SocketRules,
  ) {
    socket.onArrival = () => this.#arrived();
  }

  /** Take everything out of the socket. */
  protected abstract drain(): void;

  /** Hang: leave everything in the kernel's queue. */
  stopReading(): void {
    this.#reading = false;
  }

  startReading(): void {
    this.#reading = true;
    this.drain();
  }

  /** Close the socket; the process lives on. */
  close(): void {
    this.rules.close(this.socket);
  }

  /** The process dies: its socket closes at once, with everything unread in it. */
  kill(): void {
    this.close();
    this.process.ended = true;
  }

  #arrived(): void {
    if (this.#reading) this.drain();
  }
}

/** A VM on a stream. */
export class StreamPeer extends FakePeer {
  #read: Uint8Array[] = [];
  #ended = false;

  /** The switch has closed this connection, and this VM has read to its end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Write bytes; returns how many were taken. */
  send(bytes: Uint8Array): number {
    return attempt(() => this.rules.write(this.socket, bytes));
  }

  /** Write one frame behind its length, u32 big-endian; returns bytes taken. */
  sendFrame(frame: Uint8Array): number {
    const bytes = new Uint8Array(4 + frame.length);
    new DataView(bytes.buffer).setUint32(0, frame.length);
    bytes.set(frame, 4);
    return this.send(bytes);
  }

  /** Bytes read and not yet asked for. */
  receive(): Uint8Array {
    const pieces = this.#read.splice(0);
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /** Whole frames read and not yet asked for; a cut one stays for later. */
  receiveFrames(): Uint8Array[] {
    const bytes = this.receive();
    const view = new DataView(bytes.buffer);
    const frames: Uint8Array[] = [];
    let at = 0;
    while (at + 4 <= bytes.length) {
      const end = at + 4 + view.getUint32(at);
      if (end > bytes.length) break;
      frames.push(bytes.slice(at + 4, end));
      at = end;
    }
    this.#read.push(bytes.subarray(at));
    return frames;
  }

  protected override drain(): void {
    const into = new Uint8Array(65_536);
    for (;;) {
      const got = attempt(() => this.rules.read(this.socket, into));
      if (got > 0) this.#read.push(into.slice(0, got));
      else {
        if (got !== -Errno.EAGAIN) this.#ended = true;
        return;
      }
    }
  }
}

/** A VM on datagrams. */
export class DgramPeer extends FakePeer {
  #frames: Uint8Array[] = [];

  /** @param target where an unconnected VM sends to; undefined sends to the socket's peer */
  constructor(
    socket: FakeSocket,
    process: FakeProcess,
    readonly files: FakeFiles,
    readonly target: Uint8Array | undefined,
    rules: SocketRules,
  ) {
    super(socket, process, rules);
  }

  /** Send one datagram. */
  send(bytes: Uint8Array): number {
    const { target } = this;
    const find = target && (() => this.files.find(target, this.socket.type));
    return attempt(() => this.rules.send(this.socket, bytes, find));
  }

  /** Connect to a path, as vfkit does at its start. */
  connect(path: string): number {
    const address = new TextEncoder().encode(path);
    return attempt(() =>
      this.rules.connectDatagram(this.socket, this.files.find(address, this.socket.type))
    );
  }

  /** Datagrams read and not yet asked for. */
  receive(): Uint8Array[] {
    return this.#frames.splice(0);
  }

  protected override drain(): void {
    while (this.socket.queue.length > 0 || this.socket.error !== 0) {
      attempt(() => this.#frames.push(this.rules.receive(this.socket).bytes));
    }
  }
}

/** Turn what a system call throws inside the fake into the number a caller gets. */
export function attempt(call: () => number): number {
  try {
    return call();
  } catch (error) {
    if (error instanceof Refused) return -error.errno;
    throw error;
  }
}
