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
import type { Windows } from "../../frame/windows.ts";
import { CHAIN_BUFFERS, INDIRECT, NEXT, Ring, RingFault, type RingPlan, WRITE } from "./ring.ts";
import type { GuestMemory } from "./guest_memory.ts";

/** Most chains that one frame is spread over; 64 KiB in buffers of 256 bytes. */
const MERGED_CHAINS = 256;

/** Flags that say what a descriptor is. */
const KINDS = NEXT | INDIRECT | WRITE;
/** Longest buffer that has a length of 32 bits with a sign. */
const LONGEST = 0x7fff_ffff;

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

  constructor(windows: Windows, memory: GuestMemory, plan: RingPlan, mergeable: boolean) {
    super(windows, memory, plan);
    this.#mergeable = mergeable;
    this.#seen = this.next;
  }

  /**
   * Take a buffer for each of frames `from` .. `to - 1`, of `lead` bytes more than their length, as long as the next
   * one is a single buffer with room for all of it. They are used at once, and it is up to the caller to fill them before
   * {@linkcode publish}.
   *
   * @param places where they are
   * @returns for how many frames, from the first on; for the next, {@linkcode spread} will say why not
   */
  claim(length: Int32Array, from: number, to: number, lead: number, places: Float64Array): number {
    const { desc, avail, elements, memory, mask, size } = this;
    let { next, usedNext } = this, available = (this.#seen - next) & 0xffff;
    if (available < to - from) available = this.#look();
    const most = Math.min(to - from, available);
    let k = 0;
    for (; k < most; k++) {
      const head = avail[2 + (next & mask)], bytes = lead + length[from + k];
      if (head >= size) break;
      const room = desc[head * 4 + 2] >>> 0;
      if ((desc[head * 4 + 3] & KINDS) !== WRITE || room < bytes) break;
      const address = (desc[head * 4] >>> 0) + (desc[head * 4 + 1] >>> 0) * 0x1_0000_0000;
      const place = memory.locate(address, bytes);
      if (place < 0) break;
      places[k] = place;
      const element = (usedNext & mask) * 2;
      elements[element] = head;
      elements[element + 1] = bytes;
      next = (next + 1) & 0xffff;
      usedNext = (usedNext + 1) & 0xffff;
    }
    this.next = next;
    this.usedNext = usedNext;
    return k;
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
    let missing = bytes, walked = 0;
    for (let k = 0; k < most && missing > 0; k++) {
      const head = this.avail[2 + ((this.next + k) & this.mask)];
      const to = this.#list(head);
      if (to < 0) return to;
      let room = 0;
      for (let i = this.buffers; i < to; i++) room += this.length[i];
      this.#heads[k] = head;
      this.#bytes[k] = Math.min(room, missing);
      missing -= this.#bytes[k];
      this.buffers = to;
      this.chains = k + 1;
      walked += this.walked;
      // Whoever gives buffers of a few bytes, or of none, gets no large frames, and does not keep us looking.
      if (walked > MERGED_CHAINS && missing > 0) return Room.NEVER;
    }
    if (missing === 0) return 0;
    this.#tried = this.#seen;
    if (most === 0) return Room.NONE;
    return !this.#mergeable || available === this.size || most === MERGED_CHAINS
      ? Room.NEVER
      : Room.NONE;
  }

  /** List the buffers of a chain behind those that are; as {@linkcode Ring.walk}, and quicker for a single one. */
  #list(head: number): number {
    const desc = this.desc, n = this.buffers;
    if (head >= this.size) return RingFault.INDEX;
    const bytes = desc[head * 4 + 2] >>> 0, flags = desc[head * 4 + 3] & KINDS;
    if (flags !== WRITE || bytes === 0 || bytes > LONGEST) {
      return this.walk(head, WRITE, this.at, this.length, n);
    }
    const address = (desc[head * 4] >>> 0) + (desc[head * 4 + 1] >>> 0) * 0x1_0000_0000;
    const place = this.memory.locate(address, bytes);
    if (place < 0) return RingFault.MEMORY;
    this.at[n] = place;
    this.length[n] = bytes;
    this.walked = 1;
    return n + 1;
  }

  /** Take the buffers of the last {@linkcode spread}; they have been filled. */
  useSpread(): void {
    for (let k = 0; k < this.chains; k++) this.#use(this.#heads[k], this.#bytes[k]);
  }

  /** Ask for a kick when there are more buffers than were found too few. */
  askMore(): void {
    this.ask(this.#seen);
  }

  /** True when the driver has added buffers since there was not room enough. */
  get hasMore(): boolean {
    return Atomics.load(this.avail, 1) !== this.#tried;
  }

  /** Look how many entries are available; a ring with too many is left to {@linkcode spread}, which says so. */
  #look(): number {
    const count = Math.max(0, this.count());
    this.#seen = (this.next + count) & 0xffff;
    return count;
  }

  #use(head: number, bytes: number): void {
    const element = (this.usedNext & this.mask) * 2;
    this.elements[element] = head;
    this.elements[element + 1] = bytes;
    this.usedNext = (this.usedNext + 1) & 0xffff;
    this.next = (this.next + 1) & 0xffff;
  }
}
