/**
 * The plan at its edges: what is not TCP or UDP, MTUs, forward-safe, MSS clamping, ECN.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import type { Policy } from "../../src/offload/policy.ts";
import { filler, l4Of, tcpFrame, tcpPayloadOf, type TcpShape, udpFrame, viewOf } from "./frames.ts";
import { onesSum } from "./naive_checksum.ts";
import { naiveTcp, verifies } from "./naive_segment.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";
import { assertFrames } from "./segment_lab.ts";
import { tcpWire } from "./wire.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const { CSUM, TSO4, TSO6, UFO, USO, ECN } = Feature;
const SENDER = policyOf({ sends: CSUM | TSO4 | TSO6 | UFO });
const lab = new PlanLab();

/** What becomes of frames on their way, and how they were counted; 0 is left out. */
function send(wires: readonly Uint8Array[], ingress: Policy, egress: Policy) {
  assertEquals(lab.load(wires, ingress), 0, "none is refused");
  const out = lab.send(ingress, egress);
  lab.checkCanaries();
  const all = Object.entries(lab.planner.counts).filter(([, count]) => count !== 0);
  lab.planner.counts.clear();
  return { out, counts: Object.fromEntries(all) };
}

/** An Ethernet frame of any type; all but its header is filler. */
function etherFrame(type: number, length: number): Uint8Array {
  const frame = filler(length, type);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, type >> 8, type & 255]);
  return frame;
}

/** A frame over IP with another protocol number; its IPv4 checksum is not looked at. */
function ipFrame(version: 4 | 6, protocol: number, payload: number): Uint8Array {
  const frame = udpFrame({ version, payload: filler(payload) });
  frame[version === 4 ? 23 : 20] = protocol;
  return frame;
}

/** Ordinary frames that nobody has to do anything about. */
const ORDINARY = [
  etherFrame(0x0806, 42),
  etherFrame(0x0806, 60),
  etherFrame(0x88cc, 200),
  etherFrame(0x0026, 60), // IEEE 802.3, a length
  etherFrame(0x8847, 1514),
  etherFrame(0x86dd, 60), // no IPv6
  ipFrame(4, 1, 56),
  ipFrame(4, 1, 1464),
  ipFrame(6, 58, 64),
  ipFrame(4, 2, 8),
  ipFrame(4, 47, 1000),
  ipFrame(6, 50, 1000),
  udpFrame({ version: 6, extensions: [{ protocol: 44, data: [0, 1, 0, 0, 0, 9] }], payload: [1] }),
  tcpFrame({ payload: filler(1460) }),
  tcpFrame({ version: 6, payload: filler(1440), tags: [0x8100_0064] }),
  tcpFrame({ flags: 2, tcpOptions: [2, 4, 0x05, 0xb4] }),
  udpFrame({ payload: filler(1472), checksum: "none" }),
];

const features = fc.nat(CSUM | TSO4 | TSO6 | UFO | USO | ECN);
/** Policies of all kinds that take a packet of 1500 bytes. */
const policies = fc.record({
  sends: features,
  accepts: features,
  vnetHdr: fc.constantFrom(0 as const, 10 as const, 12 as const),
  mtu: fc.constantFrom(0, 1500, 9000),
  finish: fc.boolean(),
  forwardSafe: fc.boolean(),
  clampMss: fc.boolean(),
}).map(policyOf);

Deno.test("Planner sends on what is finished untouched, whatever two ports declare: random policies", () => {
  fc.assert(
    fc.property(policies, policies, (ingress, egress) => {
      const wires = ORDINARY.map((frame) => {
        const wire = new Uint8Array(ingress.vnetHdr + frame.length);
        wire.set(frame, ingress.vnetHdr);
        return wire;
      });
      const { out, counts } = send(wires, ingress, egress);
      assertEquals(counts, { frames: ORDINARY.length, passed: ORDINARY.length });
      out.forEach((wire, i) => {
        const header = [...wire.subarray(0, egress.vnetHdr)];
        assert(header.every((byte, at) => byte === (at === 10 ? 1 : 0)), `${header}`);
        assertEquals(wire.subarray(egress.vnetHdr), ORDINARY[i]);
      });
    }),
    { seed: SEED, numRuns: 300 },
  );
});

