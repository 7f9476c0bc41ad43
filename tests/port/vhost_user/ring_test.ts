import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ReceiveRing, Room } from "../../../src/port/vhost_user/receive_ring.ts";
import { faultText, Ring, RingFault } from "../../../src/port/vhost_user/ring.ts";
import { TransmitRing } from "../../../src/port/vhost_user/transmit_ring.ts";
import { naiveChain, REGIONS, RingLab } from "./ring_lab.ts";

/** Stands in for the lists of pieces that a ring writes to. */
function pieces() {
  const scatter = {
    pieces: 0,
    pieceAt: new Float64Array(1024),
    pieceLength: new Int32Array(1024),
    first: new Int32Array(128),
    end: new Int32Array(128),
  };
  return scatter as unknown as Parameters<TransmitRing["take"]>[1];
}

/** Bytes of a ring and of tables that may be descriptors, mostly plausible ones. */
const descriptor = fc.record({
  guest: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0x1000, max: 0x6fff }).map(BigInt) },
    {
      weight: 3,
      arbitrary: fc.integer({ min: 0, max: 0x3fff }).map((x) => 0x1_2345_0000n + BigInt(x)),
    },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) },
  ),
  bytes: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 2000 }) },
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }).map((entries) => entries * 16) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
  ),
  flags: fc.constantFrom(0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 0xfff8),
  next: fc.oneof({ weight: 8, arbitrary: fc.nat(15) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
});
type Descriptor = { guest: bigint; bytes: number; flags: number; next: number };

function writeDescriptor(view: DataView, at: number, { guest, bytes, flags, next }: Descriptor) {
  view.setBigUint64(at, guest, true);
  view.setUint32(at + 8, bytes, true);
  view.setUint16(at + 12, flags, true);
  view.setUint16(at + 14, next, true);
}

/** Fill the ring's table and the rest of the memory with descriptors. */
function litter(lab: RingLab, table: number, list: readonly Descriptor[]) {
  list.forEach((each, i) => writeDescriptor(lab.view, table + 16 * i, each));
  const end = table + 16 * list.length;
  for (let i = 0, at = end; at + 16 <= REGIONS[0].at + REGIONS[0].size; at += 16, i++) {
    writeDescriptor(lab.view, at, list[i % list.length]);
  }
}

function available(lab: RingLab, avail: number, idx: number, heads: readonly number[]) {
  heads.forEach((head, i) => lab.view.setUint16(avail + 4 + 2 * i, head, true));
  lab.view.setUint16(avail + 2, idx, true);
}

Deno.test("TransmitRing reads chains as the specification does, whatever the guest wrote", () => {
  fc.assert(
    fc.property(
      fc.array(descriptor, { minLength: 16, maxLength: 16 }),
      fc.oneof({ weight: 9, arbitrary: fc.nat(15) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
      fc.boolean(),
      (list, head, indirect) => {
        const lab = new RingLab(), plan = lab.plan(16, 0, { indirect });
        litter(lab, plan.desc, list);
        available(lab, plan.avail, 1, [head]);
        const ring = new TransmitRing(lab.windows, lab.memory, plan), to = pieces();
        assertEquals(ring.count(), 1);
        const bytes = new Float64Array(1), taken = ring.take(1, to, bytes);
        const expected = naiveChain(lab, plan, head, false);
        if (typeof expected === "number") {
          return assertEquals([taken, ring.fault], [0, expected], faultText(ring.fault));
        }
        assertEquals([taken, ring.fault], [1, 0]);
        assertEquals(bytes[0], expected.reduce((sum, piece) => sum + piece.bytes, 0));
        const found = Array.from({ length: to.pieces }, (_, i) => ({
          at: to.pieceAt[i],
          bytes: to.pieceLength[i],
        }));
        // A buffer of no bytes may be listed when it is the only one: there is no frame in it.
        assertEquals(found.filter((piece) => piece.bytes > 0), expected);
      },
    ),
    { numRuns: 3000 },
  );
});

Deno.test("ReceiveRing lists room as the specification does, and takes nothing that is not enough", () => {
  fc.assert(
    fc.property(
      fc.array(descriptor, { minLength: 16, maxLength: 16 }),
      fc.array(fc.nat(17), { minLength: 1, maxLength: 16 }),
      fc.integer({ min: 1, max: 6000 }),
      fc.boolean(),
      (list, heads, bytes, mergeable) => {
        const lab = new RingLab(), plan = lab.plan(16);
        litter(lab, plan.desc, list);
        available(lab, plan.avail, heads.length, heads);
        lab.view.setUint16(plan.used + 2, 0, true); // nothing was used yet
        const ring = new ReceiveRing(lab.windows, lab.memory, plan, mergeable);
        const place = new Float64Array(1);
        const claimed = ring.claim(Int32Array.of(bytes), 0, 1, 0, place);
        const simple = claimed === 1 ? place[0] : -1;
        if (simple >= 0) {
          const chain = naiveChain(lab, plan, heads[0], true);
          // What is claimed has been checked as far as it is written.
          assert(
            lab.locate(lab.view.getBigUint64(plan.desc + 16 * heads[0], true), bytes) === simple,
          );
          if (typeof chain !== "number") assertEquals(chain[0].at, simple);
          return assertEquals(ring.next, 1);
        }
        const result = ring.spread(bytes);
        assertEquals(ring.next, 0);
        let room = 0, used = 0, fault = 0;
        const expected: { at: number; bytes: number }[] = [];
        for (const head of mergeable ? heads : heads.slice(0, 1)) {
          if (room >= bytes) break;
          const chain = naiveChain(lab, plan, head, true);
          if (typeof chain === "number") {
            fault = chain;
            break;
          }
          used++;
          expected.push(...chain);
          room = expected.reduce((sum, piece) => sum + piece.bytes, 0);
        }
        if (room >= bytes) {
          assertEquals(result, 0);
          assertEquals(ring.chains, used);
          assertEquals(
            expected,
            Array.from(
              { length: ring.buffers },
              (_, i) => ({ at: ring.at[i], bytes: ring.length[i] }),
            ),
          );
          ring.useSpread();
          assertEquals(ring.next, used);
          const element = (i: number) => lab.view.getUint32(plan.used + 4 + 8 * i, true);
          assertEquals(Array.from({ length: used }, (_, i) => element(i)), heads.slice(0, used));
          let written = 0;
          for (let i = 0; i < used; i++) written += lab.view.getUint32(plan.used + 8 + 8 * i, true);
          assertEquals(written, bytes);
        } else if (fault !== 0) assertEquals(result, fault);
        else if (!mergeable || heads.length === 16) assertEquals(result, Room.NEVER);
        else assertEquals(result, Room.NONE);
      },
    ),
    { numRuns: 3000 },
  );
});

Deno.test("Ring counts modulo 2^16, and believes no more entries than it has", () => {
  fc.assert(fc.property(fc.nat(0xffff), fc.nat(0xffff), (base, idx) => {
    const lab = new RingLab(), plan = lab.plan(8, base);
    available(lab, plan.avail, idx, []);
    const ahead = (idx - base) & 0xffff;
    const ring = new Ring(lab.windows, lab.memory, plan);
    assertEquals(ring.count(), ahead <= 8 ? ahead : RingFault.AVAILABLE);
  }));
});

Deno.test("Ring calls exactly when the index that the driver waits for is passed", () => {
  fc.assert(fc.property(
    fc.nat(0xffff),
    fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 20 }),
    fc.array(fc.integer({ min: -10, max: 20 }), { minLength: 20, maxLength: 20 }),
    (base, steps, events) => {
      const lab = new RingLab(), plan = lab.plan(8, base);
      lab.view.setUint16(plan.used + 2, base, true);
      const ring = new Ring(lab.windows, lab.memory, plan);
      let index = base;
      steps.forEach((step, i) => {
        const event = (index + events[i]) & 0xffff;
        lab.view.setUint16(plan.avail + 4 + 2 * 8, event, true);
        const passed = Array.from({ length: step }, (_, k) => (index + k) & 0xffff).includes(event);
        index = (index + step) & 0xffff;
        ring.usedNext = index;
        // Nobody knows what was called for before the ring ran here: the first time always.
        assertEquals(ring.publish(), i === 0 || passed);
        assertEquals(lab.view.getUint16(plan.used + 2, true), index);
        assertEquals(ring.publish(), false, "nothing new");
      });
    },
  ));
});

