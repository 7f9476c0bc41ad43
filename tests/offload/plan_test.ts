import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import type { Policy } from "../../src/offload/policy.ts";
import { filler, l4Of, tcpFrame, tcpPayloadOf, type TcpShape } from "./frames.ts";
import { figure } from "../support/time.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";
import { receive, type Segment } from "./receiver.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const { CSUM, TSO4, TSO6, ECN } = Feature;

/** What a port may be told about its VM; TCP only. */
const policies = fc.record({
  sends: fc.constantFrom(0, CSUM, CSUM | TSO4, CSUM | TSO4 | TSO6, CSUM | TSO4 | TSO6 | ECN),
  accepts: fc.constantFrom(0, CSUM, CSUM | TSO4, CSUM | TSO4 | TSO6, CSUM | TSO4 | TSO6 | ECN),
  vnetHdr: fc.constantFrom(0 as const, 10 as const, 12 as const),
  mtu: fc.constantFrom(0, 1280, 1500, 9000),
  maxFrame: fc.constantFrom(32_768, 65_550),
  finish: fc.boolean(),
  forwardSafe: fc.boolean(),
}).map(policyOf)
  // As on the command line: a VM without large frames has no longer ones than its MTU.
  .map((policy) =>
    ((policy.sends | policy.accepts) & (TSO4 | TSO6)) === 0 && policy.mtu !== 0
      ? { ...policy, maxFrame: policy.mtu + 22 }
      : policy
  )
  // A wire with a header has no use for it.
  .filter(({ finish, vnetHdr }) => !finish || vnetHdr === 0);

/** One segment to be sent: a piece of flow `flow`. */
interface Piece {
  readonly flow: number;
  /** Bytes as a part of what the sender may send at once. */
  readonly size: number;
  readonly finished: boolean;
  readonly push: boolean;
  readonly congested: boolean;
}