Deno.test("Planner finishes and cuts what is behind VLAN tags, and keeps them", () => {
  for (const version of [4, 6] as const) {
    for (const tags of [[0x8100_0064], [0x88a8_0001, 0x8100_2064], [0x8100_0001, 0x8100_0002]]) {
      const shape: TcpShape = { version, tags, flags: 0x98 };
      const small = { ...shape, payload: filler(99) };
      const partial = tcpFrame({ ...small, checksum: "partial" });
      assertEquals(send([partial], SENDER, policyOf({})).out, [tcpFrame(small)]);
      const large = tcpFrame({ ...shape, payload: filler(5000), checksum: "partial" });
      const mss = 1500 - (tcpPayloadOf(shape) - 14 - 4 * tags.length);
      const { out, counts } = send([large], SENDER, policyOf({}));
      assertFrames(out, naiveTcp(large, mss), "tagged");
      assertEquals(counts, { frames: 1, segmented: 1, segments: 4 });
    }
  }
});

Deno.test("Planner drops long frames that it cannot cut, and counts each once", () => {
  const frames = [
    ipFrame(4, 1, 8000),
    ipFrame(6, 58, 8000),
    etherFrame(0x88b5, 8000),
    tcpFrame({ payload: filler(8000) }).map((byte, at) => at === 20 ? 0x20 : byte), // a fragment
    tcpFrame({ payload: filler(8000) }).subarray(0, 8000), // longer than its frame
  ];
  const dropped = { frames: frames.length, oversize: frames.length };
  const limits = [{ mtu: 1500, maxFrame: 1522 }, { maxFrame: 1514, vnetHdr: 12 as const }];
  for (const egress of [...limits, { forwardSafe: true }].map(policyOf)) {
    assertEquals(send(frames, SENDER, egress), { out: [], counts: dropped });
  }
  const { out, counts } = send(frames, SENDER, policyOf({}));
  assertEquals([out, counts], [frames, { frames: 5, passed: 5 }], "nobody has given a limit");
  const undeclared = [tcpFrame({ payload: filler(8000), checksum: "partial" })];
  const few = policyOf({ sends: CSUM }), limit = policyOf(limits[0]);
  assertEquals(send(undeclared, few, limit), { out: [], counts: { frames: 1, oversize: 1 } });
});

Deno.test("Planner drops a large frame that is corrupt or has no room, each with its own reason", () => {
  const bad = tcpFrame({ payload: filler(8000), checksum: "bad" });
  assertEquals(send([bad], SENDER, policyOf({})).counts, { frames: 1, badChecksum: 1 });
  const good = tcpFrame({ payload: filler(8000), checksum: "partial" });
  // 30 bytes a segment are more than 256 segments; 0 are endless, and then it is only too long.
  const tiny = policyOf({ mtu: 70 }), none = policyOf({ maxFrame: 54 });
  assertEquals(send([good], SENDER, tiny).counts, { frames: 1, unsegmentable: 1 });
  assertEquals(send([good], SENDER, none).counts, { frames: 1, oversize: 1 });
  const told = tcpWire({ payload: filler(8000), checksum: "partial" }, 12, 1460);
  const header = { ...SENDER, vnetHdr: 12 as const };
  for (const egress of [tiny, none]) {
    assertEquals(send([told], header, egress).counts, { frames: 1, unsegmentable: 1 });
  }
  assertEquals(send([good], SENDER, policyOf({ mtu: 72 })).counts.segments, 250);
});

Deno.test("Planner cuts a frame that is longer than the wire of a VM with TSO", () => {
  const frame = tcpFrame({ payload: filler(40_000), checksum: "partial" });
  const accepts = policyOf({ accepts: CSUM | TSO4, maxFrame: frame.length });
  assertEquals(send([frame], SENDER, accepts).counts, { frames: 1, passed: 1 });
  const { out } = send([frame], SENDER, { ...accepts, maxFrame: frame.length - 1 });
  assertFrames(out, naiveTcp(frame, 1460), "one byte too long");
});

Deno.test("Planner hands a forward-safe VM no packet longer than its MTU, and every other that fits", () => {
  for (const mtu of [0, 1280, 1500, 9000]) {
    const most = mtu || 1500;
    const egress = policyOf({ accepts: SENDER.sends, mtu, forwardSafe: true });
    const large = tcpFrame({ payload: filler(30_000), checksum: "partial" });
    const { out } = send([large], SENDER, egress);
    assertFrames(out, naiveTcp(large, most - 40), `mtu ${mtu}`);
    const of = (bytes: number, tags: number[] = []) =>
      tcpFrame({ payload: filler(bytes - 40), tags });
    const tags = [0x88a8_0001, 0x8100_0002];
    const fits = [of(most), of(most, tags), etherFrame(0x88b5, most + 14)];
    assertEquals(send(fits, policyOf({}), egress).out, fits);
    const tooLong = [of(most + 1), of(most + 1, tags), etherFrame(0x88b5, most + 23)];
    const { counts } = send(tooLong, policyOf({}), egress);
    assertEquals(counts, { frames: 3, oversize: 3 }, "nobody said that they may be cut");
  }
});

