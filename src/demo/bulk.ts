/**
 * How much TCP-shaped data passes from one host to the other, when one of them leaves checksums and
 * segmentation to the switch and the other does not.
 *
 * With offload a frame holds up to 44 segments and half a checksum; without it a frame is one segment and all
 * there. Either way it has to arrive in a form the receiver understands, so every length, every checksum and every
 * place in the stream is checked. All bytes are compared in one frame of 61; in the others the checksum has
 * to do, as it does in every host.
 *
 * @module
 */
import { sum } from "../frame/checksum.ts";
import { DemoError } from "./demo_error.ts";
import { flow, type Sink, type Source } from "./flow.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { LARGE_FRAME } from "./link.ts";
import { MSS, readTcp, stamp, TCP_HEADERS, writeTcp } from "./tcp.ts";

/** Payload that is handed to the network at once: as many segments as fit, then a short rest. */
const PARTS = [44 * MSS, MSS];
/** The stream repeats itself after as many bytes. */
const CYCLE = 45 * MSS;
/** Bytes under way. */
const WINDOW = 12 * CYCLE;
/** Frames between two that are compared byte by byte. */
const SAMPLE = 61;

/** What a run showed. */
export interface Bulk {
  /** Payload that arrived, in bytes, and what did not. */
  readonly bytes: number;
  readonly lost: number;
  readonly seconds: number;
}

/** Payload of TCP in Gbit/s. */
export function goodput({ bytes, seconds }: Bulk): number {
  return bytes * 8 / seconds / 1e9;
}

/** Send as much from one host to the other as passes in `milliseconds`. */
export async function transfer(
  lab: Lab,
  from: Host,
  to: Host,
  milliseconds: number,
): Promise<Bulk> {
  const sender = new BulkSender(lab, from, to);
  const receiver = new BulkReceiver(lab, to, sender.stream);
  const seconds = await flow(lab, sender, receiver, WINDOW, milliseconds);
  if (receiver.bytes === 0) throw new DemoError("nothing arrived");
  return { bytes: receiver.bytes, lost: sender.count - receiver.bytes, seconds };
}

/** A frame as it is sent again and again. */
interface Template {
  readonly at: number;
  readonly length: number;
  /** Sum of its payload; undefined when its checksum is left to the network. */
  readonly sum: number | undefined;
}

class BulkSender implements Source {
  /** Offset of one cycle of the stream. */
  readonly stream: number;
  /** Bytes of payload put on the way. */
  count = 0;
  readonly #view: DataView;
  readonly #host: Host;
  /** Frames that hold one cycle of the stream. */
  readonly #templates: Template[] = [];
  #next = 0;
  #id = 0;

  constructor(lab: Lab, from: Host, to: Host) {
    const { arena } = lab.kernel;
    this.#view = arena.view;
    this.#host = from;
    this.stream = arena.take(CYCLE);
    for (let i = 0; i < CYCLE; i++) {
      arena.u8[this.stream + i] = Math.imul(i + 1, 0x9e37_79b1) >>> 24;
    }
    const offload = from.link.longest === LARGE_FRAME;
    let start = 0;
    for (const part of PARTS) {
      const step = offload ? part : MSS;
      for (const end = start + part; start < end; start += step) {
        const length = TCP_HEADERS + step, at = arena.take(length), payload = this.stream + start;
        writeTcp(arena, at, length, from.self, to.self, start + step === end);
        arena.u8.copyWithin(at + TCP_HEADERS, payload, payload + step);
        this.#templates.push({
          at,
          length,
          sum: offload ? undefined : sum(arena.view, payload, step),
        });
      }
    }
  }

  send(limit: number): number {
    const { link } = this.#host, before = this.count;
    const room = () => this.count + CYCLE - before <= limit;
    do {
      while (room() && this.#put()) this.#host.sent++;
    } while (link.flush() && room());
    return this.count - before;
  }

  #put(): boolean {
    const { at, length, sum } = this.#templates[this.#next];
    stamp(this.#view, at, length, this.#id, this.count, sum);
    if (!this.#host.link.put(at, length)) return false;
    this.#next = (this.#next + 1) % this.#templates.length;
    this.#id = (this.#id + (length - TCP_HEADERS) / MSS) & 0xffff; // as the segments of a large frame count
    this.count += length - TCP_HEADERS;
    return true;
  }
}

class BulkReceiver implements Sink {
  /** Payload that arrived. */
  bytes = 0;
  /** Place in the stream of the next segment, if none is lost. */
  next = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #host: Host;
  readonly #stream: number;
  #frames = 0;

  constructor(lab: Lab, host: Host, stream: number) {
    this.#bytes = lab.kernel.arena.u8;
    this.#view = lab.kernel.arena.view;
    this.#host = host;
    this.#stream = stream;
  }

  receive(): number {
    return this.#host.receive((at, length) => this.#take(at, length));
  }

  #take(at: number, length: number): void {
    const ahead = (readTcp(this.#view, at, length) - this.next) | 0;
    if (ahead < 0) throw new DemoError(`segments of ${length} bytes arrived twice or too late`);
    const place = this.next + ahead;
    if (this.#frames++ % SAMPLE === 0) this.#compare(at, length, place);
    this.next = place + length - TCP_HEADERS;
    this.bytes += length - TCP_HEADERS;
  }

  #compare(at: number, length: number, place: number): void {
    for (let i = TCP_HEADERS; i < length; i++) {
      const expected = this.#bytes[this.#stream + (place + i - TCP_HEADERS) % CYCLE];
      if (this.#bytes[at + i] !== expected) {
        throw new DemoError(`byte ${place + i - TCP_HEADERS} of the stream arrived as another`);
      }
    }
  }
}
