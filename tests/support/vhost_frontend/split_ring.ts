/**
 * The three parts of a split virtqueue in guest memory, field by field (virtio 1.2, 2.7): what a driver
 * writes and reads, right or wrong.
 *
 * @module
 */
import type { GuestMemory, Span } from "./guest_memory.ts";
import type { Block } from "./pool.ts";

/** One part: in the guest's memory, and in the copy of what the guest has written. */
interface Part {
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly own16: Uint16Array;
  readonly own32: Uint32Array;
}

/** See the head of this file. */
export class SplitRing {
  readonly size: number;
  /** Index at which it was made. */
  readonly base: number;
  /** Guest addresses of the parts. */
  readonly blocks: { readonly desc: Block; readonly avail: Block; readonly used: Block };
  protected readonly memory: GuestMemory;
  #desc: Part;
  #avail: Part;
  #used: Part;

  constructor(memory: GuestMemory, size: number, base: number) {
    this.size = size;
    this.base = base & 0xffff;
    this.memory = memory;
    // Alignments of 2.7: 16, 2 and 4; each part is taken with its own and no better.
    const { pool } = memory;
    this.blocks = {
      desc: offset(pool.take(16 * size + 16, 16), 16, 16 * size),
      avail: offset(pool.take(6 + 2 * size + 2, 2), 2, 6 + 2 * size),
      used: offset(pool.take(6 + 8 * size + 4, 4), 4, 6 + 8 * size),
    };
    for (const { address, length } of Object.values(this.blocks)) {
      memory.write(address, new Uint8Array(length));
    }
    [this.#desc, this.#avail, this.#used] = this.#parts();
    this.availableIndex = this.base;
    this.#used.u16[1] = this.#used.own16[1] = this.base;
  }

  /** Look for the ring where it is now: the memory has moved. */
  attach(): void {
    [this.#desc, this.#avail, this.#used] = this.#parts();
  }

  /** Write descriptor `i`. */
  describe(i: number, { address, length }: Span, flags: number, next: number): void {
    const low = address % 2 ** 32, high = (address - low) / 2 ** 32, last = flags | next << 16;
    this.#put32(this.#desc, i * 4, low);
    this.#put32(this.#desc, i * 4 + 1, high);
    this.#put32(this.#desc, i * 4 + 2, length);
    this.#put32(this.#desc, i * 4 + 3, last);
  }

  /** Write an entry of the available ring. */
  setAvailable(index: number, head: number): void {
    this.#put16(this.#avail, 2 + (index & this.size - 1), head);
  }

  /** Entry of the used ring: head and bytes. */
  usedElement(index: number): [head: number, written: number] {
    const { u32 } = this.#used, i = 1 + (index & this.size - 1) * 2;
    return [u32[i], u32[i + 1]];
  }

  set availableIndex(index: number) {
    this.#put16(this.#avail, 1, index);
  }

  get usedIndex(): number {
    return Atomics.load(this.#used.u16, 1);
  }

  get availFlags(): number {
    return this.#avail.own16[0];
  }

  set availFlags(flags: number) {
    this.#put16(this.#avail, 0, flags);
  }

  get usedFlags(): number {
    return Atomics.load(this.#used.u16, 0);
  }

  /** Used index whose passing the driver wants to be called for. */
  get usedEvent(): number {
    return this.#avail.own16[2 + this.size];
  }

  set usedEvent(index: number) {
    this.#put16(this.#avail, 2 + this.size, index);
  }

  /** Available index whose passing the device wants to be kicked for. */
  get availEvent(): number {
    return Atomics.load(this.#used.u16, 2 + 4 * this.size);
  }

  /** The part that the device writes. */
  get usedSpan(): Span {
    return this.blocks.used;
  }

  protected releaseParts(): void {
    for (const block of Object.values(this.blocks)) this.memory.pool.give(block);
  }

  #parts(): Part[] {
    return [this.blocks.desc, this.blocks.avail, this.blocks.used].map(({ address, length }) => {
      const { file, guest, offset } = this.memory.regionOf(address, length);
      const at = address - guest + offset, real = file.u8, own = file.shadow;
      const here = real.byteOffset + at;
      // The available ring has no words of 32 bits, and need not lie at a multiple of 4.
      const words = at % 4 === 0 ? length >> 2 : 0;
      return {
        u16: new Uint16Array(real.buffer, here, length >> 1),
        u32: words > 0 ? new Uint32Array(real.buffer, here, words) : new Uint32Array(),
        own16: new Uint16Array(own.buffer, at, length >> 1),
        own32: words > 0 ? new Uint32Array(own.buffer, at, words) : new Uint32Array(),
      };
    });
  }

  #put16(part: Part, i: number, value: number): void {
    part.own16[i] = value;
    Atomics.store(part.u16, i, value);
  }

  #put32(part: Part, i: number, value: number): void {
    part.own32[i] = value;
    part.u32[i] = value;
  }
}

/** The block without its first bytes, so that it is aligned no better than it has to be. */
function offset(block: Block, bytes: number, length: number): Block {
  return { ...block, address: block.address + bytes, length };
}
