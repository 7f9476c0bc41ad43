/**
 * Forwarder and egresses together against the naive switch: who got what, in which order, and what became
 * of the rest.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { BROADCAST, frameOf, mac, numbersOf } from "./frames.ts";
import { Lab } from "./lab.ts";
import { type NaiveFrame, NaivePort, NaiveSwitch } from "./naive_switch.ts";

/** Queues are a few frames deep, or frames would hardly ever find one full. */
const QUEUE = 6000;

type Step =
  | { readonly from: number; readonly frames: readonly Shape[] }
  | { readonly room: number; readonly of: number }
  | { readonly retry: number }
  | { readonly gone: number };

/** A frame to be; `again` repeats it, so that there are runs. */
interface Shape {
  readonly dst: string;
  readonly src: string;
  readonly vid: number;
  readonly bytes: number;
  readonly again: number;
}

const station = fc.nat(7).map(mac);
const dst = fc.oneof(
  { weight: 8, arbitrary: station },
  { weight: 2, arbitrary: fc.constantFrom(BROADCAST, "33:33:00:00:00:fb", "01:80:c2:00:00:00") },
  { weight: 1, arbitrary: fc.constantFrom("01:80:c2:00:00:01", "01:80:c2:00:00:0f", mac(99)) },
);
const src = fc.oneof(
  { weight: 15, arbitrary: station },
  { weight: 1, arbitrary: fc.constantFrom(BROADCAST, "00:00:00:00:00:00", "03:00:00:00:00:01") },
);
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 26, max: 1514 }) },
  { weight: 1, arbitrary: fc.constantFrom(60, 0, 13, 2000, 2001, 3000) },
);
const shape: fc.Arbitrary<Shape> = fc.record({
  dst,
  src,
  vid: fc.constantFrom(0, 0, 0, 7, 4095),
  bytes,
  again: fc.constantFrom(0, 0, 0, 1, 3, 12),
});
const port = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ from: port, frames: fc.array(shape, { maxLength: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ room: fc.constantFrom(0, 1, 3, 10, Infinity), of: port }) },
  { weight: 4, arbitrary: fc.record({ retry: port }) },
  { weight: 1, arbitrary: fc.record({ gone: port }) },
);

/** Both switches, side by side. */
class Pair {
  readonly lab = new Lab();
  readonly naive = new NaiveSwitch();
  #number = 0;

  constructor() {
    // The last port takes shorter frames than the others.
    for (const maxFrame of [2000, 2000, 2000, 2000, 1400]) {
      this.lab.join({ queue: QUEUE, maxFrame });
      this.naive.add(new NaivePort(QUEUE, maxFrame));
    }
  }

  run(steps: readonly Step[]): void {
    for (const each of steps) {
      this.#take(each);
      this.#bury();
      this.#compare();
    }
    for (const { row } of this.lab.ports) this.#take({ room: Infinity, of: row });
    for (const { row } of this.lab.ports) this.#take({ retry: row });
    this.#bury();
    this.#compare();
  }

  #take(each: Step): void {
    const { lab, naive } = this;
    if ("frames" in each) {
      if (lab.egress[each.from] === undefined) return;
      const frames = each.frames.flatMap((one) => this.#repeat(one));
      lab.ingress(lab.ports[each.from], frames.map((one) => frameOf(one.dst, one.src, real(one))));
      naive.ingress(each.from, frames);
    } else if ("of" in each) {
      lab.ports[each.of].room = naive.ports[each.of].room = each.room;
    } else if ("retry" in each) {
      lab.egress[each.retry]?.retry();
      naive.ports[each.retry].retry();
    } else lab.ports[each.gone].gone = naive.ports[each.gone].gone = true;
  }

  #repeat(one: Shape): NaiveFrame[] {
    // The number does not fit into a runt, nor behind its header.
    const frame = () => ({ ...one, number: this.#number++, vid: one.bytes < 26 ? 0 : one.vid });
    return Array.from({ length: one.again + 1 }, frame);
  }

  /** What the engine does between batches with ports whose VM was found gone. */
  #bury(): void {
    for (const { row } of this.lab.goneOnes.splice(0)) {
      this.lab.leave(this.lab.ports[row]);
      this.naive.bury(row);
    }
  }

  #compare(): void {
    const { lab, naive } = this;
    naive.ports.forEach((expected, row) => {
      const real = lab.ports[row];
      assertEquals(numbersOf(real.taken), expected.delivered, `frames of port ${row}`);
      assertEquals(lab.drops(real), expected.drops, `drops of port ${row}`);
      assertEquals(
        [lab.count(real, "rxFrames"), lab.count(real, "copies"), lab.count(real, "queued")],
        [expected.received, expected.copies, expected.queue.length],
        `received, copies and queued of port ${row}`,
      );
    });
    lab.checkBalance();
  }
}

function real({ number, bytes, vid }: NaiveFrame) {
  return vid === 0 ? { number, bytes } : { number, bytes, vid };
}

Deno.test("Forwarder and Egress do what the naive switch does, and account for every frame", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => new Pair().run(steps)),
    { numRuns: 150 },
  );
});
