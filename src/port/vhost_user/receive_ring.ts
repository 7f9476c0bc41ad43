/**
 * The ring a guest receives by: buffers that it has made available, and that we fill.
 *
 * Mostly a frame fits into the next buffer, and where that is, is all there is to find out. Otherwise a
 * frame is spread over the buffers of a chain, and with VIRTIO_NET_F_MRG_RXBUF over several chains (virtio
 * 1.2, 5.1.6.4): they are listed first, and nothing is taken before there is room for the whole frame. What
 * is written is what was checked, never more than the guest gave, and the frame's bytes only.
 *
 * @module
 */
import { CHAIN_BUFFERS, INDIRECT, NEXT, Ring, RingFault, type RingPlan, WRITE } from "./ring.ts";
import type { GuestMemory } from "./guest_memory.ts";

/** Most chains that one frame is spread over; 64 KiB in buffers of 256 bytes. */
const MERGED_CHAINS = 256;

/** Answers of the ring besides {@linkcode RingFault}: no buffer for this frame now; never. */
export const Room = { NONE: -16, NEVER: -17 } as const;

/** See the head of this file. */
export class ReceiveRing extends Ring {
  /** Buffers for a frame, by {@linkcode spread}: where, how long, and how many. */
  readonly at: Float64Array = new Float64Array(MERGED_CHAINS + CHAIN_BUFFERS + 1);
  readonly length: Int32Array = new Int32Array(MERGED_CHAINS + CHAIN_BUFFERS + 1);
  buffers = 0;
  /** Chains these buffers are of. */
  chains = 0;
  /** VIRTIO_NET_F_MRG_RXBUF. */
  readonly #mergeable: boolean;
  /** Available index when it was looked at last. */
  #seen: number;
  /** Available index when there was not room enough. */
  #tried = -1;
  /** Heads of the chains that were spread over, and bytes to be written to each. */
  readonly #heads = new Int32Array(MERGED_CHAINS);
  readonly #bytes = new Int32Array(MERGED_CHAINS);

  constructor(view: DataView, memory: GuestMemory, plan: RingPlan, mergeable: boolean) {
    super(view, memory, plan);
    this.#mergeable = mergeable;
    this.#seen = this.next;
  }

  /**
   * Take the next buffer for `bytes` bytes, when it is one and has room for all of them. Then it is used at
   * once, and it is up to the caller to fill it before {@linkcode publish}.
   *
   * @returns where it is; -1 when it is not that simple: {@linkcode spread} will say
   */
  claim(bytes: number): number {
    if (this.#seen === this.next) {
      this.#look();
      if (this.#seen === this.next) return -1;
    }
    const desc = this.desc, head = this.avail[2 + (this.next & this.mask)];
    if (head >= this.size) return -1;
    if ((desc[head * 4 + 3] & (NEXT | INDIRECT | WRITE)) !== WRITE) return -1;
    const room = desc[head * 4 + 2] >>> 0;
    if (room < bytes) return -1;
    const address = (desc[head * 4] >>> 0) + (desc[head * 4 + 1] >>> 0) * 0x1_0000_0000;
    const place = this.memory.locate(address, bytes);
    if (place >= 0) this.#use(head, bytes);
    return place;
  }

  /**
   * List buffers for `bytes` bytes. They are taken by {@linkcode useSpread}.
   *
   * @returns 0; a {@linkcode Room}; or a {@linkcode RingFault}
   */
  spread(bytes: number): number {
    const available = this.count();
    if (available < 0) return available;
    this.#seen = (this.next + available) & 0xffff;
    const most = this.#mergeable ? Math.min(available, MERGED_CHAINS) : Math.min(available, 1);
    this.buffers = this.chains = 0;
    let missing = bytes;
    for (let k = 0; k < most && missing > 0; k++) {
      const head = this.avail[2 + ((this.next + k) & this.mask)];
      const to = this.walk(head, WRITE, this.at, this.length, this.buffers);
      if (to < 0) return to;
      let room = 0;
      for (let i = this.buffers; i < to; i++) room += this.length[i];
      this.#heads[k] = head;
      this.#bytes[k] = Math.min(room, missing);
      missing -= this.#bytes[k];
      this.buffers = to;
      this.chains = k + 1;
      // Whoever gives buffers of a few bytes gets no large frames.
      if (to > MERGED_CHAINS && missing > 0) return Room.NEVER;
    }
    if (missing === 0) return 0;
    this.#tried = this.#seen;
    if (most === 0) return Room.NONE;
    return !this.#mergeable || available === this.size || most === MERGED_CHAINS
      ? Room.NEVER
      : Room.NONE;
  }

  /** Take the buffers of the last {@linkcode spread}; they have been filled. */
  useSpread(): void {
    for (let k = 0; k < this.chains; k++) this.#use(this.#heads[k], this.#bytes[k]);
  }

  /** True when the driver has added buffers since there was not room enough. */
  get hasMore(): boolean {
    return Atomics.load(this.avail, 1) !== this.#tried;
  }

  #look(): void {
    const count = this.count();
    // A ring with too many entries is left to spread(), which says so.
    if (count > 0) this.#seen = (this.next + count) & 0xffff;
  }

  #use(head: number, bytes: number): void {
    const element = (this.usedNext & this.mask) * 2;
    this.elements[element] = head;
    this.elements[element + 1] = bytes;
    this.usedNext = (this.usedNext + 1) & 0xffff;
    this.next = (this.next + 1) & 0xffff;
  }
}
