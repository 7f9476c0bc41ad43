import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { APART, INDIRECT, type Layout, WHOLE } from "../../support/vhost_frontend/layout.ts";
import { bits, Feature } from "../../support/vhost_frontend/wire.ts";
import { TrafficLab } from "./traffic_lab.ts";
import type { GuestStation, Station } from "./traffic_station.ts";

const KIND = "vhost-user";
const LAYOUTS: readonly Layout[] = [WHOLE, APART, INDIRECT, { cuts: [-5, 0, 3, 40, 41] }];
/** Enough for the longest frame, in one buffer. */
const LARGE = 12 + 65_550;
const MEMORY = [
  { guest: 0, bytes: 4 << 20, file: 0 },
  { guest: 2 ** 32, bytes: 12 << 20, file: 0, offset: 4 << 20 },
];
const RING_FEATURES = [
  Feature.MRG_RXBUF,
  Feature.EVENT_IDX,
  Feature.INDIRECT_DESC,
  Feature.VERSION_1,
  Feature.PROTOCOL_FEATURES,
];

function pair(one: GuestStation = {}, other = one): { lab: TrafficLab; a: Station; b: Station } {
  const lab = new TrafficLab().open("a", KIND).open("b", KIND);
  return { lab, a: lab.guest("a", one), b: lab.guest("b", other) };
}

/** A guest with these of {@linkcode RING_FEATURES}, and buffers for every frame. */
function guestWith(features: readonly number[], plan: GuestStation = {}): GuestStation {
  const merges = features.includes(Feature.MRG_RXBUF);
  return {
    plan: { wanted: bits(Feature.ANY_LAYOUT, ...features), acks: "all" },
    bufferBytes: merges ? 1600 : LARGE,
    ...plan,
    guest: { regions: MEMORY, receiveSize: merges ? 256 : 16, ...plan.guest },
  };
}

/** The layout, as far as a guest may use it. */
function allowed(station: Station, layout: Layout): Layout {
  const features = station.front?.guest.features ?? 0n;
  if ((features & bits(Feature.INDIRECT_DESC)) !== 0n || layout.cuts === undefined) return layout;
  return { cuts: layout.cuts };
}

Deno.test("vhost-user traffic: every length from 0 to 1600 arrives whole, both ways", () => {
  const { lab, a, b } = pair();
  for (let length = 0; length <= 1600; length++) {
    const layout = LAYOUTS[length % 4];
    lab.send(a, b, length + 1, length, layout);
    lab.send(b, a, length + 1, length, layout);
  }
  lab.finish();
  // A frame without an Ethernet header is none.
  assertEquals([a.arrived, b.arrived], [1587, 1587]);
  lab.close();
});

Deno.test("vhost-user traffic: with every set of ring features, to a guest with another", () => {
  const lab = new TrafficLab().open("a", KIND).open("b", KIND);
  const sets = Array.from(
    { length: 2 ** RING_FEATURES.length },
    (_, i) => RING_FEATURES.filter((_, bit) => (i >> bit & 1) !== 0),
  );
  for (const [i, features] of sets.entries()) {
    const base = 65_500 + i;
    const a = lab.guest("a", guestWith(features, { guest: { base } }));
    const b = lab.guest("b", guestWith(sets[i * 7 % sets.length], { guest: { base } }));
    for (let k = 0; k < 60; k++) {
      const length = [60, 1514, 9014, 65_550, 14 + k][k % 5];
      lab.send(a, b, k, length, allowed(a, LAYOUTS[k % 4]));
      lab.send(b, a, k, length, allowed(b, LAYOUTS[k % 3]));
    }
    lab.finish();
    assertEquals([a.arrived, b.arrived], [60, 60]);
    lab.clear();
  }
  lab.close();
});

const layout: fc.Arbitrary<Layout> = fc.record({
  cuts: fc.array(fc.oneof(fc.integer({ min: -12, max: 60 }), fc.integer({ min: 0, max: 65_550 })), {
    maxLength: 8,
  }).map((cuts) => cuts.sort((a, b) => a - b)),
  direct: fc.integer({ min: 0, max: 3 }),
});
const length = fc.oneof(fc.integer({ min: 14, max: 1514 }), fc.integer({ min: 14, max: 65_550 }));

