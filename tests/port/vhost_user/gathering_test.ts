/**
 * After the start of a switch a guest's frames wait in its ring for the VMs they may be for.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TrafficLab } from "./traffic_lab.ts";
import { expect, numbered, type Station } from "./traffic_station.ts";

const KIND = "vhost-user";

/** A switch that has just started; time passes when the test says so, and a little at each look at the clock. */
class YoungLab extends TrafficLab {
  private time?: number;
  readonly #now = this.engine.kernel.now;

  constructor() {
    super();
    this.time = this.engine.now;
    this.engine.kernel.now = () => this.time! += 0.001;
  }

  override skip(milliseconds: number): void {
    if (this.time === undefined) return; // a lab begins with it
    this.time += milliseconds;
    this.settle();
  }

  override close(): void {
    this.engine.kernel.now = this.#now;
    super.close();
  }
}

Deno.test("vhost-user traffic: frames wait for the other VM of a switch that has just started", () => {
  const lab = new YoungLab().open("a", KIND, { pollUs: 0 }).open("b", KIND, { pollUs: 0 });
  const a = lab.guest("a"), { ring } = a.front!.guest.transmit;
  const frames = [1, 2, 3].map((seq) => numbered(a, { n: 2 } as Station, seq, 100 + seq));
  for (const frame of frames) assert(a.send(frame));
  lab.skip(1000);
  assertEquals(ring.usedIndex, 0, "nobody is there to have them");
  const b = lab.guest("b");
  for (const frame of frames) expect(a, b, frame);
  lab.skip(20);
  b.poll();
  assertEquals([b.arrived, lab.outstanding], [3, 0]);
  lab.close();
});

Deno.test("vhost-user traffic: frames wait for VMs that do not come for 1.5 s, and no longer", () => {
  const lab = new YoungLab().open("a", KIND, { pollUs: 0 }).open("b", KIND);
  const { ring } = lab.guest("a").front!.guest.transmit;
  lab.skip(1400);
  assertEquals(ring.usedIndex, 0);
  lab.skip(100);
  lab.skip(20);
  assertEquals(ring.usedIndex, 1);
  lab.close();
});
