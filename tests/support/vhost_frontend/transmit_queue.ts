/**
 * The ring by which a guest sends: virtio-net's transmitq.
 *
 * @module
 */
import { NO_OFFLOAD, type VnetHeader } from "../vnet_header.ts";
import type { DriverRing } from "./driver_ring.ts";
import type { GuestMemory } from "./guest_memory.ts";
import { type Layout, pieceLengths, WHOLE } from "./layout.ts";
import { putVnet, vnetBytes } from "./vnet.ts";

/** How a frame is sent. */
export interface Manner {
  readonly header?: VnetHeader;
  readonly layout?: Layout;
}

/** See the head of this file. */
export class TransmitQueue {
  readonly ring: DriverRing;
  /** Frames that the switch has taken. */
  done = 0;
  readonly #memory: GuestMemory;
  readonly #headerBytes: number;
  readonly #scratch = new Uint8Array(128 << 10);
  readonly #view = new DataView(this.#scratch.buffer);

  constructor(memory: GuestMemory, ring: DriverRing, features: bigint) {
    this.ring = ring;
    this.#memory = memory;
    this.#headerBytes = vnetBytes(features);
  }

  /** Make a frame available, without a kick. False when the ring has no room for it. */
  add(frame: Uint8Array, { header = NO_OFFLOAD, layout = WHOLE }: Manner = {}): boolean {
    const before = this.#headerBytes;
    const lengths = pieceLengths(before, frame.length, layout);
    const direct = Math.min(layout.direct ?? lengths.length, lengths.length);
    const needed = direct + (direct < lengths.length ? 1 : 0);
    if (this.ring.free < needed) this.reclaim();
    if (this.ring.free < needed) return false;
    putVnet(this.#view, header);
    this.#scratch.set(frame, before);
    let from = 0;
    const pieces = lengths.map((length) => {
      const block = this.#memory.pool.take(length);
      this.#memory.write(block.address, this.#scratch, from, from += length);
      return block;
    });
    return this.ring.add(pieces, false, direct) !== undefined;
  }

  /** {@linkcode add} and kick, if the switch wants that. */
  transmit(frame: Uint8Array, manner?: Manner): boolean {
    const added = this.add(frame, manner);
    this.ring.kick();
    return added;
  }

  /** Take back what the switch has read; returns how many frames. */
  reclaim(): number {
    let count = 0;
    for (let chain = this.ring.take(); chain !== undefined; chain = this.ring.take()) {
      this.ring.release(chain);
      count++;
    }
    this.done += count;
    return count;
  }
}
