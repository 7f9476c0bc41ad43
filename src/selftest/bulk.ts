/**
 * Probe: do the calls that move many datagrams at once move all of them, each whole and once, in order?
 *
 * The counts are the point. A kernel that takes a part of a batch says how many, from the first on; if that
 * number is wrong, frames are lost or sent twice and nobody is told. So datagrams are numbered, more are sent than
 * fit, and what arrives is compared with what was said to be taken. Then again in pieces, as the switch sends
 * frames that it has rewritten.
 *
 * @module
 */
import { errnoName, Fault, judge } from "../platform/errno.ts";
import { SocketType } from "../platform/kernel.ts";
import { Slots } from "./datagrams.ts";
import { type Bench, type Probe, ProbeError, same, Sockets } from "./probe.ts";

const COUNT = 512;
/** Datagrams of one call, as the switch does it. */
const BATCH = 64;
/** Shortest to longest frame, with those between that are usual. */
const LENGTHS = [14, 60, 1514, 9014, 65_550];
const SLOT = 65_552;
/** Most pieces of a datagram in the second run. */
const PIECES = 3;
/** So small that a batch does not fit, so large that the longest frame does. */
const BUFFER_BYTES = 256 << 10;
/** Looks in a row at which nothing moves. */
const PATIENCE = 1000;

/** See the head of this file. */
export const bulk: Probe = {
  name: "bulk",
  label: "datagrams in bulk arrive whole, once and in order",
  run(bench) {
    const { kernel } = bench;
    using sockets = new Sockets(kernel);
    const [from, to] = sockets.pair(SocketType.DGRAM);
    const granted = Math.min(
      kernel.setBuffers(from, BUFFER_BYTES),
      kernel.setBuffers(to, BUFFER_BYTES),
    );
    const exchange = new Exchange(bench, from, to);
    exchange.run(() => 1);
    exchange.run((i) => 1 + i % PIECES);
    const { bytes, sends, receives, largest, short } = exchange;
    const calls = kernel.bulk;
    return {
      details: `${2 * COUNT} datagrams, ${Math.round(bytes / 1e6)} MB, by ${sends} sending and ` +
        `${receives} receiving calls (${calls})`,
      figures: {
        ...{ calls, datagrams: 2 * COUNT, bytes, sends, receives },
        ...{ largestBatch: largest, partlyTaken: short, bufferGranted: granted },
      },
    };
  },
};

/** Datagrams from one socket to the other. */
class Exchange {
  bytes = 0;
  /** Calls that moved something. */
  sends = 0;
  receives = 0;
  /** Most datagrams of one receiving call. */
  largest = 0;
  /** Sending calls that took a part of what they were given. */
  short = 0;
  readonly #bench: Bench;
  readonly #from: number;
  readonly #to: number;
  readonly #out: Slots;
  readonly #in: Slots;
  /** Datagrams taken by the kernel, and received, in this run. */
  #sent = 0;
  #got = 0;

  constructor(bench: Bench, from: number, to: number) {
    this.#bench = bench;
    this.#from = from;
    this.#to = to;
    this.#out = new Slots(bench, BATCH, SLOT, { pieces: BATCH * PIECES });
    this.#in = new Slots(bench, BATCH, SLOT);
  }

  /** Send {@linkcode COUNT} datagrams, number i in `pieces(i)` pieces, and receive them. */
  run(pieces: (i: number) => number): void {
    this.#sent = this.#got = 0;
    let idle = 0;
    while (this.#got < COUNT) {
      const before = this.#sent + this.#got;
      const n = Math.min(BATCH, COUNT - this.#sent);
      for (let i = 0; i < n; i++) this.#lay(i, this.#sent + i, pieces(this.#sent + i));
      // In two parts, so that a table is also sent from its middle.
      const half = this.#send(0, n >> 1);
      if (half === n >> 1) this.#send(half, n - half);
      this.#receive();
      idle = this.#sent + this.#got > before ? 0 : idle + 1;
      if (idle > PATIENCE) {
        throw new ProbeError(`${this.#got} of ${this.#sent} datagrams arrived, then none`);
      }
    }
  }

  /** Put datagram `number` into slot `i`. */
  #lay(i: number, number: number, pieces: number): void {
    const { u8, view } = this.#bench.kernel.arena;
    const at = this.#out.start(i), length = lengthOf(number);
    u8.fill(octet(number), at, at + length);
    view.setUint32(at, number);
    view.setUint32(at + length - 4, ~number);
    const first = i * PIECES, part = Math.floor(length / pieces);
    this.#out.table.setPieces(i, first, pieces);
    for (let p = 0; p < pieces; p++) {
      const rest = p === pieces - 1 ? length - p * part : part;
      this.#out.table.vector.set(first + p, at + p * part, rest);
    }
  }

  #send(first: number, count: number): number {
    if (count === 0) return 0;
    const taken = this.#bench.kernel.send(this.#from, this.#out.table, first, count);
    if (taken > count) throw new ProbeError(`${taken} of ${count} datagrams are told as sent`);
    if (taken <= 0) return this.#refused(taken, "sending");
    this.#sent += taken;
    this.sends++;
    if (taken < count) this.short++;
    return taken;
  }

  #receive(): void {
    const count = this.#bench.kernel.receive(this.#to, this.#in.table, BATCH);
    if (count > BATCH) throw new ProbeError(`${count} of ${BATCH} slots are told as filled`);
    if (count <= 0) return void this.#refused(count, "receiving");
    for (let i = 0; i < count; i++) this.#compare(i, this.#got + i);
    this.#got += count;
    this.receives++;
    this.largest = Math.max(this.largest, count);
  }

  #refused(result: number, doing: string): 0 {
    const fault = result < 0 ? judge(result) : Fault.AGAIN;
    if (fault === Fault.AGAIN || fault === Fault.RETRY) return 0;
    throw new ProbeError(`${doing} datagrams failed with ${errnoName(result)}`);
  }

  #compare(i: number, expected: number): void {
    const { u8, view } = this.#bench.kernel.arena;
    const at = this.#in.start(i), number = view.getUint32(at);
    const length = this.#in.table.received(i);
    if (number !== expected) {
      throw new ProbeError(`datagram ${number} came where ${expected} was due`);
    }
    if (expected >= this.#sent) throw new ProbeError(`datagram ${number} came but was not taken`);
    same(length, lengthOf(number), `the length of datagram ${number}`);
    const wrong = view.getUint32(at + length - 4) !== ~number >>> 0 ||
      u8.subarray(at + 4, at + length - 4).some((byte) => byte !== octet(number));
    if (wrong) {
      throw new ProbeError(`datagram ${number} came with other bytes than it was sent with`);
    }
    u8.fill(0, at, at + length);
    this.bytes += length;
  }
}

function lengthOf(number: number): number {
  return LENGTHS[number % LENGTHS.length];
}

function octet(number: number): number {
  return (number * 31 + 7) & 0xff;
}
