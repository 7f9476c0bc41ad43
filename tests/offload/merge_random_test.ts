/**
 * Random batches: what goes out is what the slow way makes of them, and cut again it is what came in.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { bursts, wiresOf } from "../kernel/bursts.ts";
import { finishChecksum, splitVnet, withVnet } from "../support/vnet_header.ts";
import { filler, l4Of, tcpFrame, type TcpShape } from "./frames.ts";
import { MergeLab, RULES } from "./merge_lab.ts";
import { type MergeRules, naiveMerge, type Outgoing } from "./naive_merge.ts";
import { naiveTcp, verifies } from "./naive_segment.ts";
import { assertFrames } from "./segment_lab.ts";

const lab = new MergeLab();

const rules: fc.Arbitrary<MergeRules> = fc.record({
  tso4: mostly(true),
  tso6: mostly(true),
  most: fc.oneof({ weight: 3, arbitrary: fc.constant(65_600) }, fc.integer({ min: 60, max: 2000 })),
  verify: fc.boolean(),
  vnet: fc.constantFrom(0, 10, 12),
  excluded: fc.array(mostly(false), { maxLength: 20 }),
});

/** Frames of random bursts, all with a checksum that is said to be finished, and not all with a right one. */
const batches = fc.oneof(bursts(20, 300, 3), bursts(40, 300, 20)).map((burst) =>
  wiresOf(burst).map((wire) => {
    const { header, frame } = splitVnet(wire);
    finishChecksum(header, frame);
    return frame;
  })
);

/** Bytes to write over frames: which frame, where in its headers, what; and new lengths. */
const damage = fc.record({
  bytes: fc.array(fc.tuple(fc.nat(19), fc.nat(90), fc.nat(255)), { maxLength: 4 }),
  bits: fc.array(fc.tuple(fc.nat(19), fc.nat(90), fc.nat(7)), { maxLength: 4 }),
  lengths: fc.array(fc.tuple(fc.nat(19), fc.nat(120)), { maxLength: 2 }),
});

function mostly(usual: boolean): fc.Arbitrary<boolean> {
  return fc.nat(9).map((n) => n === 0 ? !usual : usual);
}

function assertSame(frames: readonly Uint8Array[], rules: MergeRules, framed: boolean): Outgoing[] {
  const out = lab.run(frames, rules, framed), expected = naiveMerge(frames, rules);
  assertEquals(out.map(({ of }) => of), expected.map(({ of }) => of), "what goes out together");
  assertFrames(
    out.map(({ wire }) => wire),
    expected.map(({ wire }) => wire),
    "ours, the slow way's",
  );
  return out;
}

Deno.test("Merger puts together what the slow way puts together, and the same way", () => {
  let merged = 0;
  fc.assert(
    fc.property(batches, rules, fc.boolean(), (frames, rules, framed) => {
      const out = assertSame(frames, rules, framed);
      const indexes = out.flatMap(({ of }) => of).sort((a, b) => a - b);
      assertEquals(indexes, frames.map((_, i) => i), "each frame goes out once");
      merged += frames.length - out.length;
    }),
    { numRuns: 2000 },
  );
  assert(merged > 2000, `only ${merged} frames followed another one`);
});

Deno.test("Merger puts nothing together that damage made odd, and stays within the frames", () => {
  fc.assert(
    fc.property(batches, damage, rules, (whole, { bytes, bits, lengths }, rules) => {
      const frames = whole.map((frame) => frame.slice());
      const write = (i: number, at: number, change: (byte: number) => number) => {
        const frame = frames[i % frames.length];
        if (at < frame.length) frame[at] = change(frame[at]);
      };
      for (const [i, at, byte] of bytes) write(i, at, () => byte);
      for (const [i, at, bit] of bits) write(i, at, (byte) => byte ^ 1 << bit);
      for (const [i, length] of lengths) {
        const at = i % frames.length;
        frames[at] = frames[at].subarray(0, length);
      }
      assertSame(frames, rules, false);
    }),
    { numRuns: 3000 },
  );
});

