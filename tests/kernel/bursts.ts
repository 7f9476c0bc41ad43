/**
 * Random bursts of TCP segments: of a few flows, mostly in order, now and then not quite as they should be.
 *
 * @module
 */
import fc from "fast-check";
import { type Checksum, l4Of, tcpFrame, type TcpShape } from "../offload/frames.ts";
import { NEEDS_CSUM, NO_OFFLOAD, withVnet } from "../support/vnet_header.ts";
import { contents } from "../vectors/wire_text.ts";
import { CHECKSUM_OFFSET } from "./cases.ts";

/** A segment: what it has in addition to, or instead of, what is next in its flow. */
export interface Segment {
  /** Which flow it is of, modulo their number. */
  readonly flow: number;
  readonly bytes: number;
  readonly seed: number;
  /** By how much sequence number and ID are not the next ones. */
  readonly gap: number;
  readonly idStep: number;
  readonly changed: Partial<TcpShape>;
}

/** Segments of a few flows, in the order they come. */
export interface Burst {
  /** Tags of all of them. */
  readonly tags: readonly number[];
  readonly flows: readonly TcpShape[];
  readonly segments: readonly Segment[];
}

const byte = fc.nat(0xff), word = fc.nat(0xffff);
/** `usual`, but for one in `often` times. */
function mostly<T, U>(usual: T, often: number, other: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: often - 1, arbitrary: fc.constant(usual) }, {
    weight: 1,
    arbitrary: other,
  });
}
const wrapping = (most: number) =>
  fc.oneof(fc.nat(most), fc.nat(4000).map((before) => most - before));

const options = fc.oneof(
  fc.constant([]),
  fc.array(byte, { minLength: 10, maxLength: 10 }).map((bytes) => [1, 1, 8, 10, ...bytes.slice(2)]),
);

/** Flows that differ in little, so that they may be taken for one another. */
const flows: fc.Arbitrary<TcpShape> = fc.record({
  version: fc.constantFrom(4, 6),
  from: fc.constantFrom(1, 2),
  to: mostly(3, 8, fc.constant(4)),
  fromPort: fc.constantFrom(1000, 1001),
  toPort: fc.constantFrom(80, 81),
  ipOptions: mostly([], 10, fc.constant([1, 1, 1, 1])),
  extensions: mostly([], 10, fc.constant([{ protocol: 60, data: [1, 4, 0, 0, 0, 0] }])),
  tcpOptions: options,
  seq: wrapping(0xffff_ffff),
  id: wrapping(0xffff),
  df: fc.boolean(),
  tos: byte,
  ttl: byte,
  flow: fc.nat(0xf_ffff),
  ack: fc.nat(0xffff_ffff),
  window: word,
  urgent: mostly(0, 4, word),
  flags: mostly(0x10, 4, fc.constantFrom(0x50, 0x110, 0x90, 0x30, 0)),
  checksum: mostly("full" as const, 4, fc.constant("partial" as const)),
});

/** What may be odd about a segment. */
const changes: fc.Arbitrary<Partial<TcpShape>> = fc.oneof(
  fc.record({
    flags: fc.oneof(fc.constantFrom(0x11, 0x18, 0x18, 0x19, 0x90, 0x12, 0x14), fc.nat(0xfff)),
  }),
  fc.record({
    checksum: fc.constantFrom<Checksum[]>("bad", "none", "partial", "full"),
  }),
  fc.record({ tcpOptions: options }),
  fc.record({ window: word }),
  fc.record({ ack: fc.nat(0xffff_ffff) }),
  fc.record({ urgent: word }),
  fc.record({ tos: byte }),
  fc.record({ ttl: byte }),
  fc.record({ df: fc.boolean() }),
  fc.record({ flow: fc.nat(0xf_ffff) }),
  fc.record({ trailer: fc.array(byte, { minLength: 1, maxLength: 8 }) }),
);

/** Bursts of up to `most` segments of up to `longest` bytes, of which one in `often` has something odd about it. */
export function bursts(most: number, longest: number, often: number): fc.Arbitrary<Burst> {
  return fc.integer({ min: 1, max: longest }).chain((mss) =>
    fc.record({
      tags: fc.constantFrom([], [], [0x8100_0005], [0x88a8_0005, 0x8100_0006]),
      flows: fc.array(flows, { minLength: 1, maxLength: 3 }),
      segments: fc.array(
        fc.record({
          flow: mostly(0, 3, fc.nat(2)),
          bytes: mostly(mss, often * 3, fc.nat(longest)),
          seed: fc.nat(0xffff),
          gap: mostly(
            0,
            often * 5,
            fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(-1, 1, mss, -mss)),
          ),
          idStep: mostly(1, often * 5, fc.oneof(fc.constant(0), fc.nat(0xffff))),
          changed: mostly({}, often, changes),
        }),
        { minLength: 2, maxLength: most },
      ),
    })
  );
}

/** The frames of a burst, each with its vnet header in front. */
export function wiresOf({ tags, flows, segments }: Burst): Uint8Array[] {
  const next = flows.map(({ seq = 0, id = 0 }) => ({ seq, id }));
  return segments.map((segment) => {
    const which = segment.flow % flows.length, at = next[which];
    const shape = {
      ...flows[which],
      tags,
      ...segment.changed,
      seq: (at.seq + segment.gap) >>> 0,
      id: at.id,
      payload: contents({ seed: segment.seed, length: segment.bytes }),
    };
    at.seq = (shape.seq + segment.bytes) >>> 0;
    at.id = (at.id + segment.idStep) % 0x1_0000;
    return withVnet(
      shape.checksum !== "partial" ? NO_OFFLOAD : {
        ...NO_OFFLOAD,
        flags: NEEDS_CSUM,
        checksumStart: l4Of(shape),
        checksumOffset: CHECKSUM_OFFSET.tcp,
      },
      tcpFrame(shape),
    );
  });
}
