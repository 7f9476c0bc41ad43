/**
 * A stream port: frames with a 32-bit big-endian length in front, as QEMU's stream and socket netdevs,
 * socket_vmnet and libkrun speak it. One connection is one VM.
 *
 * Reading: all streams are read into one window; what a read cuts off is put in front of the next, and
 * kept by the port when another stream reads in between. A length no frame can have (0, or more than any client sends) means that we have
 * lost the framing, and nothing but a new connection finds it again.
 *
 * Writing: every frame in the arena has its length in front of it, so frames that lie one after the
 * other, as those of another stream do, go out as one piece. A frame that was written in part belongs
 * to the port until its last byte is out: a frame cut short would confuse the peer for ever, and a
 * libkrun that waits for its end would spin.
 *
 * @module
 */
import { Fault, judge } from "../platform/errno.ts";
import { Ready } from "../platform/kernel.ts";
import {
  BATCH_FRAMES,
  HEADROOM,
  PIECES,
  RECORD_BYTES,
  WINDOW_BYTES,
  type WindowUser,
} from "./batch.ts";
import { MAX_FRAME, type PortConfig } from "./config.ts";
import { type Port, type Switch, TX_GONE } from "./port.ts";
import { Watched } from "./watched.ts";

/** Socket buffers asked for; a 64 KiB frame then goes out in one write. */
export const STREAM_BUFFER_BYTES = 2 << 20;
/** Reads that discard what a leaving VM still has for us; see {@linkcode StreamPort.close}. */
const DISCARD_READS = 64;
const RETRIES = 3;

/** See the head of this file. */
export class StreamPort implements Port, WindowUser {
  readonly name: string;
  readonly row: number;
  readonly config: PortConfig;
  readonly pausable = true;
  readonly buffers: number;
  readonly #switch: Switch;
  readonly #watched: Watched;
  readonly #onClose: (port: StreamPort, reason: string) => void;
  /** Room for the start of a frame the last read cut off, and for the end of one the last write cut off. */
  readonly #head: number;
  readonly #tail: number;
  /** Where the cut start lies: still in the window while no other stream reads, then in its room. */
  #headFrom = 0;
  #headBytes = 0;
  #tailFrom = 0;
  #tailBytes = 0;
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
    this.#onClose = onClose;
    this.buffers = host.kernel.setBuffers(fd, STREAM_BUFFER_BYTES);
    this.#head = host.kernel.arena.take(2 * RECORD_BYTES);
    this.#tail = this.#head + RECORD_BYTES;
    this.#watched = new Watched(host, fd, this);
    host.join(this);
    this.#watched.read(true);
  }

  get unfinished(): boolean {
    return this.#tailBytes > 0;
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
    let count = 0;
    if (this.#garbled) return;
    while (end - at >= HEADROOM) {
      const length = view.getUint32(at);
      if ((length - 1) >>> 0 >= MAX_FRAME) { // 0, or too long
        this.#headBytes = 0;
        this.#garbled = true;
        this.#hand(count);
        return this.close(badLength(length));
      }
      if (at + HEADROOM + length > end) break;
      batch.at[count] = at + HEADROOM;
      batch.length[count++] = length;
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
    batch.solid = true;
    if (count === 0) return 0;
    if (!this.#closed) this.#switch.ingress(this);
    else for (let i = 0; i < count; i++) tally.lost(this.row, "closing", 1, batch.length[i]);
    return 0;
  }

  // ---- writing ----

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    if (this.#tailBytes > 0) {
      const finished = this.#finish();
      if (finished !== 1) return finished;
    }
    let done = from;
    while (done < count && this.#tailBytes === 0) {
      const sent = this.#gather(at, length, done, count);
      // What went out is told first; the next call finds the peer gone again and nothing else.
      if (sent === TX_GONE) return done > from ? done - from : TX_GONE;
      if (sent === 0) break;
      done += sent;
    }
    return done - from;
  }

  /** Write frames from `from` on in one call; how many were taken, 0 when full, TX_GONE. */
  #gather(at: Int32Array, length: Int32Array, from: number, count: number): number {
    const { batch, memory: { pieces } } = this.#switch;
    let piece = 0, total = 0, next = from;
    let start = at[from] - HEADROOM, end = start;
    if (batch.solid && at === batch.at) {
      next = count;
      end = at[count - 1] + length[count - 1];
      total = end - start;
    }
    for (; next < count; next++) {
      const frame = at[next] - HEADROOM;
      if (frame !== end) {
        if (piece === PIECES - 1) break;
        pieces.set(piece++, start, end - start);
        start = frame;
      }
      end = at[next] + length[next];
      total += HEADROOM + length[next];
    }
    pieces.set(piece++, start, end - start);
    const written = this.#write(piece);
    if (written <= 0) return written;
    if (written === total) {
      this.#switch.tally.sent(this.row, next - from, total - HEADROOM * (next - from));
      return next - from;
    }
    return this.#cut(at, length, from, written);
  }

  /** Account for a write that stopped in the middle of a frame, and keep the end of that frame. */
  #cut(at: Int32Array, length: Int32Array, from: number, written: number): number {
    let i = from, bytes = 0;
    while (written >= HEADROOM + length[i]) {
      written -= HEADROOM + length[i];
      bytes += length[i++];
    }
    if (written > 0) {
      const frame = at[i] - HEADROOM;
      this.#tailFrom = this.#tail;
      this.#tailBytes = HEADROOM + length[i] - written;
      this.#switch.kernel.arena.u8.copyWithin(this.#tail, frame + written, at[i] + length[i]);
      bytes += length[i++];
    }
    this.#switch.tally.sent(this.row, i - from, bytes);
    return i - from;
  }

  /** Write the end of a frame that was cut; 1 when it is out, 0 when full, TX_GONE. */
  #finish(): number {
    this.#switch.memory.pieces.set(0, this.#tailFrom, this.#tailBytes);
    const written = this.#write(1);
    if (written <= 0) return written;
    this.#tailFrom += written;
    this.#tailBytes -= written;
    return this.#tailBytes === 0 ? 1 : 0;
  }

  /** Bytes taken, 0 when the VM is full, TX_GONE when it is gone. */
  #write(pieces: number): number {
    const { kernel, memory, tally } = this.#switch;
    for (let tries = 0;; tries++) {
      tally.txCall(this.row);
      const n = kernel.write(this.#watched.fd, memory.pieces, pieces);
      if (n > 0) return n;
      const fault = n === 0 ? Fault.AGAIN : judge(n);
      if (fault === Fault.PEER || fault === Fault.BROKEN) return TX_GONE;
      if (fault === Fault.RETRY && tries < RETRIES) continue;
      tally.retry(this.row);
      return 0;
    }
  }
}

/** Names the usual mistakes: another protocol on a stream port is the most frequent one. */
function badLength(length: number): string {
  const octets = [24, 16, 8, 0].map((shift) => (length >>> shift) & 0xff);
  const text = String.fromCharCode(...octets);
  if (text === "VFKT") return `it says "VFKT": this is a datagram client, use kind dgram for it`;
  if (/^[\x20-\x7e]{4}$/.test(text)) return `it sent "${text}" where a frame length belongs`;
  return `it sent the frame length ${length}, which no frame has`;
}
