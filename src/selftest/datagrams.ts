/**
 * Datagrams for probes: slots in the arena to send from and to receive into, and datagrams that carry a number.
 *
 * Whether something was lost, came twice or came from somebody else shows by the numbers, so nearly every probe
 * sends them.
 *
 * @module
 */
import type { Kernel } from "../platform/kernel.ts";
import { MessageTable } from "../platform/vectors.ts";
import { type Bench, patiently, same } from "./probe.ts";

/** What tables of a probe may have beyond one piece for each message and no names. */
export interface SlotOptions {
  /** Room for the address of whom each is from. */
  readonly named?: boolean;
  /** Pieces of all messages together. */
  readonly pieces?: number;
}

/** A message table, each of whose messages has a slot of its own. */
export class Slots {
  readonly table: MessageTable;
  readonly #at: number;
  readonly #bytes: number;

  constructor(bench: Bench, count: number, bytes: number, options: SlotOptions = {}) {
    const { arena, abi } = bench.kernel, { named = false, pieces = count } = options;
    this.table = new MessageTable(arena, abi, count, named, pieces);
    this.#at = arena.take(count * bytes);
    this.#bytes = bytes;
    for (let i = 0; i < count; i++) this.cut(i, bytes);
  }

  /** Where slot `i` begins. */
  start(i: number): number {
    return this.#at + i * this.#bytes;
  }

  /** Make message `i` the first `length` bytes of its slot. */
  cut(i: number, length: number): void {
    this.table.set(i, this.start(i), length);
  }
}

/** Datagrams of one length, sent and received one at a time, whose first four bytes are a number. */
export class Numbered {
  readonly #kernel: Kernel;
  readonly #out: Slots;
  readonly #in: Slots;
  readonly #length: number;

  constructor(bench: Bench, length: number) {
    this.#kernel = bench.kernel;
    this.#out = new Slots(bench, 1, length);
    this.#in = new Slots(bench, 1, length + 1);
    this.#length = length;
  }

  /** Send one; what the call gave. */
  send(fd: number, number: number): number {
    this.#kernel.arena.view.setUint32(this.#out.start(0), number);
    return patiently(() => this.#kernel.send(fd, this.#out.table, 0, 1));
  }

  /** Receive one: its number, or the error. */
  receive(fd: number): number {
    const { table } = this.#in;
    const result = patiently(() => this.#kernel.receive(fd, table, 1));
    if (result < 0) return result;
    same(result, 1, "receiving one datagram");
    same(table.received(0), this.#length, "the length of a datagram");
    return this.#kernel.arena.view.getUint32(this.#in.start(0));
  }

  /** Send number `number` from one socket to the other, where it has to arrive. */
  pass(from: number, to: number, number: number, what: string): void {
    same(this.send(from, number), 1, `sending ${what}`);
    same(this.receive(to), number, `receiving ${what}`);
  }
}
