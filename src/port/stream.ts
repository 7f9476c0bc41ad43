/**
 * A stream port: frames with a 32-bit big-endian length in front, as QEMU's stream and socket netdevs,
 * socket_vmnet and libkrun speak it. One connection is one VM. How frames are written: stream_writer.ts.
 *
 * All streams are read into one window; what a read cuts off is put in front of the next, and
 * kept by the port when another stream reads in between. A length no frame can have (0, or more than any client sends) means that we have
 * lost the framing, and nothing but a new connection finds it again.
 *
 * @module
 */
import { Fault, judge } from "../platform/errno.ts";
import { Ready } from "../platform/kernel.ts";
import { BATCH_FRAMES, HEADROOM, RECORD_BYTES, WINDOW_BYTES, type WindowUser } from "./batch.ts";
import { MAX_FRAME, type PortConfig } from "./config.ts";
import type { Gather } from "../offload/gather.ts";
import type { Connect, Connection } from "./listener.ts";
import type { Port, Switch } from "./port.ts";
import { StreamWriter } from "./stream_writer.ts";
import { VnetIn } from "./vnet_in.ts";
import { Watched } from "./watched.ts";

/** Socket buffers asked for; a 64 KiB frame then goes out in one write. */
export const STREAM_BUFFER_BYTES = 2 << 20;
/** Reads that discard what a leaving VM still has for us; see {@linkcode StreamPort.close}. */
const DISCARD_READS = 64;

/** See the head of this file. */
export class StreamPort implements Port, WindowUser, Connection {
  readonly name: string;
  readonly row: number;
  readonly config: PortConfig;
  readonly pausable = true;
  readonly framed = true;
  readonly scatters = false;
  readonly buffers: number;
  readonly #switch: Switch;
  readonly #vnet: VnetIn;
  readonly #writer: StreamWriter;
  readonly #watched: Watched;
  readonly #onClose: (port: StreamPort, reason: string) => void;
  /** Room for the start of a frame the last read cut off, and behind it for the end of one the last write cut off. */
  readonly #head: number;
  /** Where the cut start lies: still in the window while no other stream reads, then in its room. */
  #headFrom = 0;
  #headBytes = 0;
  #closed = false;
  /** We have lost the framing: what still comes cannot be told apart any more. */
  #garbled = false;

  /** @param onClose called once, when the connection has ended and everything is released but the row */
  constructor(
    host: Switch,
    config: PortConfig,
    name: string,
    row: number,
    fd: number,
    onClose: (port: StreamPort, reason: string) => void,
  ) {
    this.#switch = host;
    this.config = config;
    this.name = name;
    this.row = row;
    this.#vnet = new VnetIn(host);
    this.#onClose = onClose;
    this.buffers = host.kernel.setBuffers(fd, STREAM_BUFFER_BYTES);
    this.#head = host.kernel.arena.take(2 * RECORD_BYTES);
    this.#watched = new Watched(host, fd, this);
    this.#writer = new StreamWriter(host, fd, row, config.vnetHdr, this.#head + RECORD_BYTES);
    host.join(this);
    this.#watched.read(true);
  }

  get unfinished(): number {
    return this.#writer.unfinished;
  }

