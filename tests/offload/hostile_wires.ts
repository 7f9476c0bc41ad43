/**
 * Any policies, and frames as a hostile VM with one of them sends them.
 *
 * @module
 */
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import type { Policy, VnetBytes } from "../../src/offload/policy.ts";
import { filler, tcpFrame, udpFrame } from "./frames.ts";
import { policyOf } from "./plan_lab.ts";
import { payloads, tcpShapes, udpShapes } from "./shapes.ts";
import { tcpWire } from "./wire.ts";

const { CSUM, TSO4, TSO6, UFO, USO, ECN } = Feature;
/** All that can be left unfinished. */
export const ALL = CSUM | TSO4 | TSO6 | UFO | USO | ECN;
const LEADS = [0, 10, 12] as const;

/** Any policy, of those that cannot be given on the command line, too. */
export const policies: fc.Arbitrary<Policy> = fc.record({
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

/** Frames, and vnet headers for them. */
export const wires: fc.Arbitrary<[Uint8Array, Uint8Array][]> = fc.array(fc.tuple(headers, frames), {
  minLength: 1,
  maxLength: 30,
  size: "+1",
});

/** The frames as they are on the wire of a port with this policy. */
export function withHeaders(
  list: readonly [Uint8Array, Uint8Array][],
  { vnetHdr }: Policy,
): Uint8Array[] {
  return list.map(([header, frame]) => {
    const wire = new Uint8Array(vnetHdr + frame.length);
    wire.set(header.subarray(0, vnetHdr));
    wire.set(frame, vnetHdr);
    return wire;
  });
}

/** See {@linkcode bursts}. */
interface Burst {
  readonly version: 4 | 6;
  readonly segments: number;
  readonly parts: number;
  readonly mss: number;
  readonly checksum: "full" | "partial" | "bad";
  readonly seq: number;
}

/** Segments of one connection that follow one another, of `mss` bytes each; `parts` of them are still one frame. */
export const bursts: fc.Arbitrary<Burst> = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  segments: fc.integer({ min: 1, max: 6 }),
  parts: fc.constantFrom(1, 1, 1, 3, 20),
  mss: fc.integer({ min: 100, max: 1400 }),
  checksum: fc.constantFrom("full" as const, "full" as const, "partial" as const, "bad" as const),
  seq: fc.nat(0xffff_ffff),
});

/** A burst as it is on the wire of a port with this policy. */
export function burst(
  { version, segments, parts, mss, checksum, seq }: Burst,
  { vnetHdr }: Policy,
): Uint8Array[] {
  const bytes = parts * mss;
  return Array.from({ length: segments }, (_, i) => {
    const place = { seq: (seq + i * bytes) >>> 0, id: i & 0xffff };
    const state = parts === 1 ? checksum : "partial" as const;
    const shape = { version, ...place, payload: filler(bytes, i), checksum: state, flags: 0x10 };
    return tcpWire(shape, vnetHdr, parts === 1 ? 0 : mss);
  });
}