Deno.test("vhost-user traffic: random rings, frames, layouts and buffers, between all kinds of ports", () => {
  const lab = new TrafficLab().open("a", KIND).open("b", KIND)
    .open("c", "stream").open("d", "dgram");
  const guest = fc.record({
    features: fc.subarray(RING_FEATURES),
    size: fc.constantFrom(64, 128, 256),
    base: fc.integer({ min: 0, max: 65_535 }),
    buffers: fc.integer({ min: 1100, max: 4200 }),
    split: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 1 }),
  });
  const send = fc.record({
    from: fc.integer({ min: 0, max: 3 }),
    to: fc.integer({ min: 1, max: 3 }),
    length,
    layout,
    burst: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(
      fc.tuple(guest, guest),
      fc.array(send, { minLength: 5, maxLength: 40 }),
      (guests, sends) => {
        guests.forEach(({ features, size, base, buffers, split }, i) => {
          const merges = features.includes(Feature.MRG_RXBUF);
          lab.guest(
            "ab"[i],
            guestWith(features, {
              ...(merges ? { bufferBytes: buffers, bufferLayout: { cuts: split } } : {}),
              guest: { base, transmitSize: size, receiveSize: merges ? 256 : 16 },
            }),
          );
        });
        lab.stream("c");
        lab.dgram("d");
        let seq = 0, sent = 0;
        for (const each of sends) {
          const from = lab.stations[each.from], to = lab.stations[(each.from + each.to) % 4];
          const how = allowed(from, each.layout);
          for (let i = 0; i < each.burst; i++) lab.send(from, to, seq++, each.length, how);
          sent += each.burst;
        }
        lab.finish();
        assertEquals(lab.stations.reduce((sum, { arrived }) => sum + arrived, 0), sent);
        lab.clear();
      },
    ),
    { numRuns: 40 },
  );
  lab.close();
});

Deno.test("vhost-user traffic: rings of 1 and of 32,768 entries", () => {
  for (const size of [1, 2, 32_768]) {
    const regions = [{ guest: 0, bytes: 96 << 20 }];
    const guest = { guest: { regions, transmitSize: size, receiveSize: size, base: 65_000 } };
    const { lab, a, b } = pair(guest);
    for (let k = 0; k < 1000; k++) {
      lab.send(a, b, k, 60 + k, INDIRECT);
      lab.send(b, a, k, 60 + k, WHOLE);
    }
    lab.finish();
    assert(a.arrived === 1000 && b.arrived === 1000);
    lab.close();
  }
});

Deno.test("vhost-user traffic: the switch wants to be kicked when it sleeps, and not while it looks", () => {
  for (const extra of [[], [Feature.EVENT_IDX]]) {
    const features = [Feature.VERSION_1, Feature.MRG_RXBUF, ...extra];
    const lab = new TrafficLab().open("a", KIND, { pollUs: 30_000_000 }).open("b", KIND);
    const a = lab.guest("a", guestWith(features)), b = lab.guest("b", guestWith(features));
    const { ring } = a.front!.guest.transmit;
    lab.list(a, b, 1, 60);
    lab.finish();
    const kicks = ring.kicks;
    for (let k = 2; k < 50; k++) lab.send(a, b, k, 60);
    lab.finish();
    assertEquals(ring.kicks, kicks, "it still looks");
    lab.skip(31_000);
    lab.settle();
    lab.list(a, b, 50, 60);
    lab.finish();
    assertEquals(ring.kicks, kicks + 1, "it has slept");
    lab.close();
  }
});

Deno.test("vhost-user traffic: a guest without buffers is asked for a kick when it has some, else not", () => {
  for (const extra of [[], [Feature.EVENT_IDX]]) {
    const features = [Feature.VERSION_1, ...extra];
    const { lab, a, b } = pair(guestWith(features, { bufferBytes: 1600 }));
    const { receive } = b.front!.guest;
    const kicks = receive.ring.kicks;
    for (let k = 1; k <= 100; k++) {
      lab.send(a, b, k, 60);
      lab.finish();
    }
    assertEquals(receive.ring.kicks, kicks, "it had buffers all the time");
    for (let k = 1; k <= 100; k++) lab.list(a, b, k, 60); // more than b has buffers for
    lab.settle();
    lab.stations.splice(1, 1); // nobody refills them
    for (let one = receive.next(); one !== undefined; one = receive.next());
    assertEquals(receive.ring.kicks, kicks);
    assertEquals(receive.post(16, 1600), 16);
    assert(receive.ring.kick(), "the switch waits for buffers");
    b.close();
    lab.close();
  }
});
