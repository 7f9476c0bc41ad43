/**
 * A split virtqueue (virtio 1.2, 2.7) from the device's side: what both directions have in common.
 *
 * The three parts of a ring lie in guest memory. The driver lists chains of buffers in the available ring,
 * we take them in order and list them in the used ring. Whatever the driver wrote may be wrong, and may be
 * another thing the next moment: an index, a descriptor or a length is read once, checked, and used as it
 * was read. The places of the three parts were checked when the ring was set up, so reading and writing them
 * goes through small typed arrays, whose indexes are small integers (an index above 2^32 costs 15 ns).
 *
 * Indexes that the driver reads or writes while we do are read and written with `Atomics`: what was written
 * before the index is there when the other side sees the index (virtio 1.2, 2.7.13).
 *
 * @module
 */
import { offsetOf, type Windows } from "../../frame/windows.ts";
import type { GuestMemory } from "./guest_memory.ts";

/** Flags of a descriptor (virtio 1.2, 2.7.5): another follows, the device writes it, it is a table. */
export const NEXT = 1, WRITE = 2, INDIRECT = 4;
/** Words of 32 bits of a descriptor: address (2), length, flags and next. */
const DESCRIPTOR_WORDS = 4;
/** Bytes of a descriptor. */
const DESCRIPTOR_BYTES = 16;
/** Flag of the available ring: the driver wants no calls; of the used ring: we want no kicks (2.7.7.1, 2.7.10). */
const NO_INTERRUPT = 1, NO_NOTIFY = 1;
/** Most buffers of one chain. Linux uses up to 47 (MAX_SKB_FRAGS and headers), and nobody more than a few dozen. */
export const CHAIN_BUFFERS = 256;

/** What can be wrong with a ring; negative, so that it is told from a count. */
export const RingFault = {
  AVAILABLE: -1,
  INDEX: -2,
  LOOP: -3,
  DIRECTION: -4,
  MEMORY: -5,
  TABLE: -6,
} as const;

const FAULT_TEXTS: Readonly<Record<number, string>> = {
  [RingFault.AVAILABLE]: "more entries are available than the ring has",
  [RingFault.INDEX]: "a descriptor number is beyond the end of its table",
  [RingFault.LOOP]: `a chain has more than ${CHAIN_BUFFERS} descriptors`,
  [RingFault.DIRECTION]: "a buffer is for the other direction",
  [RingFault.MEMORY]: "a buffer is outside of the guest's memory",
  [RingFault.TABLE]: "an indirect table is malformed",
};

/** A {@linkcode RingFault} in words. */
export function faultText(fault: number): string {
  return FAULT_TEXTS[fault] ?? `unknown fault ${fault}`;
}

/** Where a ring lies, and how it is used. Offsets are in the arena, aligned and inside of guest memory. */
export interface RingPlan {
  /** Entries, a power of two. */
  readonly size: number;
  readonly desc: number;
  readonly avail: number;
  readonly used: number;
  /** Index of the first available entry that was not taken yet. */
  readonly base: number;
  /** VIRTIO_F_EVENT_IDX: each side says at which index it wants to be notified. */
  readonly eventIdx: boolean;
  /** VIRTIO_F_INDIRECT_DESC. */
  readonly indirect: boolean;
}

/** See the head of this file. */
export class Ring {
  readonly size: number;
  /** Index of the next available entry to take, modulo 2^16. */
  next: number;
  /** Index of the next used entry to write, modulo 2^16; the driver does not see it before {@linkcode publish}. */
  usedNext: number;
  /** Buffers of the last chain of {@linkcode walk}, empty ones included. */
  protected walked = 0;
  protected readonly mask: number;
  protected readonly memory: GuestMemory;
  readonly #windows: Windows;
  /** Descriptors, {@linkcode DESCRIPTOR_WORDS} each. */
  protected readonly desc: Int32Array;
  /** flags, idx, `size` heads, used_event. */
  protected readonly avail: Uint16Array;
  /** flags, idx, elements, avail_event. */
  readonly #used: Uint16Array;
  /** Elements of the used ring: head and bytes written. */
  protected readonly elements: Int32Array;
  readonly #plan: RingPlan;
  #published: number;
  /** The driver was called since the ring runs: before that we do not know what it has seen. */
  #hasCalled = false;

