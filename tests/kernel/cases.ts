/**
 * Random frames for a VM that takes nothing unfinished, described by what prints well.
 *
 * @module
 */
import fc from "fast-check";
import { l4Of, tcpFrame, type TcpShape, udpFrame } from "../offload/frames.ts";
import { naiveFragments, naiveTcp, naiveUdp } from "../offload/naive_segment.ts";
import { tcpShapes, udpShapes } from "../offload/shapes.ts";
import { NEEDS_CSUM, withVnet } from "../support/vnet_header.ts";
import { contents, type Payload } from "../vectors/wire_text.ts";

/** GSO types (virtio 1.2, 5.1.6). */
export const Gso = { NONE: 0, TCPV4: 1, UFO: 3, TCPV6: 4, USO: 5, ECN: 0x80 } as const;

/** A frame with a checksum to be completed, or to be cut. */
export interface CutCase {
  readonly shape: TcpShape;
  readonly payload: Payload;
  /** A type of {@linkcode Gso}; what it stands for decides whether this is TCP. */
  readonly gso: number;
  /** Bytes of each segment. */
  readonly size: number;
  /** The vnet header says that the checksum is unfinished. */
  readonly told: boolean;
  /** What it says of the length of the headers. */
  readonly hint: number;
  /** The first checksum that comes of it is 0, or 0xffff where 0 would mean that there is none. */
  readonly zero: boolean;
  readonly protocol: "tcp" | "udp";
}

/** Offset of the checksum in a TCP and in a UDP header. */
export const CHECKSUM_OFFSET = { tcp: 16, udp: 6 } as const;
/** Longest payload: with all the headers it may have, it still fits an IP packet. */
const LONGEST = 65_000;
/** Least size of a segment that we cut. */
const SIZE_MIN = 32;

const sizes = fc.oneof(
  fc.integer({ min: SIZE_MIN, max: 100 }),
  fc.integer({ min: SIZE_MIN, max: 9000 }),
  fc.constantFrom(536, 1220, 1440, 1448, 1460, 8948),
);
const seeds = fc.nat(0xffff);
const rarely = fc.nat(9).map((n) => n === 0);
const mostly = rarely.map((rare) => !rare);
/** At least an Ethernet header, or nothing: less is refused where no checksum says that there is more. */
const hints = fc.constantFrom(0, 14, 34, 42);

/** What is behind the packet, now and then: the checksum is over that, too. */
const trailers = fc.oneof({ weight: 4, arbitrary: fc.constant(new Uint8Array()) }, {
  weight: 1,
  arbitrary: fc.uint8Array({ maxLength: 20 }),
});

/** Frames that are cut into 2 to `most` segments, of at most `longest` bytes of payload. */
export function largeTcp(most: number, longest = LONGEST): fc.Arbitrary<CutCase> {
  return large(
    tcpShapes,
    most,
    longest,
    ({ version }) => version === 4 ? Gso.TCPV4 : Gso.TCPV6,
    mostly,
  );
}

/** Frames of several UDP datagrams. */
export function largeUso(most: number, longest = LONGEST): fc.Arbitrary<CutCase> {
  // Linux refuses one that does not say that its checksum is unfinished
  return large(udpShapes, most, longest, () => Gso.USO, fc.constant(true));
}

/** Datagrams that are cut into IP fragments: over IPv4, since those of IPv6 have a random ID. */
export function largeUfo(most: number, longest = LONGEST): fc.Arbitrary<CutCase> {
  return large(udpShapes, most, longest, () => Gso.UFO, mostly).map((each) => {
    // fragments begin at multiples of 8 bytes, and the first one has the UDP header
    const size = each.size & ~7;
    const length = Math.min(each.payload.length, most * size - 8);
    const { shape, payload } = each;
    return { ...each, size, shape: { ...shape, version: 4 }, payload: { ...payload, length } };
  });
}

