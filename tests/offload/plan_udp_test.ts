/**
 * The plan for UDP: datagrams to be fragmented (UFO), many datagrams in one frame (USO), checksums.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Gso } from "../../src/frame/vnet.ts";
import { Feature } from "../../src/offload/features.ts";
import type { Policy, VnetBytes } from "../../src/offload/policy.ts";
import { filler, l3Of, l4Of, type PacketShape, udpFrame, viewOf } from "./frames.ts";
import { complement, onesSum } from "./naive_checksum.ts";
import { naiveFragments, naiveUdp } from "./naive_segment.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";
import { assertFrames } from "./segment_lab.ts";
import { udpWire } from "./wire.ts";
import { payloads, udpShapes } from "./shapes.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const { CSUM, UFO, USO } = Feature;
const OFF = policyOf({});
const lab = new PlanLab();
const VERSIONS = [4, 6] as const, HEADERS = [10, 12] as const;

/** What becomes of one frame on its way, and how it was counted; 0 is left out. */
function send(frame: Uint8Array, ingress: Policy, egress: Policy) {
  assertEquals(lab.load([frame], ingress), 0, "not refused");
  const out = lab.send(ingress, egress);
  lab.checkCanaries();
  const counts = Object.fromEntries(
    Object.entries(lab.planner.counts).filter(([, count]) => count !== 0),
  );
  lab.planner.counts.clear();
  return { out, counts };
}

/** The identification of the fragments of an IPv6 datagram; any for IPv4. */
function idOf(fragment: Uint8Array, shape: PacketShape): number {
  return shape.version === 6 ? viewOf(fragment).getUint32(l4Of(shape) + 4) : 0;
}

Deno.test("Planner fragments a datagram that is too long for a VM without UFO: random frames", () => {
  const shapes = fc.tuple(udpShapes, payloads(3000, 20_000), fc.constantFrom(0, 576, 1500, 9000));
  const ways = fc.constantFrom<VnetBytes>(0, 10, 12);
  fc.assert(
    fc.property(shapes, ways, fc.boolean(), ([any, payload, mtu], vnetHdr, isPartial) => {
      const shape: PacketShape = { ...any, payload, checksum: isPartial ? "partial" : "full" };
      const packet = (mtu || 1500) - (l4Of(shape) - l3Of(shape));
      // The fragments of IPv6 have a header more.
      const room = shape.version === 6 ? packet - 8 : packet;
      if (room < 8 || 8 + payload.length <= packet) return;
      // A size of one's own counts, where there is a header to say it.
      const size = vnetHdr === 0 ? room : 1001;
      const ingress = policyOf({ sends: CSUM | UFO, vnetHdr });
      const { out, counts } = send(
        udpWire(shape, vnetHdr, Gso.UDP, size),
        ingress,
        policyOf({ mtu }),
      );
      const most = mtu === 0 && vnetHdr !== 0 ? size : Math.min(size, room);
      const expected = naiveFragments(udpFrame(shape), most, idOf(out[0], shape));
      assertFrames(out, expected, "fragments");
      assertEquals(counts, { frames: 1, segmented: 1, segments: expected.length });
    }),
    { seed: SEED, numRuns: 200 },
  );
});

Deno.test("Planner hands a long datagram whole to a VM with UFO, as its wire wants it", () => {
  for (const version of VERSIONS) {
    const shape = { version, payload: filler(5000), checksum: "partial" } as const;
    const finished = { ...shape, checksum: "full" } as const, sends = CSUM | UFO;
    const ingress = policyOf({ sends }), accepts = policyOf({ accepts: sends });
    const passed = send(udpFrame(shape), ingress, accepts);
    assertEquals(passed, { out: [udpFrame(shape)], counts: { frames: 1, passed: 1 } });
    const done = send(udpFrame(shape), ingress, { ...accepts, finish: true });
    assertEquals(done, { out: [udpFrame(finished)], counts: { frames: 1, filled: 1 } });
    for (const vnetHdr of HEADERS) {
      const packet = 1500 - (l4Of(shape) - 14), egress = { ...accepts, vnetHdr };
      const size = Math.floor((version === 6 ? packet - 8 : packet) / 8) * 8;
      const expected = udpWire(shape, vnetHdr, Gso.UDP, size);
      if (vnetHdr === 12) expected[10] = 1;
      for (const frame of [shape, finished, { ...shape, checksum: "none" } as const]) {
        if (frame.checksum === "none" && version === 6) continue;
        const { out, counts } = send(udpFrame(frame), ingress, egress);
        assertEquals([out, counts], [[expected], { frames: 1, passed: 1 }], frame.checksum);
      }
      const corrupt = send(udpFrame({ ...shape, checksum: "bad" }), ingress, egress);
      assertEquals(corrupt, { out: [], counts: { frames: 1, badChecksum: 1 } });
    }
  }
});