  /** @param windows of the arena */
  constructor(windows: Windows, memory: GuestMemory, plan: RingPlan) {
    const { buffer } = windows, { size } = plan;
    this.#plan = plan;
    this.size = size;
    this.mask = size - 1;
    this.memory = memory;
    this.#windows = windows;
    this.desc = new Int32Array(buffer, plan.desc, size * DESCRIPTOR_WORDS);
    this.avail = new Uint16Array(buffer, plan.avail, size + 3);
    this.#used = new Uint16Array(buffer, plan.used, size * 4 + 3);
    this.elements = new Int32Array(buffer, plan.used + 4, size * 2);
    this.next = plan.base & 0xffff;
    // A switch that was killed has left here what it had done.
    this.usedNext = this.#published = Atomics.load(this.#used, 1);
  }

  /** Entries available and not taken, or a {@linkcode RingFault}. */
  count(): number {
    const count = (Atomics.load(this.avail, 1) - this.next) & 0xffff;
    return count > this.size ? RingFault.AVAILABLE : count;
  }

  /** True when nothing has been available since the ring runs. */
  get isUntouched(): boolean {
    return this.next === this.#plan.base && this.count() === 0;
  }

  /** Let the driver see what was used. Returns true when it wants to be called for it. */
  publish(): boolean {
    const before = this.#published, now = this.usedNext;
    if (now === before) return false;
    Atomics.store(this.#used, 1, now);
    this.#published = now;
    const isFirst = !this.#hasCalled;
    this.#hasCalled = true;
    if (!this.#plan.eventIdx) return (Atomics.load(this.avail, 0) & NO_INTERRUPT) === 0;
    // vring_need_event: the index the driver waits for lies between what it has seen and what it sees now.
    const event = Atomics.load(this.avail, 2 + this.size);
    return isFirst || ((now - event - 1) & 0xffff) < ((now - before) & 0xffff);
  }

  /**
   * Ask for a kick when something is available again. Returns how many entries are so already, or a
   * {@linkcode RingFault}: the driver may have added some before it saw that we ask.
   *
   * @param index of the entry that is to be told of
   */
  ask(index: number = this.next): number {
    if (this.#plan.eventIdx) Atomics.store(this.#used, 2 + this.size * 4, index);
    else Atomics.store(this.#used, 0, 0);
    return this.count();
  }

  /** No kicks are needed. With event indexes the one that was asked for last is left to grow old. */
  hush(): void {
    if (!this.#plan.eventIdx) Atomics.store(this.#used, 0, NO_NOTIFY);
  }

  /**
   * List the buffers of the chain that begins with descriptor `head`, from entry `from` of the two arrays on.
   *
   * @param direction {@linkcode WRITE} or 0: what all buffers must be
   * @returns the entry behind the last, or a {@linkcode RingFault}
   */
  walk(
    head: number,
    direction: number,
    at: Float64Array,
    length: Int32Array,
    from: number,
  ): number {
    const memory = this.memory;
    let table = this.#plan.desc, entries = this.size, isIndirect = false;
    let to = from, i = head;
    for (let steps = 0; steps <= CHAIN_BUFFERS; steps++) {
      if (i >= entries) return RingFault.INDEX;
      const view = this.#windows.at(table + i * DESCRIPTOR_BYTES);
      const entry = offsetOf(table + i * DESCRIPTOR_BYTES);
      const address = view.getUint32(entry, true) + view.getUint32(entry + 4, true) * 0x1_0000_0000;
      const bytes = view.getUint32(entry + 8, true), word = view.getUint32(entry + 12, true);
      const place = bytes === 0 ? 0 : memory.locate(address, bytes);
      if (place < 0) return RingFault.MEMORY;
      if ((word & INDIRECT) !== 0) {
        // One level, and nothing behind the table (2.7.5.3.1).
        if (isIndirect || (word & NEXT) !== 0 || !this.#plan.indirect) return RingFault.TABLE;
        if (bytes === 0 || bytes % DESCRIPTOR_BYTES !== 0) return RingFault.TABLE;
        table = place, entries = bytes / DESCRIPTOR_BYTES, isIndirect = true, i = 0;
        continue;
      }
      if ((word & WRITE) !== direction) return RingFault.DIRECTION;
      if (bytes !== 0) {
        at[to] = place;
        length[to++] = Math.min(bytes, 0x7fff_ffff);
      }
      if ((word & NEXT) === 0) {
        this.walked = isIndirect ? steps : steps + 1;
        return to;
      }
      i = word >>> 16;
    }
    return RingFault.LOOP;
  }
}
