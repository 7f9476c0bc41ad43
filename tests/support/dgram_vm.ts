/**
 * VMs on datagram ports: like vfkit and libkrun, which connect and say hello, or like QEMU, which does
 * neither and hears anybody.
 *
 * @module
 */
import { storeFamily } from "../../src/platform/address.ts";
import { errnoName } from "../../src/platform/errno.ts";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { MessageTable } from "../../src/platform/vectors.ts";
import { SLOT_BYTES, Vm } from "./vm.ts";

/** Datagrams of one read. */
const SLOTS = 16;

/** How a datagram VM is known to the switch. */
export interface DgramWay {
  /** Path of the switch's socket. */
  readonly path: string;
  /** Path of its own. */
  readonly own: string;
  /** vfkit and libkrun connect and say hello; QEMU does neither. */
  readonly like: "vfkit" | "qemu";
}

/** A VM on a datagram port, or on the end of a datagram socketpair. */
export class DgramVm extends Vm {
  readonly #rx: MessageTable;
  readonly #tx: MessageTable;
  readonly #own: string;

  /** @throws Error when the switch's socket does not take it (EPERM while it has another peer) */
  constructor(kernel: Kernel, station: number, way: DgramWay | { readonly fd: number }) {
    super(kernel, station, "fd" in way ? way.fd : bound(kernel, way.own));
    const connected = "fd" in way || way.like === "vfkit";
    this.#own = "fd" in way ? "" : way.own;
    this.#rx = new MessageTable(kernel.arena, kernel.abi, SLOTS, false);
    this.#tx = new MessageTable(kernel.arena, kernel.abi, 1, !connected);
    const inbox = kernel.arena.take(SLOTS * SLOT_BYTES);
    for (let i = 0; i < SLOTS; i++) this.#rx.set(i, inbox + i * SLOT_BYTES, SLOT_BYTES);
    if ("fd" in way) return;
    const path = new TextEncoder().encode(way.path);
    if (connected) {
      const result = kernel.connect(this.fd, path);
      if (result < 0) {
        this.close();
        throw new Error(`Cannot connect to ${way.path}: ${errnoName(result)}`);
      }
      this.sendBytes(new TextEncoder().encode("VFKT"));
    } else {
      storeFamily(kernel.arena.view, this.#tx.names, kernel.abi);
      kernel.arena.u8.set(path, this.#tx.names + 2);
      this.#tx.setName(0, this.#tx.names, 2 + path.length);
    }
  }

  sendBytes(frame: Uint8Array): boolean {
    return this.sendResult(frame) === 1;
  }

  /** As {@linkcode sendBytes}; returns the kernel's answer, 1 or a negative error number. */
  sendResult(frame: Uint8Array): number {
    this.kernel.arena.u8.set(frame, this.outbox);
    this.#tx.set(0, this.outbox, frame.byteLength);
    return this.kernel.send(this.fd, this.#tx, 0, 1);
  }

  poll(): number {
    let frames = 0;
    for (;;) {
      const n = this.kernel.receive(this.fd, this.#rx, SLOTS);
      if (n <= 0) return frames;
      for (let i = 0; i < n; i++) {
        const at = this.#rx.vector.start(i);
        this.take(this.kernel.arena.u8.subarray(at, at + this.#rx.received(i)));
      }
      frames += n;
    }
  }

  override close(): void {
    super.close();
    if (this.#own !== "") this.kernel.unlink(this.#own);
  }
}

function bound(kernel: Kernel, own: string): number {
  const fd = kernel.socket(SocketType.DGRAM);
  const result = kernel.bind(fd, own, 0o600);
  if (result < 0) throw new Error(`Cannot bind ${own}: ${errnoName(result)}`);
  kernel.setBuffers(fd, 1 << 20);
  return fd;
}