Deno.test("Ring without event indexes goes by the flags", () => {
  const lab = new RingLab(), plan = lab.plan(8, 0, { eventIdx: false });
  const ring = new Ring(lab.windows, lab.memory, plan);
  ring.hush();
  assertEquals(lab.view.getUint16(plan.used, true), 1);
  assertEquals(ring.ask(), 0);
  assertEquals(lab.view.getUint16(plan.used, true), 0);
  ring.usedNext = 1;
  assert(ring.publish());
  lab.view.setUint16(plan.avail, 1, true);
  ring.usedNext = 2;
  assert(!ring.publish());
});

Deno.test("Ring asks for a kick at the next entry, and sees what came meanwhile", () => {
  const lab = new RingLab(), plan = lab.plan(8, 5);
  available(lab, plan.avail, 5, []);
  const ring = new Ring(lab.windows, lab.memory, plan);
  assertEquals(ring.ask(), 0);
  assertEquals(lab.view.getUint16(plan.used + 4 + 8 * 8, true), 5);
  available(lab, plan.avail, 7, []);
  assertEquals(ring.ask(), 2);
});

Deno.test("TransmitRing has a chain back, and gives none away before it is published", () => {
  const lab = new RingLab(), plan = lab.plan(4, 0xfffe);
  lab.view.setUint16(plan.used + 2, 0xfffe, true);
  for (let i = 0; i < 4; i++) {
    writeDescriptor(lab.view, plan.desc + 16 * i, {
      guest: 0x2000n,
      bytes: 60 + i,
      flags: 0,
      next: 0,
    });
  }
  // Entries of indexes 0xfffe, 0xffff, 0, 1.
  available(lab, plan.avail, 2, [2, 3, 0, 1]);
  const ring = new TransmitRing(lab.windows, lab.memory, plan), to = pieces();
  const seen: number[] = [];
  const bytes = new Float64Array(4);
  assertEquals(ring.take(4, to, bytes), 4);
  seen.push(...bytes);
  ring.finish(4);
  assertEquals(seen, [60, 61, 62, 63]);
  ring.giveBack(2);
  assertEquals(lab.view.getUint16(plan.used + 2, true), 0xfffe, "not published");
  assert(ring.publish());
  assertEquals(lab.view.getUint16(plan.used + 2, true), 0);
  assertEquals(ring.take(1, to, bytes), 1);
  assertEquals(bytes[0], 62, "the third again");
  assertEquals(ring.count(), 2);
});

Deno.test("a killed switch's ring goes on where it had published", () => {
  const lab = new RingLab(), plan = lab.plan(4, 7);
  lab.view.setUint16(plan.used + 2, 7, true);
  const ring = new TransmitRing(lab.windows, lab.memory, plan);
  assertEquals([ring.next, ring.usedNext], [7, 7]);
});