Deno.test("Planner takes frames of many datagrams apart for a VM without USO: random frames", () => {
  const shapes = fc.tuple(udpShapes, payloads(2, 20_000), fc.integer({ min: 200, max: 1400 }));
  fc.assert(
    fc.property(shapes, fc.constantFrom(...HEADERS), ([any, payload, size], vnetHdr) => {
      const shape: PacketShape = { ...any, payload, checksum: "partial" };
      const ingress = policyOf({ sends: CSUM | USO, vnetHdr });
      const { out, counts } = send(udpWire(shape, vnetHdr, Gso.UDP_L4, size), ingress, OFF);
      const expected = naiveUdp(udpFrame(shape), size);
      assertFrames(out, expected, "datagrams");
      const cut = { frames: 1, segmented: 1, segments: expected.length };
      assertEquals(counts, expected.length > 1 ? cut : { frames: 1, filled: 1 });
    }),
    { seed: SEED, numRuns: 200 },
  );
});

Deno.test("Planner hands frames of many datagrams whole to a VM with USO, behind its own header", () => {
  const sends = CSUM | USO;
  for (const version of VERSIONS) {
    const shape = { version, payload: filler(5000), checksum: "partial" } as const;
    for (const from of HEADERS) {
      for (const to of HEADERS) {
        const ingress = policyOf({ sends, vnetHdr: from });
        const egress = policyOf({ accepts: sends, vnetHdr: to });
        const { out } = send(udpWire(shape, from, Gso.UDP_L4, 1000), ingress, egress);
        const expected = udpWire(shape, to, Gso.UDP_L4, 1000);
        if (to === 12) expected[10] = 1;
        assertEquals(out, [expected], `${from} to ${to}`);
      }
    }
  }
});

Deno.test("Planner drops datagrams whose size the VM's MTU has no room for: none is cut in two", () => {
  const shape = { payload: filler(5000), checksum: "partial" } as const;
  const ingress = policyOf({ sends: CSUM | USO, vnetHdr: 12 });
  const frame = udpWire(shape, 12, Gso.UDP_L4, 1472);
  assertEquals(send(frame, ingress, policyOf({ mtu: 1500 })).out.length, 4);
  for (const egress of [policyOf({ mtu: 1499 }), policyOf({ maxFrame: 1513 })]) {
    assertEquals(send(frame, ingress, egress), {
      out: [],
      counts: { frames: 1, unsegmentable: 1 },
    });
  }
});

Deno.test("Planner completes the checksum of a short datagram, and stores 0 as 0xffff", () => {
  for (const version of VERSIONS) {
    for (const vnetHdr of [0, ...HEADERS] as const) {
      const payload = filler(100), field = (version === 4 ? 34 : 54) + 6;
      payload.set([0, 0], 98);
      const full = udpFrame({ version, payload });
      payload.set(full.subarray(field, field + 2), 98);
      for (const bytes of [filler(100), filler(99), payload]) {
        const shape = { version, payload: bytes, checksum: "partial" } as const;
        const ingress = policyOf({ sends: CSUM, vnetHdr });
        const { out, counts } = send(udpWire(shape, vnetHdr, Gso.NONE, 0), ingress, OFF);
        assertEquals(out, [udpFrame({ version, payload: bytes })]);
        assertEquals(counts, { frames: 1, filled: 1 });
        if (bytes === payload) assertEquals(viewOf(out[0]).getUint16(field), 0xffff);
      }
    }
  }
});

Deno.test("Planner leaves a datagram without a checksum without one", () => {
  const frame = udpFrame({ payload: filler(100), checksum: "none" });
  assertEquals(send(frame, policyOf({ sends: CSUM | UFO }), OFF), {
    out: [frame],
    counts: { frames: 1, passed: 1 },
  });
});

Deno.test("Planner finishes a checksum in an unusual place for a VM that would not find it", () => {
  // A tunnel: what is to be finished is in the payload, 20 bytes from where its sum begins.
  const frame = udpFrame({ payload: filler(100), checksum: "full" });
  const start = 42 + 30, wire = new Uint8Array(12 + frame.length);
  wire.set(frame, 12);
  wire.set([1, 0, 0, 0, 0, 0, start, 0, 20, 0]);
  const ingress = policyOf({ sends: CSUM, vnetHdr: 12 });
  const finished = frame.slice();
  viewOf(finished).setUint16(start + 20, complement(onesSum(frame.subarray(start))));
  const filled = { frames: 1, filled: 1 }, passed = { frames: 1, passed: 1 };
  for (const accepts of [0, CSUM]) {
    assertEquals(send(wire, ingress, policyOf({ accepts })), { out: [finished], counts: filled });
  }
  wire[10] = 1;
  const whole = send(wire, ingress, policyOf({ accepts: CSUM, vnetHdr: 12 }));
  assertEquals(whole, { out: [wire], counts: passed });
});
