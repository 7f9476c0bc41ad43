/**
 * What a front-end has said about one ring: the words of SET_VRING_*, in whatever order they came.
 *
 * @module
 */
import type { GuestMemory } from "./guest_memory.ts";

/** Longest split ring (virtio 1.2, 2.7). */
export const MAX_RING = 32_768;

/** See the head of this file. Offsets are in the arena, -1 while they cannot be told. */
export class RingState {
  /** Descriptors, a power of two; 0 before it is known. */
  size = 0;
  /** Descriptor table. */
  desc = -1;
  /** Available ring, with the event index behind it. */
  avail = -1;
  /** Used ring, with the event index behind it. */
  used = -1;
  /**
   * Next index to take from the available ring, 16 bits. While the ring runs its runner knows it.
   */
  base = 0;
  /** Counter the guest adds to when it has made buffers available; -1 while the ring is stopped. */
  kick = -1;
  /** Counter that tells the guest of used buffers; -1 when it looks by itself. */
  call = -1;
  /**
   * Counter that tells the front-end of our trouble with the ring; -1 when it does not want to
   * know.
   */
  err = -1;
  /** It moves data (SET_VRING_ENABLE). */
  enabled = false;

  /** The same addresses as the front-end gave them; -1 before it did. */
  #userDesc = -1;
  #userAvail = -1;
  #userUsed = -1;

  /** All is known that it takes to run. */
  get ready(): boolean {
    return this.enabled && this.kick >= 0 && this.desc >= 0;
  }

  /**
   * It is to run, and all was said, but it does not lie in the guest's memory (or there is none
   * yet).
   */
  get lost(): boolean {
    return this.enabled && this.kick >= 0 && this.desc < 0 && this.#userDesc >= 0 && this.size > 0;
  }

  /**
   * Remember where it is in the address space of the front-end; {@linkcode translate} has to
   * follow.
   */
  place(desc: number, avail: number, used: number): void {
    this.#userDesc = desc;
    this.#userAvail = avail;
    this.#userUsed = used;
  }

  /** Find it in the memory of the guest, all of it or nothing (sizes: virtio 1.2, 2.7). */
  translate(memory: GuestMemory): void {
    this.desc = this.avail = this.used = -1;
    if (this.size === 0 || this.#userDesc < 0) return;
    const desc = memory.locateUser(this.#userDesc, 16 * this.size);
    const avail = memory.locateUser(this.#userAvail, 6 + 2 * this.size);
    const used = memory.locateUser(this.#userUsed, 6 + 8 * this.size);
    if (desc < 0 || avail < 0 || used < 0) return;
    // again, as the region may be at an odd place
    if (desc % 16 !== 0 || avail % 2 !== 0 || used % 4 !== 0) return;
    this.desc = desc;
    this.avail = avail;
    this.used = used;
  }

  /** Forget all but the descriptors. */
  forget(): void {
    this.size = 0;
    this.base = 0;
    this.enabled = false;
    this.desc = this.avail = this.used = -1;
    this.place(-1, -1, -1);
  }
}