/** A connection, and how many bytes each of its segments has; the last may have fewer. */
const flow = fc.record({
  version: fc.constantFrom(4, 6),
  tags: fc.constantFrom([], [0x8100_0005], [0x88a8_0005, 0x8100_0006]),
  tcpOptions: fc.array(fc.nat(255), { maxLength: 40 }),
  seq: fc.oneof(
    fc.nat(0xffff_ffff),
    fc.tuple(fc.constantFrom(2 ** 31, 2 ** 32), fc.integer({ min: 1, max: 2000 })).map((
      [wrap, before],
    ) => wrap - before),
  ),
  id: fc.oneof(fc.nat(0xffff), fc.nat(5).map((before) => 0xffff - before)),
  df: fc.boolean(),
  urgent: fc.nat(0xffff),
  flags: fc.constantFrom(0x10, 0x50, 0x110),
  size: fc.integer({ min: 1, max: 1500 }),
  segments: fc.integer({ min: 2, max: 12 }),
  rest: fc.nat(1500),
  end: fc.constantFrom(0, 1, 8, 9),
  fill: fc.constantFrom(-1, 0, 0xff),
});
type Flow = typeof flow extends fc.Arbitrary<infer T> ? T : never;

function shapesOf({ size, segments, rest, end, fill, ...shape }: Flow): TcpShape[] {
  return Array.from({ length: segments }, (_, i) => {
    const isLast = i === segments - 1, bytes = isLast ? 1 + rest % size : size;
    return {
      ...shape,
      seq: (shape.seq + i * size) % 2 ** 32,
      id: (shape.id + i) % 65_536,
      flags: shape.flags | (isLast ? end : 0),
      payload: fill < 0 ? filler(bytes, i) : new Uint8Array(bytes).fill(fill),
    };
  });
}

Deno.test("Merger: an aggregate that is cut again is what it was made of, bit by bit", () => {
  fc.assert(
    fc.property(flow, fc.constantFrom(0, 10, 12), fc.boolean(), (flow, vnet, framed) => {
      const frames = shapesOf(flow).map(tcpFrame);
      const out = lab.run(frames, { ...RULES, vnet, verify: vnet !== 0 }, framed);
      assertEquals(out.length, 1);
      let [{ wire }] = out, size = flow.size;
      if (vnet !== 0) {
        const { header, frame } = splitVnet(withVnetOf12(wire, vnet));
        assertEquals(header, {
          flags: 1,
          gsoType: flow.version === 4 ? 1 : 4,
          headerLength: l4Of(flow) + (frame[l4Of(flow) + 12] >> 4) * 4,
          gsoSize: flow.size,
          checksumStart: l4Of(flow),
          checksumOffset: 16,
        });
        finishChecksum(header, frame);
        [wire, size] = [frame, header.gsoSize];
      }
      assert(verifies(wire, 6), "the checksum of the whole");
      assertFrames(naiveTcp(wire, size), frames, "cut again, before");
    }),
    { numRuns: 500 },
  );
});

Deno.test("Merger: an aggregate with one corrupt segment is corrupt, whatever is wrong with it", () => {
  const wrong = fc.record({ which: fc.nat(11), at: fc.nat(2000), bit: fc.nat(7) });
  fc.assert(
    fc.property(flow, wrong, (flow, { which, at, bit }) => {
      const shapes = shapesOf(flow), frames = shapes.map(tcpFrame);
      // where a flipped bit is the TCP checksum's to find: the urgent pointer, its own field or the payload
      const frame = frames[which % frames.length], from = l4Of(flow) + 16;
      const body = l4Of(flow) + (frame[l4Of(flow) + 12] >> 4) * 4;
      const place = at % 4 === 0 ? from + at % 3 : body + at % (frame.length - body);
      frame[place] ^= 1 << bit;
      const out = lab.run(frames, RULES);
      assertEquals(out.length, 1);
      assert(!verifies(out[0].wire, 6), "a corrupt segment was made good");
      const alone = lab.run(frames, { ...RULES, verify: true, vnet: 12 });
      assert(alone.some(({ of }) => of.length === 1 && of[0] === which % frames.length));
    }),
    { numRuns: 500 },
  );
});

/** The frame with a header of 12 bytes for its one of 10. */
function withVnetOf12(wire: Uint8Array, bytes: number): Uint8Array {
  if (bytes === 12) return wire;
  const { header } = splitVnet(wire);
  return withVnet(header, wire.subarray(bytes));
}
