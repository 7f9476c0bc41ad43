/**
 * A link as krunkit makes it (and vfkit): a datagram socket of its own, connected to the switch's, that
 * introduces itself with the four bytes `VFKT`. One datagram is one frame, and with offloading a long one.
 *
 * @module
 */
import { type Kernel, SocketType } from "../platform/kernel.ts";
import { MessageTable } from "../platform/vectors.ts";
import { connectTo, LARGE_FRAME, type Link, moved } from "./link.ts";

/** Frames of one system call. */
const FRAMES = 64;
/** A little more than the longest, so that a longer one shows. */
const SLOT_BYTES = LARGE_FRAME + 2;
/** The outbox: frames lie close, so that short ones share cache lines and pages. */
const OUTBOX_BYTES = 1 << 20;
/** Socket buffers, about as VM monitors ask for; the kernel may grant less. */
const BUFFER_BYTES = 4 << 20;

/** See the head of this file. */
export class DgramLink implements Link {
  readonly fd: number;
  readonly longest = LARGE_FRAME;
  readonly at = new Int32Array(FRAMES);
  readonly length = new Int32Array(FRAMES);
  readonly #kernel: Kernel;
  readonly #own: string;
  readonly #rx: MessageTable;
  readonly #tx: MessageTable;
  readonly #outbox: number;
  /** Frames of the outbox, the bytes they take, and those that were sent. */
  #filled = 0;
  #bytes = 0;
  #sent = 0;

  /** Connect to the switch's socket at `path`, from one bound at `own`. */
  constructor(kernel: Kernel, path: string, own: string) {
    const { arena } = kernel;
    this.#kernel = kernel;
    this.#own = own;
    this.#rx = new MessageTable(arena, kernel.abi, FRAMES, false);
    this.#tx = new MessageTable(arena, kernel.abi, FRAMES, false);
    const inbox = arena.take(FRAMES * SLOT_BYTES);
    this.#outbox = arena.take(OUTBOX_BYTES);
    for (let i = 0; i < FRAMES; i++) {
      this.at[i] = inbox + i * SLOT_BYTES;
      this.#rx.set(i, this.at[i], SLOT_BYTES);
    }
    this.fd = connectTo(kernel, SocketType.DGRAM, path, own);
    kernel.setBuffers(this.fd, BUFFER_BYTES);
    arena.u8.set(new TextEncoder().encode("VFKT"), this.#outbox);
    this.#tx.set(0, this.#outbox, 4);
    this.#filled = 1;
    this.flush();
  }

  receive(): number {
    const count = moved(this.#kernel.receive(this.fd, this.#rx, FRAMES), "receive datagrams");
    for (let i = 0; i < count; i++) this.length[i] = this.#rx.received(i);
    return count;
  }

  put(at: number, length: number): boolean {
    const isFull = this.#filled === FRAMES || this.#bytes + length > OUTBOX_BYTES;
    if (isFull || length > this.longest) return false;
    const slot = this.#outbox + this.#bytes;
    this.#kernel.arena.u8.copyWithin(slot, at, at + length);
    this.#tx.set(this.#filled++, slot, length);
    this.#bytes += length;
    return true;
  }

  flush(): boolean {
    const count = this.#filled - this.#sent;
    if (count > 0) {
      this.#sent += moved(
        this.#kernel.send(this.fd, this.#tx, this.#sent, count),
        "send datagrams",
      );
    }
    if (this.#sent < this.#filled) return false;
    this.#sent = this.#filled = this.#bytes = 0;
    return true;
  }

  close(): void {
    this.#kernel.close(this.fd);
    this.#kernel.unlink(this.#own);
  }
}