const pieces = fc.array(
  fc.record({
    flow: fc.nat({ max: 3 }),
    size: fc.oneof(fc.constantFrom(0, 1, 0.8, 0.5), fc.nat(1000).map((n) => n / 1000)),
    finished: fc.boolean(),
    push: fc.nat(4).map((n) => n === 0),
    congested: fc.nat(9).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 60 },
);

/** The frames a VM with `policy` sends for these pieces, and the payload of each flow. */
function sendPieces(all: readonly Piece[], policy: Policy) {
  const sent = [0, 0, 0, 0].map(() => ({
    seq: 4_294_960_000,
    id: 65_530,
    bytes: [] as Uint8Array[],
  }));
  const wires = all.map((piece) => {
    const flow = sent[piece.flow];
    const version = piece.flow % 2 === 0 ? 4 as const : 6 as const;
    const tso = (policy.sends & (version === 4 ? TSO4 : TSO6)) !== 0;
    const mss = (policy.mtu || 1500) - (version === 4 ? 40 : 60);
    const most = tso ? Math.min(policy.maxFrame, 65_549) - 74 : mss;
    const payload = filler(Math.round(piece.size * most), flow.seq);
    const partial = (policy.sends & CSUM) !== 0 && !(piece.finished && payload.length <= mss);
    // A VM that does not declare ecn cuts such a segment itself.
    const congested = piece.congested && (payload.length <= mss || (policy.sends & ECN) !== 0);
    const shape: TcpShape = {
      version,
      fromPort: 1000 + piece.flow,
      seq: flow.seq,
      id: flow.id & 0xffff,
      flags: 0x10 | (piece.push ? 8 : 0) | (congested ? 0x80 : 0),
      payload,
      checksum: partial ? "partial" : "full",
    };
    flow.seq = (flow.seq + payload.length) % 2 ** 32;
    flow.id += Math.max(1, Math.ceil(payload.length / mss));
    flow.bytes.push(payload);
    return withHeader(tcpFrame(shape), shape, policy, partial, payload.length > mss ? mss : 0);
  });
  return { wires, sent };
}

function withHeader(
  frame: Uint8Array,
  shape: TcpShape,
  { vnetHdr }: Policy,
  partial: boolean,
  size: number,
): Uint8Array {
  const wire = new Uint8Array(vnetHdr + frame.length), view = new DataView(wire.buffer);
  wire.set(frame, vnetHdr);
  if (vnetHdr === 0 || !partial) return wire;
  view.setUint8(0, 1);
  view.setUint16(6, l4Of(shape), true);
  view.setUint16(8, 16, true);
  if (size === 0) return wire;
  const congested = ((shape.flags ?? 0) & 0x80) !== 0;
  view.setUint8(1, (shape.version === 4 ? 1 : 4) | (congested ? 0x80 : 0));
  view.setUint16(2, tcpPayloadOf(shape), true);
  view.setUint16(4, size, true);
  return wire;
}

/** The payload of flow `flow`, as it arrives; every segment follows the one before it. */
function streamOf(segments: readonly Segment[], flow: number, seq: number): Uint8Array {
  const payloads: Uint8Array[] = [];
  let bytes = 0;
  for (const segment of segments.filter(({ fromPort }) => fromPort === 1000 + flow)) {
    assertEquals(segment.seq, (seq + bytes) % 2 ** 32, "in order, without a gap");
    payloads.push(segment.payload);
    bytes += segment.payload.length;
  }
  return joined(payloads);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** True when both are the same; assertEquals takes seconds for a megabyte. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("whatever two ports declare, what one sends is right for the other, byte for byte", () => {
  const lab = new PlanLab(), done = { filled: 0, segments: 0, merges: 0, dropped: 0 };
  fc.assert(
    fc.property(policies, policies, pieces, fc.boolean(), (ingress, egress, all, framed) => {
      const { wires, sent } = sendPieces(all, ingress);
      assertEquals(lab.load(wires, ingress), 0, "none is refused");
      const out = lab.send(ingress, egress, framed), { counts } = lab.planner;
      counts.frames === wires.length || assert(false, "every frame is accounted for");
      const { frames, passed, filled, segmented, segments, merged, merges } = counts;
      const dropped = counts.oversize + counts.unsegmentable + counts.badChecksum;
      counts.clear();
      done.filled += filled, done.segments += segments, done.merges += merges;
      done.dropped += dropped;
      assertEquals(frames, passed + filled + segmented + merged + dropped);
      assertEquals(out.length, frames - dropped - segmented + segments - merged + merges);
      // A VM with a larger MTU, sending what is no TSO, is too long for its peer: dropped, as on any link.
      if (dropped > 0) return;
      const received = out.flatMap((wire) => receive(wire, egress));
      sent.forEach(({ bytes }, flow) => {
        assert(isSame(streamOf(received, flow, 4_294_960_000), joined(bytes)), `flow ${flow}`);
      });
    }),
    { seed: SEED, numRuns: 1000 },
  );
  // It proves nothing of what did not happen.
  assert(done.filled > 500 && done.segments > 500 && done.merges > 50, JSON.stringify(done));
  figure(JSON.stringify(done));
});

Deno.test("a trailer of Ethernet's is left out where it would be summed up with the rest", () => {
  const lab = new PlanLab(), ingress = policyOf({ sends: CSUM | TSO4 });
  for (const length of [100, 3000]) {
    const payload = filler(length);
    const frame = tcpFrame({ payload, checksum: "partial", trailer: [1, 2, 3, 4] });
    for (const accepts of [CSUM, CSUM | TSO4]) {
      const egress = policyOf({ accepts, vnetHdr: 12 });
      assertEquals(lab.load([frame], ingress), 0);
      const received = lab.send(ingress, egress).flatMap((wire) => receive(wire, egress));
      assert(isSame(joined(received.map((segment) => segment.payload)), payload));
    }
  }
});

Deno.test("Planner.complete() leaves in memory what would have been sent", () => {
  const lab = new PlanLab(), ingress = policyOf({ sends: CSUM }), egress = policyOf({});
  fc.assert(
    fc.property(pieces, (all) => {
      const { wires } = sendPieces(all, ingress);
      lab.load(wires, ingress);
      const { planner, at, length, count } = lab;
      const filled = planner.complete(ingress, egress, at, length, 0, count);
      const lies = wires.map((_, i) => lab.u8.slice(at[i], at[i] + length[i]));
      lab.load(wires, ingress);
      assertEquals(lies, lab.send(ingress, egress));
      assertEquals(planner.counts.filled, filled);
      planner.counts.clear();
    }),
    { seed: SEED },
  );
});
