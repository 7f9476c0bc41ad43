/**
 * A split virtqueue from the driver's side, as Linux's virtio_ring.c drives one (virtio 1.2, 2.7): free
 * descriptors, chains in the available ring, what the device gives back in the used ring, and who is to be
 * notified when. It believes nothing the device says, and throws when that is wrong.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import type { GuestMemory, Span } from "./guest_memory.ts";
import type { Block } from "./pool.ts";
import { SplitRing } from "./split_ring.ts";

/** Flags of a descriptor. */
export const NEXT = 1, WRITE = 2, INDIRECT = 4;
/** Bytes of a descriptor. */
const ENTRY = 16;

/** What a driver chooses about a ring. */
export interface DriverRingPlan {
  /** A power of two, at most 32,768. */
  readonly size: number;
  /** Index both sides begin at, modulo 65,536. */
  readonly base?: number;
  /** VIRTIO_F_EVENT_IDX. */
  readonly eventIdx: boolean;
}

/** Descriptors of one use of the ring. */
export interface Chain {
  readonly head: number;
  /** Descriptors in the ring. */
  readonly entries: readonly number[];
  /** Buffers, in order. */
  readonly pieces: readonly Block[];
  /** The indirect table. */
  readonly table: Block | undefined;
  /** Bytes the device may write; 0 when the chain is for reading. */
  readonly room: number;
}

/** See the head of this file. */
export class DriverRing extends SplitRing {
  /** Notifications that were sent and that have arrived. */
  kicks = 0;
  calls = 0;
  /** Bytes that the device wrote to the last chain of {@linkcode take}, as it says. */
  written = 0;
  /** Next entry of the used ring to take, and of the available ring to fill. */
  next: number;
  available: number;
  readonly #kernel: Kernel;
  readonly #eventIdx: boolean;
  readonly #freeEntries: number[] = [];
  readonly #chains: (Chain | undefined)[] = [];
  readonly #calls: number[] = [];
  /** Entries made available since the last {@linkcode kick}. */
  #added = 0;
  #wantsCalls = true;
  /** Used index up to which {@linkcode takeCalls} has looked for calls. */
  #accounted: number;
  readonly kickFd: number;
  readonly errorFd: number;

  constructor(kernel: Kernel, memory: GuestMemory, plan: DriverRingPlan) {
    super(memory, plan.size, plan.base ?? 0);
    this.#kernel = kernel;
    this.#eventIdx = plan.eventIdx;
    this.next = this.available = this.#accounted = this.base;
    for (let i = plan.size - 1; i >= 0; i--) this.#freeEntries.push(i);
    this.kickFd = kernel.openWake();
    this.errorFd = kernel.openWake();
    this.#calls.push(kernel.openWake());
    if (plan.eventIdx) this.usedEvent = this.base;
  }

  /** Descriptors that are free. */
  get free(): number {
    return this.#freeEntries.length;
  }

  /** Chains that the device has. */
  get outstanding(): number {
    return this.#chains.reduce((sum, chain) => sum + (chain === undefined ? 0 : 1), 0);
  }

  /** The descriptor by which the device calls. */
  get callFd(): number {
    return this.#calls[this.#calls.length - 1];
  }

  /** Use another descriptor for calls; those by the old ones still count. */
  swapCall(): number {
    this.#calls.push(this.#kernel.openWake());
    return this.callFd;
  }

  /** Spans where the device may write now: its part of the ring, and the buffers it was given. */
  get foreign(): Span[] {
    const spans = [this.usedSpan];
    for (const chain of this.#chains) {
      if (chain !== undefined && chain.room > 0) spans.push(...chain.pieces);
    }
    return spans;
  }

