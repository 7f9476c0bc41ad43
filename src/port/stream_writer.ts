/**
 * Writing frames to a stream.
 *
 * Every frame in the arena has its length in front of it, so frames that lie one after the other, as
 * those of another stream do, go out as one piece. A frame that was written in part stays here until its
 * last byte is out: a frame cut short would confuse the peer for ever, and a libkrun that waits for its
 * end would spin.
 *
 * @module
 */
import type { Gather } from "../offload/gather.ts";
import { Fault, judge } from "../platform/errno.ts";
import { HEADROOM, PIECES } from "./batch.ts";
import { type Switch, TX_GONE } from "./port.ts";
import { RETRIES } from "./retries.ts";

/** See the head of this file. */
export class StreamWriter {
  readonly #switch: Switch;
  readonly #fd: number;
  readonly #row: number;
  /** Bytes in front of a frame: its length, and its vnet header. */
  readonly #lead: number;
  /** Room for the end of a frame that the last write cut off, and where in it that end lies. */
  readonly #tail: number;
  #tailFrom = 0;
  #tailBytes = 0;

  /** @param tail offset of RECORD_BYTES for the end of a frame */
  constructor(host: Switch, fd: number, row: number, vnetBytes: number, tail: number) {
    this.#switch = host;
    this.#fd = fd;
    this.#row = row;
    this.#lead = HEADROOM + vnetBytes;
    this.#tail = tail;
  }

  /** Bytes that are left of a frame that is partly written. */
  get unfinished(): number {
    return this.#tailBytes;
  }

  /** As {@linkcode Port.tx}. */
  send(at: Int32Array, length: Int32Array, from: number, count: number): number {
    if (this.#tailBytes > 0) {
      const finished = this.#finish();
      if (finished !== 1) return finished;
    }
    let done = from;
    while (done < count && this.#tailBytes === 0) {
      const sent = this.#writeFrames(at, length, done, count);
      // What went out is told first; the next call finds the peer gone again and nothing else.
      if (sent === TX_GONE) return done > from ? done - from : TX_GONE;
      if (sent === 0) break;
      done += sent;
    }
    return done - from;
  }

  /** As {@linkcode Port.txGather}. */
  sendGather(gather: Gather): number {
    if (this.#tailBytes > 0) {
      const finished = this.#finish();
      if (finished !== 1) return finished;
    }
    let done = 0;
    while (done < gather.frames && this.#tailBytes === 0) {
      const sent = this.#writeGather(gather, done);
      if (sent === TX_GONE) return done > 0 ? done : TX_GONE;
      if (sent === 0) break;
      done += sent;
    }
    return done;
  }

  /** Write frames from `from` on in one call; how many were taken, 0 when full, TX_GONE. */
  #writeFrames(at: Int32Array, length: Int32Array, from: number, count: number): number {
    const { batch, memory: { pieces } } = this.#switch;
    const lead = this.#lead;
    let piece = 0, total = 0, next = from;
    let start = at[from] - lead, end = start;
    if (batch.solid && at === batch.at) {
      next = count;
      end = at[count - 1] + length[count - 1];
      total = end - start;
    }
    for (; next < count; next++) {
      const frame = at[next] - lead;
      if (frame !== end) {
        if (piece === PIECES - 1) break;
        pieces.set(piece++, start, end - start);
        start = frame;
      }
      end = at[next] + length[next];
      total += lead + length[next];
    }
    pieces.set(piece++, start, end - start);
    const written = this.#write(piece);
    if (written <= 0) return written;
    if (written === total) {
      this.#switch.tally.sent(this.#row, next - from, total - lead * (next - from));
      return next - from;
    }
    return this.#cut(at, length, from, written);
  }

  /** As `#writeFrames`, frames of a gather. */
  #writeGather(gather: Gather, from: number): number {
    const { memory: { pieces }, tally } = this.#switch;
    const { first, size } = gather;
    let next = from, total = 0;
    for (; next < gather.frames && first[next + 1] - first[from] <= PIECES; next++) {
      total += HEADROOM + size[next];
    }
    for (let piece = first[from]; piece < first[next]; piece++) {
      pieces.setFar(piece - first[from], gather.pieceAt[piece], gather.pieceLength[piece]);
    }
    const written = this.#write(first[next] - first[from]);
    if (written <= 0) return written;
    if (written < total) return this.#cutGather(gather, from, written);
    tally.sent(this.#row, next - from, total - this.#lead * (next - from));
    return next - from;
  }

  /** Account for a write that stopped in the middle of a frame, and keep the end of that frame. */
  #cut(at: Int32Array, length: Int32Array, from: number, written: number): number {
    const lead = this.#lead;
    let i = from, bytes = 0;
    while (written >= lead + length[i]) {
      written -= lead + length[i];
      bytes += length[i++];
    }
    if (written > 0) {
      const frame = at[i] - lead;
      this.#tailFrom = this.#tail;
      this.#tailBytes = lead + length[i] - written;
      this.#switch.kernel.arena.u8.copyWithin(this.#tail, frame + written, at[i] + length[i]);
      bytes += length[i++];
    }
    this.#switch.tally.sent(this.#row, i - from, bytes);
    return i - from;
  }

  /** As `#cut`, frames of a gather. */
  #cutGather(gather: Gather, from: number, written: number): number {
    const { u8 } = this.#switch.kernel.arena;
    let i = from, bytes = 0;
    for (; written >= HEADROOM + gather.size[i]; i++) {
      written -= HEADROOM + gather.size[i];
      bytes += HEADROOM + gather.size[i] - this.#lead;
    }
    if (written > 0) {
      let tail = this.#tail;
      for (let piece = gather.first[i]; piece < gather.first[i + 1]; piece++) {
        const start = gather.pieceAt[piece], end = start + gather.pieceLength[piece];
        if (written < end - start) {
          u8.copyWithin(tail, start + written, end);
          tail += end - start - written;
        }
        written = Math.max(0, written - (end - start));
      }
      this.#tailFrom = this.#tail;
      this.#tailBytes = tail - this.#tail;
      bytes += HEADROOM + gather.size[i++] - this.#lead;
    }
    this.#switch.tally.sent(this.#row, i - from, bytes);
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
      tally.txCall(this.#row);
      const n = kernel.write(this.#fd, memory.pieces, pieces);
      if (n > 0) return n;
      const fault = n === 0 ? Fault.AGAIN : judge(n);
      if (fault === Fault.PEER || fault === Fault.BROKEN) return TX_GONE;
      if (fault === Fault.RETRY && tries < RETRIES) continue;
      tally.retry(this.#row, -n);
      return 0;
    }
  }
}