  leaveWindow(): void {
    const { u8 } = this.#switch.kernel.arena;
    u8.copyWithin(this.#head, this.#headFrom, this.#headFrom + this.#headBytes);
    this.#headFrom = this.#head;
  }

  ready(bits: number): void {
    if ((bits & Ready.WRITE) !== 0) this.#switch.writable(this);
    if ((bits & (Ready.READ | Ready.GONE)) !== 0 && !this.#closed) this.#read();
  }

  wantWrite(on: boolean): void {
    if (!this.#closed) this.#watched.write(on);
  }

  wantRead(on: boolean): void {
    if (!this.#closed) this.#watched.read(on);
  }

  lose(reason: string): void {
    if (this.#closed) return;
    // What it sent before it went still counts; then it hears of its own end by EOF.
    for (let i = 0; i < DISCARD_READS && !this.#closed && this.#read(); i++);
    this.close(reason);
  }

  hear(): void {
    if (!this.#closed) this.#read();
  }

  giveWay(reason: string): void {
    this.lose(reason);
  }

  /** End the connection. What the VM has sent is read to the end first: a QEMU that is closed while it
   * holds half a frame for us sends nothing any more after it has reconnected. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watched.stop();
    this.#switch.leave(this);
    const { kernel, memory, tally } = this.#switch;
    for (let i = 0; i < DISCARD_READS && kernel.now() < this.#switch.discardUntil; i++) {
      if (!this.#read()) break;
    }
    if (this.#headBytes > 0) tally.lost(this.row, "cut", 1, this.#headBytes);
    memory.freeWindow(this);
    kernel.close(this.#watched.fd);
    kernel.arena.give(this.#head);
    this.#onClose(this, reason);
  }

  // ---- reading ----

  /** Read once and forward what is complete; false when nothing came. */
  #read(): boolean {
    const { kernel, memory, tally } = this.#switch;
    const window = memory.window, start = window - this.#headBytes;
    memory.takeWindow(this);
    if (this.#headBytes > 0) {
      kernel.arena.u8.copyWithin(start, this.#headFrom, this.#headFrom + this.#headBytes);
    }
    this.#headFrom = start;
    tally.rxCall(this.row);
    const n = kernel.read(this.#watched.fd, window, WINDOW_BYTES);
    if (n <= 0) {
      this.#readFailed(n);
      return false;
    }
    this.#split(start, window + n);
    return true;
  }

  #readFailed(n: number): void {
    if (n === 0) return this.close("it closed the connection");
    if (judge(n) >= Fault.PEER) this.close("the connection broke");
  }

  /** Hand on the complete frames between `at` and `end`, keep the rest. */
  #split(at: number, end: number): void {
    const { batch, kernel } = this.#switch;
    const { view } = kernel.arena;
    const vnetBytes = this.config.vnetHdr, longest = MAX_FRAME + vnetBytes;
    let count = 0;
    batch.solid = true;
    if (this.#garbled) return;
    while (end - at >= HEADROOM) {
      const length = view.getUint32(at);
      if ((length - 1) >>> 0 >= longest) { // 0, or too long
        this.#headBytes = 0;
        this.#garbled = true;
        this.#hand(count);
        return this.close(badLength(length));
      }
      if (at + HEADROOM + length > end) break;
      if (vnetBytes === 0 || this.#vnet.admit(this, at + HEADROOM, length)) {
        batch.at[count] = at + HEADROOM + vnetBytes;
        batch.length[count++] = length - vnetBytes;
      } else batch.solid = false;
      at += HEADROOM + length;
      if (count === BATCH_FRAMES) count = this.#hand(count);
    }
    this.#headFrom = at;
    this.#headBytes = end - at;
    this.#hand(count);
  }

  /** Hand on `count` frames; returns the count of the next batch. */
  #hand(count: number): number {
    const { batch, tally } = this.#switch;
    batch.count = count;
    if (count === 0) return 0;
    if (!this.#closed) this.#switch.ingress(this);
    else for (let i = 0; i < count; i++) tally.lost(this.row, "closing", 1, batch.length[i]);
    batch.solid = true;
    return 0;
  }

  // ---- writing ----

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    return this.#writer.send(at, length, from, count);
  }

  txGather(gather: Gather): number {
    return this.#writer.sendGather(gather);
  }
}

/** Makes the port of a connection that a listener has accepted. */
export const streamPort: Connect = (host, config, name, row, fd, onClose) =>
  new StreamPort(host, config, name, row, fd, onClose);

/** Names the usual mistakes: another protocol on a stream port is the most frequent one. */
function badLength(length: number): string {
  const octets = [24, 16, 8, 0].map((shift) => (length >>> shift) & 0xff);
  const text = String.fromCharCode(...octets);
  if (text === "VFKT") return `it says "VFKT": this is a datagram client, use kind dgram for it`;
  // A number of a request, little-endian; there are fewer than 64.
  if ((length & 0xff_ffff) === 0 && octets[0] > 0 && octets[0] < 64) {
    return "it speaks vhost-user: use kind vhost-user for it";
  }
  if (/^[\x20-\x7e]{4}$/.test(text)) return `it sent "${text}" where a frame length belongs`;
  return `it sent the frame length ${length}, which no frame has`;
}
