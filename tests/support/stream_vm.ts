/**
 * VMs on stream ports, as QEMU's -netdev stream: every frame behind its length, 32 bits big-endian.
 *
 * @module
 */
import { errnoName } from "../../src/platform/errno.ts";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { Vector } from "../../src/platform/vectors.ts";
import { SLOT_BYTES, Vm } from "./vm.ts";

/** Bytes of one stream read. */
const READ_BYTES = 256 << 10;

/** A VM on a stream port, or on the end of a stream socketpair. */
export class StreamVm extends Vm {
  /** True once the switch has closed the connection. */
  ended = false;
  readonly #inbox: number;
  readonly #vector: Vector;
  #rest: Uint8Array = new Uint8Array();
  #taken = 0;
  /** End of a frame the kernel took only the start of. */
  #tail: Uint8Array = new Uint8Array();

  constructor(kernel: Kernel, station: number, way: { path: string } | { fd: number }) {
    super(kernel, station, "fd" in way ? way.fd : connected(kernel, way.path));
    this.#inbox = kernel.arena.take(READ_BYTES);
    this.#vector = new Vector(kernel.arena, 1);
  }

  sendBytes(frame: Uint8Array): boolean {
    const record = new Uint8Array(4 + frame.byteLength);
    new DataView(record.buffer).setUint32(0, frame.byteLength);
    record.set(frame, 4);
    return this.sendRaw(record);
  }

  /** Send bytes that need not be a frame; false when none of them was taken. */
  sendRaw(bytes: Uint8Array): boolean {
    if (!this.#flush()) return false;
    const n = this.#write(bytes);
    if (n <= 0) return false;
    this.#tail = bytes.slice(n);
    return true;
  }

  poll(): number {
    this.#flush();
    const before = this.#taken;
    for (;;) {
      const n = this.kernel.read(this.fd, this.#inbox, READ_BYTES);
      if (n < 0) return this.#taken - before;
      if (n === 0) {
        this.ended = true;
        return this.#taken - before;
      }
      const bytes = new Uint8Array(this.#rest.length + n);
      bytes.set(this.#rest);
      bytes.set(this.kernel.arena.u8.subarray(this.#inbox, this.#inbox + n), this.#rest.length);
      this.#rest = this.#split(bytes);
    }
  }

  /** Bytes of a frame that has not arrived whole. */
  get partial(): number {
    return this.#rest.length;
  }

  override close(): void {
    super.close();
    this.kernel.arena.give(this.#inbox);
  }

  #flush(): boolean {
    if (this.#tail.length === 0) return true;
    const n = this.#write(this.#tail);
    if (n > 0) this.#tail = this.#tail.slice(n);
    return this.#tail.length === 0;
  }

  #write(bytes: Uint8Array): number {
    this.kernel.arena.u8.set(bytes, this.outbox);
    this.#vector.set(0, this.outbox, bytes.byteLength);
    return this.kernel.write(this.fd, this.#vector, 1);
  }

  /** Take the whole frames; returns what is left. */
  #split(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = view.getUint32(at);
      if (length === 0 || length > SLOT_BYTES) throw new Error(`No frame is ${length} bytes long`);
      if (at + 4 + length > bytes.length) break;
      this.take(bytes.subarray(at + 4, at + 4 + length));
      this.#taken++;
      at += 4 + length;
    }
    return bytes.slice(at);
  }
}

function connected(kernel: Kernel, path: string): number {
  const fd = kernel.socket(SocketType.STREAM);
  const result = kernel.connect(fd, new TextEncoder().encode(path));
  if (result >= 0) return fd;
  kernel.close(fd);
  throw new Error(`Cannot connect to ${path}: ${errnoName(result)}`);
}