  /**
   * Make buffers available.
   *
   * @param writable the device is to write them
   * @param direct how many of them get a descriptor in the ring; a table holds the others
   * @returns undefined when too few descriptors are free
   */
  add(pieces: readonly Block[], writable: boolean, direct = pieces.length): Chain | undefined {
    const inRing = Math.min(direct, pieces.length), hasTable = inRing < pieces.length;
    if (this.#freeEntries.length < inRing + (hasTable ? 1 : 0)) return undefined;
    const table = hasTable ? this.#table(pieces.slice(inRing), writable) : undefined;
    const buffers = table === undefined ? pieces : [...pieces.slice(0, inRing), table];
    const entries = buffers.map(() => this.#freeEntries.pop()!);
    for (let i = 0; i < buffers.length; i++) {
      const isTable = i === inRing, more = i + 1 < buffers.length;
      const flags = isTable ? INDIRECT : (writable ? WRITE : 0) | (more ? NEXT : 0);
      this.describe(entries[i], buffers[i], flags, more ? entries[i + 1] : 0);
    }
    let room = 0;
    if (writable) { for (const { length } of pieces) room += length; }
    const chain = { head: entries[0], entries, pieces, table, room };
    this.#chains[chain.head] = chain;
    this.offer(chain.head);
    return chain;
  }

  /** Put a head into the available ring, whatever it is, and let the device see it. */
  offer(head: number): void {
    this.setAvailable(this.available, head);
    this.available = (this.available + 1) & 0xffff;
    this.#added = (this.#added + 1) & 0xffff;
    this.availableIndex = this.available;
  }

  /** Notify the device of what was added since the last time, if it wants to be; true when it was. */
  kick(): boolean {
    const added = this.#added;
    this.#added = 0;
    const wanted = this.#eventIdx
      ? ((this.available - this.availEvent - 1) & 0xffff) < added
      : (this.usedFlags & 1) === 0;
    if (wanted) this.forceKick();
    return wanted;
  }

  /** Notify the device in any case. */
  forceKick(): void {
    this.#kernel.wake(this.kickFd);
    this.kicks++;
  }

  /**
   * Take what the device has done with next, undefined when there is nothing. The chain's buffers and table are
   * the caller's.
   *
   * @throws Error when it gives back what it does not have, or says to have written more than there was room
   */
  take(): Chain | undefined {
    const moved = (this.usedIndex - this.next) & 0xffff;
    if (moved === 0) return undefined;
    const [head, written] = this.usedElement(this.next);
    const chain = this.#chains[head];
    if (moved > this.size) throw new Error(`The used index moved ${moved} entries at once`);
    if (chain === undefined) throw new Error(`Used: chain ${head}, which the device does not have`);
    if (written > chain.room) throw new Error(`Used: ${written} bytes of ${chain.room}`);
    this.written = written;
    this.#chains[head] = undefined;
    for (const entry of chain.entries) this.#freeEntries.push(entry);
    this.next = (this.next + 1) & 0xffff;
    if (this.#eventIdx && this.#wantsCalls) this.usedEvent = this.next;
    return chain;
  }

  /** Give the blocks of a chain back to the guest's pool. */
  release(chain: Chain): void {
    for (const piece of chain.pieces) this.memory.pool.give(piece);
    if (chain.table !== undefined) this.memory.pool.give(chain.table);
  }

  // ---- calls ----

  /** Ask for calls from the next used entry on; true when there is one already. */
  enableCalls(): boolean {
    this.#wantsCalls = true;
    if (this.#eventIdx) this.usedEvent = this.next;
    else this.availFlags = 0;
    return this.usedIndex !== this.next;
  }

  /** Ask for no calls. With event indexes that is only a hint, as in Linux: the event grows old. */
  disableCalls(): void {
    this.#wantsCalls = false;
    if (!this.#eventIdx) this.availFlags = 1;
  }

  /**
   * True when the device had to call for what it has used since the last {@linkcode takeCalls}. Ask before
   * taking or changing anything, and while the device stands still.
   */
  get isCallDue(): boolean {
    const used = this.usedIndex, moved = (used - this.#accounted) & 0xffff;
    if (!this.#eventIdx) return moved > 0 && (this.availFlags & 1) === 0;
    return ((used - this.usedEvent - 1) & 0xffff) < moved;
  }

  /** Calls that have arrived since the last time. */
  takeCalls(): number {
    this.#accounted = this.usedIndex;
    const calls = this.#calls.reduce((sum, fd) => sum + this.#kernel.takeWakes(fd), 0);
    this.calls += calls;
    return calls;
  }

  /** The ring is of no use any more: what the device has written stays as it is, its buffers are free. */
  close(): void {
    this.memory.adopt(this.usedSpan);
    for (const chain of this.#chains) {
      if (chain === undefined) continue;
      if (chain.room > 0) {
        for (const { address, length } of chain.pieces) this.memory.restore(address, length);
      }
      this.release(chain);
    }
    this.releaseParts();
    for (const fd of [this.kickFd, this.errorFd, ...this.#calls]) this.#kernel.close(fd);
  }

  #table(pieces: readonly Block[], writable: boolean): Block {
    const bytes = new Uint8Array(pieces.length * ENTRY), view = new DataView(bytes.buffer);
    pieces.forEach(({ address, length }, i) => {
      const more = i + 1 < pieces.length;
      view.setBigUint64(i * ENTRY, BigInt(address), true);
      view.setUint32(i * ENTRY + 8, length, true);
      view.setUint16(i * ENTRY + 12, (writable ? WRITE : 0) | (more ? NEXT : 0), true);
      view.setUint16(i * ENTRY + 14, more ? i + 1 : 0, true);
    });
    const table = this.memory.pool.take(bytes.length, ENTRY);
    this.memory.write(table.address, bytes);
    return table;
  }
}
