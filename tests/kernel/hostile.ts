/**
 * Frames and vnet headers that do not fit each other, from nearly right to not at all.
 *
 * @module
 */
import fc from "fast-check";
import { type Extension, l4Of, type PacketShape, tcpFrame, udpFrame } from "../offload/frames.ts";
import { tcpShapes, udpShapes } from "../offload/shapes.ts";
import { NEEDS_CSUM, type VnetHeader, withVnet } from "../support/vnet_header.ts";
import { contents, type Payload } from "../vectors/wire_text.ts";
import { CHECKSUM_OFFSET, Gso } from "./cases.ts";

/** A frame, and what is to be changed in it. */
export interface HostileCase {
  readonly protocol: "tcp" | "udp";
  readonly shape: PacketShape;
  readonly payload: Payload;
  /** Bytes that are written over, behind the addresses; offsets are modulo the length. */
  readonly mutations: ReadonlyArray<readonly [number, number]>;
  /** Bytes at the end that are missing. */
  readonly missing: number;
  readonly header: VnetHeader;
}

/** Bytes of MAC addresses: what a bridge thinks of those is not the question here. */
const ADDRESSES = 12;

const byte = fc.nat(0xff), word = fc.nat(0xffff);
/** Nothing, mostly; of the rest seldom more than one. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** Fragments, routing headers with segments left, and more headers than anybody needs. */
const oddExtensions: fc.Arbitrary<Extension[]> = fc.array(
  fc.record({
    protocol: fc.constantFrom(0, 43, 44, 60),
    data: fc.array(byte, { maxLength: 14 }),
  }),
  { minLength: 1, maxLength: 9 },
);

const packets = fc.oneof(
  tcpShapes.map((shape) => ["tcp" as const, shape as PacketShape] as const),
  udpShapes.map((shape) => ["udp" as const, shape] as const),
);

/** Any of them. */
export const hostileCases: fc.Arbitrary<HostileCase> = fc.record({
  packet: packets,
  extensions: seldom(oddExtensions),
  tags: seldom(fc.constant([0x8100_0001, 0x8100_0002, 0x8100_0003])),
  trailer: seldom(fc.array(byte, { maxLength: 8 })),
  checksum: seldom(fc.constantFrom("full" as const, "bad" as const, "none" as const)),
  seed: fc.nat(0xffff),
  length: fc.oneof(fc.nat(40), fc.nat(3000), fc.nat(20_000)),
}).chain(({ packet: [protocol, usual], extensions, tags, trailer, checksum, seed, length }) => {
  const shape: PacketShape = {
    ...usual,
    checksum: checksum ?? "partial",
    ...(extensions && { extensions }),
    ...(tags && { tags }),
    ...(trailer && { trailer }),
  };
  return fc.record({
    protocol: fc.constant(protocol),
    shape: fc.constant(shape),
    payload: fc.constant({ seed, length }),
    mutations: seldom(fc.array(fc.tuple(fc.nat(l4Of(shape) + 24), byte), { maxLength: 3 }))
      .map((mutations) => mutations ?? []),
    missing: seldom(fc.nat(80)).map((missing) => missing ?? 0),
    header: headers(protocol, shape, length),
  });
});

/** A header that fits, but for what is changed in it. */
function headers(
  protocol: "tcp" | "udp",
  shape: PacketShape,
  length: number,
): fc.Arbitrary<VnetHeader> {
  const l4 = l4Of(shape);
  const types = protocol === "udp" ? [0, Gso.UFO, Gso.USO] : [
    0,
    shape.version === 6 ? Gso.TCPV6 : Gso.TCPV4,
  ];
  const sizes = fc.oneof(
    fc.integer({ min: 20, max: length + 100 }),
    fc.integer({ min: 4, max: 200 }).map((n) => n * 8),
    fc.constantFrom(0, 7, 8, 31, 32, 0xffff),
  );
  return fc.record({
    fitting: fc.record({ gsoType: fc.constantFrom(...types), gsoSize: sizes }),
    flags: seldom(fc.oneof(fc.constantFrom(0, 0, 2, 3), byte)),
    gsoType: seldom(
      fc.oneof(fc.constantFrom(1, 3, 4, 5, 0x80, 0x81, 0x83, 0x84, 0x85), fc.nat(0xff)),
    ),
    headerLength: seldom(fc.oneof(fc.constantFrom(0, 1, 10, 13, 14, l4, l4 + length), word)),
    checksumStart: seldom(
      fc.oneof(fc.constantFrom(0, 14, 19, 20, 34, l4 - 2, l4 + 1, l4 + 2), word),
    ),
    checksumOffset: seldom(fc.oneof(fc.constantFrom(0, 6, 15, 16, length, 0xfff0), word)),
  }).map(({ fitting, ...changed }) => ({
    ...fitting,
    flags: changed.flags ?? NEEDS_CSUM,
    headerLength: changed.headerLength ?? l4,
    checksumStart: changed.checksumStart ?? l4,
    checksumOffset: changed.checksumOffset ?? CHECKSUM_OFFSET[protocol],
    ...(changed.gsoType !== undefined && { gsoType: changed.gsoType }),
  }));
}

/** The frame of a case, with its vnet header in front. */
export function wireOf(each: HostileCase): Uint8Array {
  const { protocol, shape, mutations, missing, header } = each;
  const whole = { ...shape, payload: contents(each.payload) };
  const frame = protocol === "tcp" ? tcpFrame(whole) : udpFrame(whole);
  for (const [at, value] of mutations) {
    frame[ADDRESSES + at % (frame.length - ADDRESSES)] = value;
  }
  return withVnet(header, frame.slice(0, Math.max(frame.length - missing, 0)));
}
