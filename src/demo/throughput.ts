/**
 * How many frames a second pass through the switch from one host to the other, all of them delivered.
 *
 * Each frame carries its number and the number's complement at its end, and both are checked, so a lost,
 * cut, repeated or overtaken frame is noticed. All bytes are compared in one frame of 64: in all of them the
 * comparison would cost as much as the switch does.
 *
 * @module
 */
import { DemoError } from "./demo_error.ts";
import { flow, type Sink, type Source } from "./flow.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { ETHERNET_BYTES, writeEthernet } from "./station.ts";

/** An MTU of 1500 and an Ethernet header. */
export const BULK_BYTES = 1514;
/** IEEE 802 Local Experimental Ethertype 1. */
const ETHERTYPE_EXPERIMENT = 0x88b5;
const NUMBER = ETHERNET_BYTES + 2;
const CHECK = BULK_BYTES - 4;
/** Frames under way: 775 KB. */
const WINDOW = 512;
/** Frames between two that are compared byte by byte. */
const SAMPLE = 64;

/** What a run showed. */
export interface Throughput {
  readonly frames: number;
  readonly lost: number;
  readonly seconds: number;
}

/** Payload in Gbit/s, Ethernet header included. */
export function gigabits({ frames, seconds }: Throughput): number {
  return frames * BULK_BYTES * 8 / seconds / 1e9;
}

/** Send as many frames from one host to the other as pass in `milliseconds`. */
export async function measure(
  lab: Lab,
  from: Host,
  to: Host,
  milliseconds: number,
): Promise<Throughput> {
  const sender = new Sender(lab, from, to);
  const receiver = new Receiver(lab, to, sender.template);
  const seconds = await flow(lab, sender, receiver, WINDOW, milliseconds);
  if (receiver.frames === 0) throw new DemoError("no frame arrived");
  const lost = sender.count - receiver.frames;
  return { frames: receiver.frames, lost, seconds };
}

class Sender implements Source {
  /** Offset of the frame whose copies are sent. */
  readonly template: number;
  /** Frames put on the way. */
  count = 0;
  readonly #view: DataView;
  readonly #host: Host;

  constructor(lab: Lab, from: Host, to: Host) {
    const { arena } = lab.kernel;
    this.#view = arena.view;
    this.#host = from;
    this.template = arena.take(BULK_BYTES);
    writeEthernet(arena.u8, this.template, to.self.mac, from.self.mac, ETHERTYPE_EXPERIMENT);
    for (let i = ETHERNET_BYTES; i < BULK_BYTES; i++) arena.u8[this.template + i] = i * 31;
  }

  /** Send at most `limit` frames; returns how many were put in the outbox. */
  send(limit: number): number {
    const { link } = this.#host;
    const before = this.count;
    do {
      while (this.count - before < limit) {
        this.#view.setUint32(this.template + NUMBER, this.count);
        this.#view.setUint32(this.template + CHECK, ~this.count);
        if (!link.put(this.template, BULK_BYTES)) break;
        this.count++;
      }
    } while (link.flush() && this.count - before < limit);
    this.#host.sent += this.count - before;
    return this.count - before;
  }
}

class Receiver implements Sink {
  /** Frames that arrived. */
  frames = 0;
  /** Number of the next frame, if none is lost. */
  next = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #host: Host;
  readonly #template: number;

  constructor(lab: Lab, host: Host, template: number) {
    this.#bytes = lab.kernel.arena.u8;
    this.#view = lab.kernel.arena.view;
    this.#host = host;
    this.#template = template;
  }

  /** Take a batch; returns how many frames it had. */
  receive(): number {
    return this.#host.receive((at, length) => this.#take(at, length));
  }

  #take(at: number, length: number): void {
    if (length !== BULK_BYTES) {
      throw new DemoError(`a frame of ${length} bytes arrived, none was sent`);
    }
    const number = this.#view.getUint32(at + NUMBER);
    if (this.#view.getUint32(at + CHECK) !== (~number >>> 0)) {
      throw new DemoError(`frame ${number} arrived with other bytes than it was sent with`);
    }
    if (number < this.next) throw new DemoError(`frame ${number} arrived twice or too late`);
    if (number % SAMPLE === 0) this.#compare(at, number);
    this.next = number + 1;
    this.frames++;
  }

  #compare(at: number, number: number): void {
    for (let i = 0; i < CHECK; i++) {
      const isNumber = i >= NUMBER && i < NUMBER + 4;
      if (!isNumber && this.#bytes[at + i] !== this.#bytes[this.#template + i]) {
        throw new DemoError(`frame ${number} arrived with another byte ${i} than it was sent with`);
      }
    }
  }
}
