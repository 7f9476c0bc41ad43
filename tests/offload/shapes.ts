/**
 * Random shapes of frames, for properties.
 *
 * @module
 */
import fc from "fast-check";
import { type Extension, filler, type PacketShape, type TcpShape } from "./frames.ts";

const byte = fc.nat(0xff), word = fc.nat(0xffff), long = fc.nat(0xffff_ffff);
/** Numbers near a wrap as often as others. */
const wrapping = (most: number) =>
  fc.oneof(fc.nat(most), fc.nat(40).map((before) => most - before));

const tag = fc.tuple(fc.constantFrom(0x8100, 0x88a8), word)
  .map(([type, tci]) => type * 0x1_0000 + tci);
const options = fc.array(byte, { maxLength: 40 });
const extension: fc.Arbitrary<Extension> = fc.record({
  protocol: fc.constantFrom(0, 43, 60),
  data: fc.array(byte, { maxLength: 40 }),
}).map(({ protocol, data }) => {
  // A routing header with segments left is one we do not look behind.
  return { protocol, data: protocol === 43 ? [0, 0, ...data] : data };
});

const packet = {
  version: fc.constantFrom(4, 6),
  from: byte,
  to: byte,
  tags: fc.array(tag, { maxLength: 2 }),
  ipOptions: options,
  extensions: fc.array(extension, { maxLength: 3 }),
  id: wrapping(0xffff),
  df: fc.boolean(),
  tos: byte,
  ttl: byte,
  flow: fc.nat(0xf_ffff),
  fromPort: word,
  toPort: word,
  checksum: fc.constantFrom("full", "partial", "bad", "none"),
} as const;

/** UDP frames, without payload. */
export const udpShapes: fc.Arbitrary<PacketShape> = fc.record(packet);

/** TCP frames, without payload, with every combination of flags. */
export const tcpShapes: fc.Arbitrary<TcpShape> = fc.record({
  ...packet,
  tcpOptions: options,
  flags: fc.nat(0xfff),
  seq: wrapping(0xffff_ffff),
  ack: long,
  window: word,
  urgent: word,
});

/** Payload of `least` to `most` bytes: short, long, of zeros and ones only, and any. */
export function payloads(least: number, most: number): fc.Arbitrary<Uint8Array> {
  const short = Math.min(least + 5000, most);
  const length = fc.oneof(
    fc.integer({ min: least, max: short }),
    fc.integer({ min: least, max: most }),
  );
  const contents = fc.oneof(
    { weight: 6, arbitrary: fc.nat() },
    { weight: 1, arbitrary: fc.constantFrom(-1, -2) },
  );
  return fc.tuple(length, contents).map(([bytes, seed]) =>
    seed < 0 ? new Uint8Array(bytes).fill(-1 - seed && 0xff) : filler(bytes, seed)
  );
}
