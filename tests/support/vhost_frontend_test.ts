import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Kernel } from "../../src/platform/kernel.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { makeFrame, readFrame } from "./test_frame.ts";
import { FrontEnd, type FrontEndPlan } from "./vhost_frontend/front_end.ts";
import { Guest, type GuestPlan } from "./vhost_frontend/guest.ts";
import { APART, INDIRECT, type Layout, WHOLE } from "./vhost_frontend/layout.ts";
import { NaiveDevice, OFFERED } from "./vhost_frontend/naive_backend.ts";
import { bounce } from "./vhost_frontend/naive_bounce.ts";
import { boot, enable, hello, start, startRing, stop } from "./vhost_frontend/qemu.ts";
import { bits, Feature } from "./vhost_frontend/wire.ts";

const near: Kernel = openKernel(1 << 20, 2 ** 36);
const far: Kernel = openKernel(1 << 20, 2 ** 36);

/** Two front-ends on one kernel, and the naive back-end on another. */
class Pair {
  readonly devices: NaiveDevice[] = [];
  readonly fronts: FrontEnd[];

  constructor(plan: FrontEndPlan = {}, guest: GuestPlan = {}) {
    this.fronts = [0, 1].map((i) => {
      const way = () => {
        assertEquals(near.socketPair(SocketType.STREAM), 0);
        const [mine, its] = near.pair;
        this.devices[i]?.close();
        this.devices[i] = new NaiveDevice(far, its);
        return mine;
      };
      return new FrontEnd(new Guest(near, guest), way, () => this.listen(), plan);
    });
  }

  listen(): void {
    for (const device of this.devices) device?.listen();
  }

  /** Everybody boots. */
  boot(): this {
    for (const front of this.fronts) boot(front);
    this.listen();
    return this;
  }

  /** The back-end does all there is to do; calls come exactly when they are due. */
  run(): void {
    const [a, b] = this.devices;
    this.listen();
    bounce(a, b, far.arena.view);
    bounce(b, a, far.arena.view);
    for (const { guest } of this.fronts) {
      for (const ring of guest.rings) {
        const due = ring.isCallDue;
        assertEquals(ring.takeCalls() > 0, due, "a call and its reason");
      }
    }
  }

  close(verified = true): void {
    for (const front of this.fronts) front.close(verified);
    for (const device of this.devices) device?.close();
  }
}

function frame(from: number, seq: number, length: number): Uint8Array {
  return makeFrame({ from, to: 3 - from, seq, length });
}

const NETWORK = bits(Feature.MRG_RXBUF, Feature.VERSION_1);
const SUBSETS = fc.subarray([
  Feature.MRG_RXBUF,
  Feature.ANY_LAYOUT,
  Feature.INDIRECT_DESC,
  Feature.EVENT_IDX,
  Feature.PROTOCOL_FEATURES,
  Feature.VERSION_1,
]);

const layout: fc.Arbitrary<Layout> = fc.record({
  cuts: fc.array(fc.integer({ min: -12, max: 2000 }), { maxLength: 6 })
    .map((cuts) => cuts.sort((a, b) => a - b)),
  direct: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
}).map(({ cuts, direct }) => direct === undefined ? { cuts } : { cuts, direct });

