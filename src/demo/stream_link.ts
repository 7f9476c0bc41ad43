/**
 * A link as QEMU's `-netdev stream` makes it: a connection on which every frame follows its length, 32 bits
 * big-endian. Reads cut frames anywhere; the piece at the end waits for the rest.
 *
 * @module
 */
import { type Kernel, SocketType } from "../platform/kernel.ts";
import { Vector } from "../platform/vectors.ts";
import { DemoError } from "./demo_error.ts";
import { connectTo, type Link, LINK_FRAME, moved } from "./link.ts";

/** Bytes of one read and of the outbox. */
const BLOCK_BYTES = 256 << 10;
const PREFIX = 4;
/** Most frames of one receive; the rest is shown by the next. */
const FRAMES = 1024;

/** See the head of this file. */
export class StreamLink implements Link {
  readonly fd: number;
  readonly longest = LINK_FRAME;
  readonly at = new Int32Array(FRAMES);
  readonly length = new Int32Array(FRAMES);
  readonly #kernel: Kernel;
  readonly #vector: Vector;
  readonly #inbox: number;
  readonly #outbox: number;
  /** Bytes of the inbox that were shown, and that were read. */
  #shown = 0;
  #read = 0;
  /** Bytes of the outbox that were sent, and that were put. */
  #sent = 0;
  #filled = 0;

  /** Connect to the switch's socket at `path`. */
  constructor(kernel: Kernel, path: string) {
    this.#kernel = kernel;
    this.#vector = new Vector(kernel.arena, 1);
    this.#inbox = kernel.arena.take(BLOCK_BYTES);
    this.#outbox = kernel.arena.take(BLOCK_BYTES);
    this.fd = connectTo(kernel, SocketType.STREAM, path);
  }

  receive(): number {
    const { u8 } = this.#kernel.arena;
    const rest = this.#inbox + this.#shown;
    u8.copyWithin(this.#inbox, rest, this.#inbox + this.#read);
    this.#read -= this.#shown;
    this.#shown = 0;
    const room = BLOCK_BYTES - this.#read;
    const result = this.#kernel.read(this.fd, this.#inbox + this.#read, room);
    if (result === 0 && room > 0) throw new DemoError("the switch closed the stream");
    this.#read += moved(result, "read the stream");
    return this.#split();
  }

  put(at: number, length: number): boolean {
    if (this.#filled + PREFIX + length > BLOCK_BYTES || length > this.longest) return false;
    const to = this.#outbox + this.#filled;
    this.#kernel.arena.view.setUint32(to, length);
    this.#kernel.arena.u8.copyWithin(to + PREFIX, at, at + length);
    this.#filled += PREFIX + length;
    return true;
  }

  flush(): boolean {
    const bytes = this.#filled - this.#sent;
    if (bytes > 0) {
      this.#vector.set(0, this.#outbox + this.#sent, bytes);
      this.#sent += moved(this.#kernel.write(this.fd, this.#vector, 1), "write the stream");
    }
    if (this.#sent < this.#filled) return false;
    this.#sent = this.#filled = 0;
    return true;
  }

  close(): void {
    this.#kernel.close(this.fd);
  }

  /** Show the whole frames of the inbox. */
  #split(): number {
    let count = 0;
    while (count < FRAMES && this.#read - this.#shown >= PREFIX) {
      const at = this.#inbox + this.#shown + PREFIX;
      const length = this.#kernel.arena.view.getUint32(at - PREFIX);
      if (length === 0 || length > this.longest) {
        throw new DemoError(`the switch sent a frame of ${length} bytes on the stream`);
      }
      if (this.#shown + PREFIX + length > this.#read) break;
      this.at[count] = at;
      this.length[count++] = length;
      this.#shown += PREFIX + length;
    }
    return count;
  }
}
