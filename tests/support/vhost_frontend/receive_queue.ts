/**
 * The ring by which a guest receives: virtio-net's receiveq.
 *
 * Every buffer that comes back is verified: it was written only as far as the switch says. After that it is
 * full of the pattern again.
 *
 * @module
 */
import type { VnetHeader } from "../vnet_header.ts";
import type { Chain, DriverRing } from "./driver_ring.ts";
import type { GuestMemory } from "./guest_memory.ts";
import { type Layout, pieceLengths, WHOLE } from "./layout.ts";
import { takeVnet, vnetBytes } from "./vnet.ts";
import { Feature, hasBit } from "./wire.ts";

/** A frame that arrived. */
export interface Received {
  readonly header: VnetHeader;
  readonly frame: Uint8Array<ArrayBuffer>;
  /** Chains it lay in. */
  readonly chains: number;
}

/** See the head of this file. */
export class ReceiveQueue {
  readonly ring: DriverRing;
  /** VIRTIO_NET_F_MRG_RXBUF. */
  readonly isMerging: boolean;
  readonly #memory: GuestMemory;
  readonly #headerBytes: number;
  #scratch = new Uint8Array(128 << 10);
  #bytes = 1600;
  #layout = WHOLE;

  constructor(memory: GuestMemory, ring: DriverRing, features: bigint) {
    this.ring = ring;
    this.isMerging = hasBit(features, Feature.MRG_RXBUF);
    this.#memory = memory;
    this.#headerBytes = vnetBytes(features);
  }

  /**
   * Make buffers available, without a kick; returns how many there was room for.
   *
   * @param bytes of each, header included
   * @param layout as of a frame behind a header
   */
  post(count: number, bytes: number, layout: Layout = WHOLE): number {
    const lengths = pieceLengths(this.#headerBytes, bytes - this.#headerBytes, layout);
    const direct = Math.min(layout.direct ?? lengths.length, lengths.length);
    const needed = direct + (direct < lengths.length ? 1 : 0);
    for (let i = 0; i < count; i++) {
      if (this.ring.free < needed) return i;
      const pieces = lengths.map((length) => this.#memory.pool.take(length));
      this.ring.add(pieces, true, direct);
    }
    return count;
  }

  /** As many buffers as there is room for, and new ones of this kind for those that {@linkcode refill} finds used. */
  fill(bytes: number, layout: Layout = WHOLE): void {
    this.#bytes = bytes;
    this.#layout = layout;
    this.refill();
  }

  /** Make buffers available again, as {@linkcode fill} did, with a kick when the switch wants it. */
  refill(): void {
    if (this.post(this.ring.size, this.#bytes, this.#layout) > 0) this.ring.kick();
  }

  /** The frames that have arrived. */
  received(): Received[] {
    const frames: Received[] = [];
    for (let frame = this.next(); frame !== undefined; frame = this.next()) frames.push(frame);
    return frames;
  }

  /**
   * The next frame that has arrived.
   *
   * @throws Error when the used ring, the buffers or the header say what cannot be
   */
  next(): Received | undefined {
    let end = this.#take(0);
    if (end < 0) return undefined;
    const view = new DataView(this.#scratch.buffer, 0, 12);
    if (end < this.#headerBytes) throw new Error(`Used with ${end} bytes, less than a header`);
    const chains = this.#headerBytes === 12 ? view.getUint16(10, true) : 1;
    if (chains === 0 || chains > 1 && !this.isMerging) {
      throw new Error(`A frame of ${chains} buffers`);
    }
    for (let i = 1; i < chains; i++) {
      if (!this.#wasFull) throw new Error(`Buffer ${i} of ${chains} is not full`);
      end = this.#take(end);
      if (end < 0) throw new Error(`Only ${i} of ${chains} buffers of a frame are there`);
      if (this.ring.written === 0) throw new Error(`Buffer ${i + 1} of ${chains} is empty`);
    }
    const header = takeVnet(view);
    return { header, frame: this.#scratch.slice(this.#headerBytes, end), chains };
  }

  #wasFull = false;

  /** Copy what was written to the next used chain behind byte `at`; returns the end of it, or -1. */
  #take(at: number): number {
    const chain = this.ring.take();
    if (chain === undefined) return -1;
    this.#wasFull = this.ring.written === chain.room;
    const end = at + this.ring.written;
    this.#makeRoom(end);
    this.#empty(chain, at, this.ring.written);
    this.ring.release(chain);
    return end;
  }

  #empty(chain: Chain, at: number, written: number): void {
    let left = written, to = at;
    for (const { address, length } of chain.pieces) {
      const bytes = Math.min(left, length);
      this.#memory.read(address, bytes, this.#scratch, to);
      to += bytes;
      left -= bytes;
      if (bytes < length && !this.#memory.isOwn(address + bytes, length - bytes)) {
        throw new Error(`A buffer was written to behind the ${written} bytes that were said`);
      }
      if (bytes > 0) this.#memory.restore(address, bytes);
    }
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#scratch.length) return;
    const larger = new Uint8Array(2 * bytes);
    larger.set(this.#scratch);
    this.#scratch = larger;
  }
}
