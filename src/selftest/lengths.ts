/**
 * Probe: datagrams of unusual lengths: none, more than the slot, the longest frame, more than the buffer.
 *
 * An empty datagram is a datagram: it has a slot of its own and ends nothing. One that is cut says so by its length. The
 * longest frame has to fit with its vnet header, whatever buffers are granted; on Darwin the sender's is the
 * longest datagram. And one that never can be sent must be told from one that cannot be sent now.
 *
 * @module
 */
import { Fault } from "../platform/errno.ts";
import { SocketType } from "../platform/kernel.ts";
import { VNET_BYTES } from "../port/batch.ts";
import { MAX_FRAME } from "../port/config.ts";
import { Slots } from "./datagrams.ts";
import { type Bench, judged, must, patiently, type Probe, same, Sockets } from "./probe.ts";

/** What a datagram port asks for. */
const BUFFER_BYTES = 4 << 20;
/** Too small for the longest frame. */
const SMALL_BUFFER_BYTES = 16 << 10;
const LONGEST = VNET_BYTES + MAX_FRAME, SLOT = LONGEST + 1;
const USUAL = 60, SHORT = 32;

/** See the head of this file. */
export const lengths: Probe = {
  name: "lengths",
  label: "empty, cut, longest and too long datagrams are what they are",
  run(bench) {
    const { kernel } = bench;
    using sockets = new Sockets(kernel);
    const [from, to] = sockets.pair(SocketType.DGRAM);
    const [narrow, other] = sockets.pair(SocketType.DGRAM);
    const granted = Math.min(
      must(kernel.setBuffers(from, BUFFER_BYTES), "set buffers"),
      must(kernel.setBuffers(to, BUFFER_BYTES), "set buffers"),
    );
    for (const fd of [narrow, other]) {
      must(kernel.setBuffers(fd, SMALL_BUFFER_BYTES), "set buffers");
    }
    const wire = new Wire(bench);
    wire.pass(from, to, [USUAL, 0, 0, USUAL, 0], "empty datagrams among others");
    wire.cut(from, to);
    wire.pass(from, to, [LONGEST], "the longest datagram");
    const tooLong = wire.send(narrow, [LONGEST]);
    judged(tooLong, Fault.FRAME, "EMSGSIZE", "sending a datagram longer than the buffer");
    wire.pass(narrow, other, [USUAL], "a datagram behind one that was too long");
    return {
      details: `0 to ${LONGEST} bytes; asked for buffers of ${BUFFER_BYTES}, got ${granted}`,
      figures: { longest: LONGEST, bufferAsked: BUFFER_BYTES, bufferGranted: granted },
    };
  },
};

/** A few datagrams at a time, from one socket to another. */
class Wire {
  readonly #bench: Bench;
  readonly #out: Slots;
  readonly #in: Slots;

  constructor(bench: Bench) {
    this.#bench = bench;
    this.#out = new Slots(bench, 8, SLOT);
    this.#in = new Slots(bench, 8, SLOT);
  }

  /** Send datagrams of these lengths, one by one, each filled with its number; returns how many were taken. */
  send(fd: number, lengths: readonly number[]): number {
    const { kernel } = this.#bench;
    for (const [i, length] of lengths.entries()) {
      const at = this.#out.start(i);
      this.#out.cut(i, length);
      kernel.arena.u8.fill(i + 1, at, at + length);
      const result = patiently(() => kernel.send(fd, this.#out.table, i, 1));
      if (result < 1) return i > 0 ? i : result;
    }
    return lengths.length;
  }

  /** Send them, and see that the same arrive. */
  pass(from: number, to: number, lengths: readonly number[], what: string): void {
    same(this.send(from, lengths), lengths.length, `sending ${what}`);
    for (let i = 0; i < lengths.length;) {
      const got = this.#receive(to, `receiving ${what}`);
      for (let slot = 0; slot < got; slot++, i++) {
        this.#compare(slot, lengths[i], i + 1, `${what} (number ${i + 1})`);
      }
    }
  }

  /** A datagram longer than its slot is cut there, shows it by its length, and harms none behind it. */
  cut(from: number, to: number): void {
    same(this.send(from, [USUAL, SHORT]), 2, "sending two datagrams");
    this.#in.cut(0, SHORT);
    let got = this.#receive(to, "receiving a datagram that is cut");
    const told = this.#in.table.received(0);
    if (told < SHORT) same(told, SHORT, "the length of a cut datagram");
    this.#in.cut(0, SLOT);
    let behind = this.#in.table.received(1);
    if (got === 1) {
      got += this.#receive(to, "receiving behind a cut datagram");
      behind = this.#in.table.received(0);
    }
    same(got, 2, "receiving two datagrams, one of them cut,");
    same(behind, SHORT, "the length behind a cut datagram");
  }

  #compare(slot: number, length: number, octet: number, what: string): void {
    const { u8 } = this.#bench.kernel.arena, at = this.#in.start(slot);
    same(this.#in.table.received(slot), length, `the length of ${what}`);
    if (length === 0) return;
    same(u8[at], octet, `the first byte of ${what}`);
    same(u8[at + length - 1], octet, `the last byte of ${what}`);
  }

  #receive(fd: number, doing: string): number {
    const { kernel } = this.#bench, { table } = this.#in;
    const count = patiently(() => kernel.receive(fd, table, table.capacity));
    if (count < 1) same(count, 1, doing);
    return count;
  }
}
