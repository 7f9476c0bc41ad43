/**
 * The Internet checksum against one that adds byte by byte.
 *
 * Every view ends where the bytes end: a read beyond them would throw.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { fold, pseudoSum, replace, sum, SUM_BYTES } from "../../src/frame/checksum.ts";
import { Headers } from "../../src/frame/headers.ts";
import { filler, l4Of, type PacketShape, tcpFrame, udpFrame } from "../offload/frames.ts";
import { complement, onesSum } from "../offload/naive_checksum.ts";

const word = fc.integer({ min: 0, max: 0xffff });

Deno.test("sum() is right for all lengths to 9001 at all alignments", () => {
  const LONGEST = 9001;
  const bytes = filler(LONGEST + 8);
  for (let at = 0; at < 8; at++) {
    let expected = 0;
    for (let length = 0; length <= LONGEST; length++) {
      const view = new DataView(bytes.buffer, 0, at + length);
      if (sum(view, at, length) !== expected) {
        assertEquals(sum(view, at, length), expected, `${length} bytes at ${at}`);
      }
      const byte = bytes[at + length];
      expected += length % 2 === 0 ? byte * 256 : byte;
      if (expected > 0xffff) expected -= 0xffff;
    }
  }
});

Deno.test("sum() carries right when every word does, up to the most bytes it takes", () => {
  const bytes = new Uint8Array(SUM_BYTES).fill(0xff);
  const view = new DataView(bytes.buffer);
  for (const length of [2, 4, 1448, 65_534, 65_536, 69_632, 131_072, SUM_BYTES]) {
    assertEquals(sum(view, 0, length), 0xffff, `${length} bytes`);
    assertEquals(sum(view, 0, length - 1), 0xff00, `${length - 1} bytes`);
  }
});

Deno.test("sum() of bytes that are all small or all large, at random lengths", () => {
  const byte = fc.constantFrom(0, 1, 0x7f, 0x80, 0xfe, 0xff);
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 200 }), fc.nat(7), (data, at) => {
      const bytes = Uint8Array.of(...new Uint8Array(at).fill(0xaa), ...data);
      assertEquals(sum(new DataView(bytes.buffer), at, data.length), onesSum(data));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("sum() carries a carry", () => {
  const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02);
  assertEquals(sum(new DataView(bytes.buffer), 0, 7), 0x0200);
});

Deno.test("sum() tells nothing but zeros from everything else", () => {
  const view = new DataView(new ArrayBuffer(64));
  assertEquals([sum(view, 0, 0), sum(view, 3, 61)], [0, 0]);
  view.setUint32(8, 0xffff_0000);
  assertEquals(sum(view, 0, 64), 0xffff);
});

Deno.test("sum() gives RFC 1071's example", () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assertEquals(sum(new DataView(bytes.buffer), 0, 8), 0xddf2);
});

Deno.test("fold() adds carries back until there are none", () => {
  const table = [
    [0, 0],
    [0xffff, 0xffff],
    [0x1_0000, 1],
    [0x1_fffe, 0xffff],
    [0xffff_ffff, 0xffff],
    [0x1_0000_0000, 1],
    [0xffff_ffff_ffff, 0xffff],
  ];
  for (const [value, folded] of table) assertEquals(fold(value), folded, value.toString(16));
  fc.assert(fc.property(fc.array(word), (words) => {
    const all = words.reduce((sum, each) => sum + each, 0);
    assertEquals(fold(all), onesSum(words.flatMap((each) => [each >> 8, each & 0xff])));
  }));
});

Deno.test("replace() gives the checksum of the changed bytes", () => {
  const words = fc.array(word, { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(words, fc.nat(), word, (before, place, now) => {
      const i = place % before.length, old = before[i];
      const of = (all: readonly number[]) =>
        onesSum(all.flatMap((each) => [each >> 8, each & 255]));
      const replaced = replace(complement(of(before)), old, now);
      const expected = complement(of(before.with(i, now)));
      // All words are zero: what was carried over cannot know it, and says minus zero (RFC 1624 3).
      if (replaced !== expected) assertEquals([replaced, expected], [0, 0xffff]);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("replace() gives RFC 1624's example", () => {
  assertEquals(replace(0xdd2f, 0x5555, 0x3285), 0x0000);
});

Deno.test("pseudoSum() is the seed a sender leaves", () => {
  const payload = filler(777);
  const extensions = [{ protocol: 60, data: [1, 4, 0, 0, 0, 0] }];
  const shapes: PacketShape[] = [
    { version: 4, from: 3, to: 250, payload },
    { version: 4, ipOptions: filler(12), payload },
    { version: 4, tags: [0x8100_0005], payload: [] },
    { version: 6, from: 3, to: 250, payload },
    { version: 6, extensions, payload },
  ];
  const headers = new Headers();
  for (const shape of shapes) {
    for (const [frame, field] of [[tcpFrame, 16], [udpFrame, 6]] as const) {
      const bytes = frame({ ...shape, checksum: "partial" });
      const view = new DataView(bytes.buffer), l4 = l4Of(shape);
      headers.walk(view, 0, bytes.length);
      assertEquals(pseudoSum(view, headers, bytes.length - l4), view.getUint16(l4 + field));
    }
  }
});

Deno.test("pseudoSum() takes lengths of more than 16 bits", () => {
  const bytes = tcpFrame({ version: 6 }), headers = new Headers();
  const view = new DataView(bytes.buffer);
  headers.walk(view, 0, bytes.length);
  assertEquals(pseudoSum(view, headers, 0x1_0004), pseudoSum(view, headers, 5));
});