Deno.test("Planner lowers the MSS of a new connection for either side, and nothing else", () => {
  const mssOf = (frame: Uint8Array, shape: TcpShape) => viewOf(frame).getUint16(l4Of(shape) + 22);
  const small = policyOf({ mtu: 1280, clampMss: true }), plain = policyOf({ mtu: 9000 });
  for (const version of [4, 6] as const) {
    const over = version === 4 ? 40 : 60;
    for (const flags of [0x02, 0x12]) {
      const shape: TcpShape = { version, flags, tcpOptions: [2, 4, 8960 >> 8, 8960 & 255, 1, 1] };
      for (const [from, to] of [[small, plain], [plain, small], [small, policyOf({})]]) {
        const frame = tcpFrame(shape), { out, counts } = send([frame], from, to);
        assertEquals(mssOf(out[0], shape), 1280 - over);
        assertEquals(verifies(out[0], 6), true);
        assertEquals(counts, { frames: 1, passed: 1 });
      }
      const both = policyOf({ mtu: 1400, clampMss: true });
      assertEquals(mssOf(send([tcpFrame(shape)], both, small).out[0], shape), 1280 - over);
      const [kept] = send([tcpFrame(shape)], plain, plain).out;
      assertEquals(kept, tcpFrame(shape));
      const partial = tcpFrame({ ...shape, checksum: "partial" });
      const sender = policyOf({ sends: CSUM, mtu: 1400, clampMss: true });
      const [filled] = send([partial], sender, plain).out;
      assertEquals([mssOf(filled, shape), verifies(filled, 6)], [1400 - over, true]);
    }
    const data: TcpShape = { version, tcpOptions: [2, 4, 0x23, 0] };
    assertEquals(send([tcpFrame(data)], small, plain).out, [tcpFrame(data)], "no SYN");
  }
});

Deno.test("Planner hands a frame with CWR whole to nobody who could not tell what it means", () => {
  const shape = { payload: filler(5000), flags: 0x90, checksum: "partial" } as const;
  const frame = tcpFrame(shape), accepts = CSUM | TSO4;
  for (const vnetHdr of [10, 12] as const) {
    const whole = send([frame], SENDER, policyOf({ accepts: accepts | ECN, vnetHdr }));
    assertEquals(whole.counts, { frames: 1, passed: 1 });
    assertEquals(whole.out[0][1], 0x81, "TSO4 and the ECN bit");
    const { out } = send([frame], SENDER, policyOf({ accepts, vnetHdr }));
    assertFrames(out.map((wire) => wire.subarray(vnetHdr)), naiveTcp(frame, 1460), "cut");
    assertEquals(out.map((wire) => wire[vnetHdr + 47] & 0x80), [0x80, 0, 0, 0], "CWR");
  }
  assertEquals(send([frame], SENDER, policyOf({ accepts })).out, [frame], "no header, no bit");
});

Deno.test("Planner takes a seed without a length in large frames, and gives it one for a vnet header", () => {
  for (const version of [4, 6] as const) {
    const shape: TcpShape = { version, payload: filler(5000) };
    const frame = tcpFrame({ ...shape, checksum: "partial" }), bare = frame.slice();
    const addresses = frame.subarray(version === 4 ? 26 : 22, l4Of(shape));
    viewOf(bare).setUint16(l4Of(shape) + 16, onesSum(addresses, [0, 6]));
    assertFrames(
      send([bare], SENDER, policyOf({})).out,
      naiveTcp(frame, 1500 - l4Of(shape) - 6),
      "cut",
    );
    const finish = policyOf({ accepts: CSUM | TSO4 | TSO6, finish: true });
    assertEquals(send([bare], SENDER, finish).out, [tcpFrame(shape)]);
    const [wire] = send([bare], SENDER, policyOf({ accepts: CSUM | TSO4 | TSO6, vnetHdr: 12 })).out;
    assertEquals(wire.subarray(12), frame, "with the length");
  }
});

Deno.test("Planner completes the IPv4 header checksum that a VM leaves to hardware, too", () => {
  const shape = { payload: filler(100), ipOptions: [1, 1, 1, 0] };
  for (const build of [tcpFrame, udpFrame]) {
    const frame = build({ ...shape, checksum: "partial" });
    frame.set([0, 0], 24);
    assertEquals(send([frame], SENDER, policyOf({})).out, [build(shape)]);
  }
});