Deno.test("vhost front-end: any frame, layout, ring and feature set arrives as it was sent", () => {
  fc.assert(
    fc.property(
      SUBSETS,
      fc.constantFrom(32, 64, 256), // room for the longest frame in buffers of the most pieces
      fc.constantFrom(0, 65_530, 32_767),
      fc.boolean(),
      fc.array(fc.tuple(fc.integer({ min: 22, max: 5000 }), layout), { maxLength: 60 }),
      layout,
      (features, size, base, checksum, sent, receiving) => {
        const plan = { wanted: bits(...features), acks: "all" as const };
        const pair = new Pair(plan, { receiveSize: size, transmitSize: size, base }).boot();
        const [a, b] = pair.fronts.map(({ guest }) => guest);
        const merging = features.includes(Feature.MRG_RXBUF);
        b.receive.fill(merging ? 1500 : 5012, receiving);
        const header = {
          flags: checksum ? 1 : 0,
          gsoType: 0,
          headerLength: 54,
          gsoSize: 0,
          checksumStart: 34,
          checksumOffset: 16,
        };
        let arrived = 0, turns = 0;
        const take = () => {
          assert(turns++ < 2000, `stuck after ${arrived} frames`);
          pair.run();
          for (const { frame: bytes, header: said, chains } of b.receive.received()) {
            const { seq, length } = readFrame(bytes);
            assertEquals([seq, length], [arrived + 1, sent[arrived][0]]);
            assertEquals(said, header);
            assert(merging || chains === 1);
            arrived++;
          }
          b.receive.refill();
        };
        sent.forEach(([length, how], i) => {
          const bytes = frame(1, i + 1, length);
          while (!a.transmit.transmit(bytes, { header, layout: how })) take();
        });
        take();
        while (arrived < sent.length) take();
        a.transmit.reclaim();
        assertEquals(a.transmit.done, sent.length);
        assertEquals(a.transmit.ring.outstanding, 0);
        a.assertUntouched();
        pair.close();
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("vhost front-end: frames of all sizes go both ways at once, the rings and their indexes wrap", () => {
  const pair = new Pair({}, { receiveSize: 64, transmitSize: 32, base: 65_000 }).boot();
  const [a, b] = pair.fronts.map(({ guest }) => guest);
  for (const guest of [a, b]) guest.receive.fill(1600);
  for (let seq = 1; seq <= 2000; seq++) {
    for (const [i, guest] of [a, b].entries()) {
      const how = [WHOLE, APART, INDIRECT][seq % 3];
      assert(guest.transmit.transmit(frame(i + 1, seq, 22 + seq), { layout: how }));
    }
    pair.run();
    for (const guest of [a, b]) {
      const got = guest.receive.received().map((one) => readFrame(one.frame));
      assertEquals(got.map((one) => one.length), [22 + seq]);
      guest.receive.refill();
    }
  }
  assert(a.transmit.ring.next < 65_000, "the index has wrapped");
  for (const guest of [a, b]) guest.assertUntouched();
  pair.close();
});

Deno.test("vhost front-end: a driver kicks only when the device wants it", () => {
  for (const wanted of [NETWORK, NETWORK | bits(Feature.EVENT_IDX)]) {
    const pair = new Pair({ wanted }).boot();
    const [a, b] = pair.fronts.map(({ guest }) => guest);
    b.receive.fill(1600);
    pair.run();
    const { ring } = a.transmit, before = ring.kicks;
    for (let i = 1; i <= 3; i++) a.transmit.transmit(frame(1, i, 60));
    // Without event indexes the device has to say that it wants none, and this one does not.
    assertEquals(ring.kicks - before, wanted === NETWORK ? 3 : 1);
    pair.run();
    a.transmit.transmit(frame(1, 4, 60));
    assertEquals(ring.kicks - before, wanted === NETWORK ? 4 : 2);
    pair.close();
  }
});

Deno.test("vhost front-end: no call is due for a driver that wants none", () => {
  const pair = new Pair({ wanted: NETWORK }).boot();
  const [a, b] = pair.fronts.map(({ guest }) => guest);
  b.receive.fill(1600);
  b.receive.ring.disableCalls();
  a.transmit.transmit(frame(1, 1, 60));
  pair.run();
  assertEquals([a.transmit.ring.calls, b.receive.ring.calls], [1, 0]);
  assert(b.receive.ring.enableCalls(), "something is there");
  b.receive.received();
  a.transmit.transmit(frame(1, 2, 60));
  pair.run();
  assertEquals(b.receive.ring.calls, 1);
  b.receive.ring.swapCall();
  pair.fronts[1].setVringCall(0);
  a.transmit.transmit(frame(1, 3, 60));
  pair.run();
  assertEquals(b.receive.ring.calls, 2);
  pair.close();
});

Deno.test("vhost front-end: a guest goes on after a reconnect, a stop, a move and a split of its memory", () => {
  const pair = new Pair({ acks: "all" }).boot(), [front, other] = pair.fronts;
  const a = front.guest, b = other.guest;
  b.receive.fill(400);
  let seq = 0;
  const talk = () => {
    seq++;
    assert(a.transmit.transmit(frame(1, seq, 1000)));
    pair.run();
    assertEquals(b.receive.received().map((one) => readFrame(one.frame).seq), [seq]);
    b.receive.refill();
  };
  const say = (steps: { run(): void }[]) => steps.forEach((each) => each.run());
  talk();
  for (const each of pair.fronts) each.disconnect();
  for (const each of pair.fronts) {
    each.connect();
    say([...hello(each), ...start(each)]);
  }
  talk();
  say(stop(front));
  a.transmit.add(frame(1, seq + 1, 1000));
  pair.run();
  assertEquals(b.receive.received(), [], "its ring is stopped");
  say([...startRing(front, 0), ...startRing(front, 1), ...enable(front, true)]);
  pair.run();
  assertEquals(b.receive.received().length, 1);
  seq++;
  for (const guest of [a, b]) guest.move();
  for (const each of pair.fronts) each.setMemTable();
  talk();
  a.memory.split(1, 64 << 10);
  front.setMemTable();
  talk();
  pair.close();
});

Deno.test("vhost front-end: a byte written where nobody may write is found", () => {
  for (const where of ["low", "high", "available", "sent"] as const) {
    const pair = new Pair().boot(), { guest } = pair.fronts[0];
    const { ring } = guest.transmit;
    guest.transmit.add(frame(1, 1, 60));
    guest.assertUntouched();
    const [low, high] = guest.memory.regions;
    const address = {
      low: low.guest + 77,
      high: high.guest + high.bytes - 1,
      available: ring.blocks.avail.address + 5,
      sent: 0,
    }[where];
    const { file, offset } = low;
    const at = where === "sent"
      ? file.shadow.findIndex((byte, i) => byte === 0x88 && file.shadow[i + 1] === 0xb5)
      : where === "low" || where === "available" && address < 2 ** 32
      ? address - low.guest + offset
      : address - high.guest + high.offset;
    file.u8[at] ^= 1;
    assertThrows(() => guest.assertUntouched(), Error, "was written to at");
    file.u8[at] ^= 1;
    pair.close();
  }
});

Deno.test("vhost front-end: what a device says of a buffer has to be true", () => {
  const lies: [
    text: string,
    written: number,
    head: number,
    tell: (v: DataView, at: number) => void,
  ][] = [
    [
      "behind the 72 bytes",
      72,
      0,
      (view, at) => view.setUint8(at + 72, view.getUint8(at + 72) ^ 1),
    ],
    ["which the device does not have", 72, 9, () => {}],
    ["5000 bytes of 1600", 5000, 0, () => {}],
    ["less than a header", 11, 0, () => {}],
    ["of 0 buffers", 72, 0, (view, at) => view.setUint16(at + 10, 0, true)],
    ["Buffer 1 of 2 is not full", 72, 0, (view, at) => view.setUint16(at + 10, 2, true)],
    ["Only 1 of 2", 1600, 0, (view, at) => view.setUint16(at + 10, 2, true)],
  ];
  for (const [text, written, head, tell] of lies) {
    const pair = new Pair({ wanted: NETWORK }).boot(), { guest } = pair.fronts[0];
    guest.receive.post(1, 1600);
    const device = pair.devices[0], view = far.arena.view;
    const at = device.chain(0, 0)!.pieces[0][0];
    for (let i = 0; i < Math.min(written, 12); i++) view.setUint8(at + i, i === 10 ? 1 : 0);
    tell(view, at);
    device.use(0, head, written);
    device.publish(0);
    assertThrows(() => guest.receive.received(), Error, text);
    pair.close(false);
  }
});

Deno.test("vhost front-end: a device that does not answer, or ends, is noticed", () => {
  const pair = new Pair(), [front] = pair.fronts;
  front.connect();
  assertEquals(front.getFeatures(), OFFERED);
  pair.devices[0].close();
  assertThrows(() => front.getFeatures(), Error, "has closed the connection");
  assert(front.channel.isOver);
  for (const each of pair.fronts) each.close();
});
