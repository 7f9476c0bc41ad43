/**
 * The plan against hostile frames and policies: it neither throws nor writes where it must not, makes a
 * bounded number of frames, and accounts for every one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import { type Policy, type VnetBytes } from "../../src/offload/policy.ts";
import { filler, tcpFrame, udpFrame } from "./frames.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";
import { payloads, tcpShapes, udpShapes } from "./shapes.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const RUNS = 1500;
const { CSUM, TSO4, TSO6, UFO, USO, ECN } = Feature;
const ALL = CSUM | TSO4 | TSO6 | UFO | USO | ECN;
/** Most frames that one becomes. */
const SEGMENTS = 256;
const LEADS = [0, 10, 12] as const;

/** Any policy, of those that cannot be given on the command line, too. */
const policies: fc.Arbitrary<Policy> = fc.record({
  sends: fc.oneof(fc.nat(ALL), fc.constantFrom(ALL, CSUM | TSO4 | TSO6 | UFO)),
  accepts: fc.oneof(fc.nat(ALL), fc.constantFrom(0, ALL)),
  vnetHdr: fc.constantFrom<VnetBytes>(...LEADS),
  mtu: fc.oneof(fc.constantFrom(0, 1, 68, 576, 1280, 1500, 9000, 65_535), fc.nat(65_535)),
  maxFrame: fc.oneof(fc.constantFrom(14, 60, 1514, 65_550, 69_632), fc.nat(69_632)),
  finish: fc.boolean(),
  forwardSafe: fc.boolean(),
  clampMss: fc.boolean(),
}).map(policyOf);

/** Bytes of which the length fields of all headers are made, more often than of others. */
const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x45, 0x60, 0x81, 0xff));
const changes = fc.array(fc.tuple(fc.nat(160), byte), { maxLength: 6 });

const built = fc.oneof(
  fc.tuple(tcpShapes, payloads(0, 9000)).map(([shape, payload]) => tcpFrame({ ...shape, payload })),
  fc.tuple(udpShapes, payloads(0, 9000)).map(([shape, payload]) => udpFrame({ ...shape, payload })),
);

/** A frame: built, then changed here and there, then sometimes cut off; or noise. */
const frames = fc.oneof(
  { weight: 4, arbitrary: built },
  {
    weight: 4,
    arbitrary: fc.tuple(built, changes).map(([frame, list]) => {
      for (const [at, value] of list) frame[at % frame.length] = value;
      return frame;
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(built, fc.nat(200)).map(([frame, length]) => frame.subarray(0, length)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(9000), fc.nat()).map(([n, seed]) => filler(n, seed)) },
);

/** Fields of a vnet header, mostly such as fit some frame. */
const headers = fc.tuple(
  fc.constantFrom(0, 1, 1, 1, 3, 255),
  fc.constantFrom(0, 1, 1, 3, 4, 4, 5, 0x81, 0x84, 7, 255),
  fc.oneof(fc.nat(100), fc.nat(65_535)),
  fc.oneof(fc.constantFrom(1, 8, 536, 1448), fc.nat(65_535)),
  fc.oneof(fc.constantFrom(34, 34, 38, 54, 54, 58), fc.nat(70), fc.nat(65_535)),
  fc.oneof(fc.constantFrom(16, 16, 6), fc.nat(65_535)),
).map(([flags, type, ...words]) =>
  Uint8Array.of(flags, type, ...words.flatMap((word) => [word & 255, word >> 8]), 0, 0)
);

const wires = fc.array(fc.tuple(headers, frames), { minLength: 1, maxLength: 30, size: "+1" });

function withHeaders(list: [Uint8Array, Uint8Array][], { vnetHdr }: Policy): Uint8Array[] {
  return list.map(([header, frame]) => {
    const wire = new Uint8Array(vnetHdr + frame.length);
    wire.set(header.subarray(0, vnetHdr));
    wire.set(frame, vnetHdr);
    return wire;
  });
}

/** Every frame is dealt with in one way, and what is on the wire is what was counted. */
function checkCounts(lab: PlanLab, out: number): void {
  const { counts } = lab.planner;
  const { frames, passed, filled, segmented, segments, merged, merges } = counts;
  const dropped = counts.oversize + counts.unsegmentable + counts.badChecksum;
  counts.clear();
  assertEquals(frames, lab.count, "every frame is planned once");
  assertEquals(frames, passed + filled + segmented + merged + dropped, "in one way");
  assertEquals(out, passed + filled + segments + merges);
  assert(segments <= SEGMENTS * segmented && 2 * merges <= merged, "bounded");
}

const lab = new PlanLab();

Deno.test("Planner survives hostile frames and policies: random bytes, for several VMs in a row", () => {
  const seen = { segmented: 0, filled: 0, dropped: 0, refused: 0 };
  const egresses = fc.array(fc.tuple(policies, fc.boolean()), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(policies, egresses, wires, (ingress, all, list) => {
      seen.refused += lab.load(withHeaders(list, ingress), ingress);
      for (const [egress, framed] of all) {
        const out = lab.send(ingress, egress, framed), { counts } = lab.planner;
        seen.segmented += counts.segmented;
        seen.filled += counts.filled;
        seen.dropped += counts.oversize + counts.unsegmentable + counts.badChecksum;
        for (const wire of out) {
          assert(wire.length - egress.vnetHdr <= egress.maxFrame, "longer than the wire takes");
        }
        checkCounts(lab, out.length);
        lab.checkCanaries();
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  const few = Object.entries(seen).filter(([, count]) => count < RUNS / 10);
  assertEquals(few, [], "what the test is about does happen");
});

Deno.test("Planner rewrites the longest headers of a whole batch within its scratch memory", () => {
  const extensions = Array.from({ length: 8 }, () => ({ protocol: 60, data: filler(2038) }));
  const shape = { version: 6, extensions, payload: filler(30_000) } as const;
  const tags = [0x88a8_0001, 0x8100_0001], tcpOptions = filler(40);
  const batch = new Array(64).fill(tcpFrame({ ...shape, tags, tcpOptions, checksum: "partial" }));
  const ingress = policyOf({ sends: ALL });
  // Longer than its headers, so that the frame counts as one that is to be cut.
  const mtu = 20_000, accepts = { accepts: ALL, mtu } as const;
  const egresses = [{ ...accepts, finish: true }, { ...accepts, vnetHdr: 12 as const }, { mtu }];
  for (const egress of egresses.map(policyOf)) {
    for (const framed of [false, true]) {
      lab.load(batch, ingress);
      checkCounts(lab, lab.send(ingress, egress, framed).length);
      lab.checkCanaries();
    }
  }
});
