/**
 * Frames with a virtio-net header in front of them, as they come in.
 *
 * The header is hostile like all the rest. Here, once, it is compared with the frame it stands in front
 * of, and put into one canonical form in place (offload/accept.ts); whoever reads it later may trust it.
 *
 * @module
 */
import { acceptVnet, Verdict } from "../offload/accept.ts";
import { Headers } from "../frame/headers.ts";
import type { Port, Switch } from "./port.ts";

/** Admits frames of ports with a vnet header. */
export class VnetIn {
  readonly #switch: Switch;
  readonly #headers = new Headers();

  constructor(host: Switch) {
    this.#switch = host;
  }

  /** Add the datagram of `length` bytes at `at`, which came by `port`, to the batch if it is {@linkcode admit}ted. */
  take(port: Port, at: number, length: number): void {
    if (!this.admit(port, at, length)) return;
    const { batch, kernel } = this.#switch, { vnetHdr } = port.config;
    batch.add(kernel.arena.view, at + vnetHdr, length - vnetHdr, vnetHdr);
  }

  /**
   * Judge `length` bytes at `at` that came by `port`: a vnet header and a frame. A bad one is counted.
   *
   * @returns true when the frame behind the header may be forwarded
   */
  admit(port: Port, at: number, length: number): boolean {
    const { vnetHdr, sends } = port.config;
    if (vnetHdr === 0) return true;
    const frame = at + vnetHdr, bytes = length - vnetHdr;
    const code = bytes < 0
      ? Verdict.SHORT
      : acceptVnet(this.#switch.kernel.arena.view, at, vnetHdr, frame, bytes, sends, this.#headers);
    if (code === Verdict.OK) return true;
    this.#switch.misdeclared(port, code, at, length);
    return false;
  }
}