/** Frames that are not cut but have a checksum to be completed. */
export function unfinished(longest: number): fc.Arbitrary<CutCase> {
  const of = (shapes: fc.Arbitrary<TcpShape>, protocol: "tcp" | "udp") =>
    fc.record({
      shape: fc.tuple(shapes, trailers).map(([shape, trailer]) => ({
        ...shape,
        trailer,
        checksum: "partial" as const,
      })),
      payload: fc.record({ seed: seeds, length: fc.oneof(fc.nat(100), fc.nat(longest)) }),
      gso: fc.constant(Gso.NONE),
      size: fc.constant(0),
      told: fc.constant(true),
      hint: hints,
      zero: rarely,
      protocol: fc.constant(protocol),
    });
  return fc.oneof(of(tcpShapes, "tcp"), of(udpShapes, "udp"));
}

function large(
  shapes: fc.Arbitrary<TcpShape>,
  most: number,
  longest: number,
  gsoOf: (shape: TcpShape) => number,
  told: fc.Arbitrary<boolean>,
): fc.Arbitrary<CutCase> {
  return fc.record({
    shape: shapes,
    size: sizes,
    segments: fc.integer({ min: 2, max: most }),
    last: fc.nat(8999),
    seed: seeds,
    told,
    hint: hints,
    zero: rarely,
  }).map(({ shape, size, segments, last, seed, told, hint, zero }) => {
    const gso = gsoOf(shape);
    const length = Math.min((segments - 1) * size + 1 + last % size, longest);
    return {
      shape: told ? { ...shape, checksum: "partial" as const } : shape,
      payload: { seed, length: Math.max(length, 2) },
      gso,
      size: Math.min(size, Math.max(length, 2) - 1),
      told,
      hint,
      zero,
      protocol: gso === Gso.TCPV4 || gso === Gso.TCPV6 ? "tcp" as const : "udp" as const,
    };
  });
}

/** The frame of a case, with its vnet header in front. */
export function wireOf(each: CutCase): Uint8Array {
  const { shape, protocol, gso, size, told, hint, zero } = each;
  const payload = contents(each.payload);
  if (zero) makeZero(each, payload);
  const isTcp = protocol === "tcp";
  const cwr = isTcp && ((shape.flags ?? 0) & 0x80) !== 0;
  return withVnet({
    flags: told ? NEEDS_CSUM : 0,
    gsoType: cwr && gso !== Gso.NONE ? gso | Gso.ECN : gso,
    headerLength: hint,
    gsoSize: size,
    checksumStart: told ? l4Of(shape) : 0,
    checksumOffset: told ? CHECKSUM_OFFSET[protocol] : 0,
  }, frameOf(each, payload));
}

function frameOf({ shape, protocol }: CutCase, payload: Uint8Array): Uint8Array {
  return protocol === "tcp" ? tcpFrame({ ...shape, payload }) : udpFrame({ ...shape, payload });
}

/** Add to the first word of the payload what is missing for a sum of 0xffff, whose complement is 0. */
function makeZero(each: CutCase, payload: Uint8Array): void {
  if (payload.length < 2) return;
  const first = firstOf(each, frameOf(each, payload));
  const field = l4Of(each.shape) + CHECKSUM_OFFSET[each.protocol];
  const word = payload[0] * 256 + payload[1] + first[field] * 256 + first[field + 1];
  const folded = word > 0xffff ? word - 0xffff : word;
  payload.set([folded >> 8, folded & 0xff]);
}

/** The first frame that comes of a case. */
function firstOf({ shape, gso, size, protocol }: CutCase, frame: Uint8Array): Uint8Array {
  if (gso === Gso.UFO) return naiveFragments(frame, size, 0)[0];
  const whole = gso === Gso.NONE ? frame.length - l4Of(shape) : size;
  return protocol === "tcp" ? naiveTcp(frame, whole)[0] : naiveUdp(frame, whole)[0];
}
