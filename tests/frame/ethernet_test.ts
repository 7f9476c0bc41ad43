/**
 * The Ethernet header against a reference that looks at bytes, one by one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  dstHigh,
  dstLow,
  formatMac,
  HEADER_BYTES,
  isBadSource,
  isGroup,
  isReserved,
  srcHigh,
} from "../../src/frame/ethernet.ts";

/** What the functions under test say of a header of 12 bytes at some odd offset. */
function read(dst: readonly number[], src: readonly number[]) {
  const at = 3;
  const view = new DataView(new ArrayBuffer(at + HEADER_BYTES));
  [...dst, ...src].forEach((byte, i) => view.setUint8(at + i, byte));
  const word0 = view.getInt32(at), word1 = view.getInt32(at + 4), word2 = view.getInt32(at + 8);
  return {
    group: isGroup(word0),
    bad: isBadSource(word1, word2),
    reserved: isReserved(word0, word1),
    dst: formatMac(dstHigh(word0), dstLow(word0, word1)),
    src: formatMac(srcHigh(word1), word2),
    keys: [dstHigh(word0), dstLow(word0, word1), srcHigh(word1), word2],
  };
}

/** The same, naively. */
function reference(dst: readonly number[], src: readonly number[]) {
  const word = (bytes: readonly number[]) => bytes.reduce((sum, byte) => sum * 256 + byte, 0) | 0;
  const prefix = [0x01, 0x80, 0xc2, 0x00, 0x00];
  return {
    group: dst[0] % 2 === 1,
    bad: src[0] % 2 === 1 || src.every((byte) => byte === 0),
    reserved: prefix.every((byte, i) => dst[i] === byte) && dst[5] >= 1 && dst[5] <= 15,
    dst: dst.map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
    src: src.map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
    keys: [word(dst.slice(0, 2)), word(dst.slice(2)), word(src.slice(0, 2)), word(src.slice(2))],
  };
}

function octets(text: string): number[] {
  return text.split(":").map((octet) => parseInt(octet, 16));
}

const VM = octets("52:54:00:12:34:56");
const RESERVED = octets("01:80:c2:00:00:01");

/** Addresses of all shapes: random ones, ones made of extremes, and near misses of the reserved block. */
const address = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 }),
  fc.array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xfe, 0xff), { minLength: 6, maxLength: 6 }),
  fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 255 })).map(
    ([place, byte]) => RESERVED.with(place, byte),
  ),
);

Deno.test("the Ethernet header is read as a byte-wise reference reads it", () => {
  fc.assert(
    fc.property(address, address, (dst, src) => {
      assertEquals(read(dst, src), reference(dst, src));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("isReserved() holds for 01:80:c2:00:00:01 to 0f and nothing beside them", () => {
  for (let last = 0x00; last <= 0xff; last++) {
    const { reserved, group } = read(RESERVED.with(5, last), VM);
    assertEquals(reserved, last >= 0x01 && last <= 0x0f, `01:80:c2:00:00:${last.toString(16)}`);
    assertEquals(group, true);
  }
  for (let place = 0; place < 5; place++) {
    for (let bit = 0; bit < 8; bit++) {
      const near = RESERVED.with(place, RESERVED[place] ^ (1 << bit));
      assertEquals(read(near, VM).reserved, false, `${near}`);
    }
  }
});

Deno.test("isBadSource() refuses what is not a station's address", () => {
  const bad: Record<string, boolean> = {
    "00:00:00:00:00:00": true,
    "ff:ff:ff:ff:ff:ff": true,
    "01:00:5e:00:00:fb": true,
    "33:33:00:00:00:01": true,
    "01:80:c2:00:00:00": true,
    "01:00:00:00:00:00": true,
    "53:54:00:12:34:56": true,
    "52:54:00:12:34:56": false,
    "02:00:00:00:00:00": false,
    "00:00:00:00:00:01": false,
    "00:01:00:00:00:00": false,
    "00:00:80:00:00:00": false,
    "fe:ff:ff:ff:ff:ff": false,
  };
  for (const [source, expected] of Object.entries(bad)) {
    // The destination's end lies in the same word as the source's start: it must not matter.
    for (const dst of [VM, octets("ff:ff:ff:ff:ff:ff"), octets("00:00:00:00:00:00")]) {
      assertEquals(read(dst, octets(source)).bad, expected, `${source} to ${dst}`);
    }
  }
});

Deno.test("isGroup() looks at the first bit on the wire only", () => {
  for (let first = 0; first <= 0xff; first++) {
    assertEquals(read([first, 0xff, 0xff, 0xff, 0xff, 0xff], VM).group, first % 2 === 1);
    assertEquals(read([first, 0, 0, 0, 0, 0], VM).group, first % 2 === 1);
  }
});

Deno.test("formatMac() writes twelve digits", () => {
  assertEquals(formatMac(0, 0), "00:00:00:00:00:00");
  assertEquals(formatMac(0xffff, -1), "ff:ff:ff:ff:ff:ff");
  assertEquals(formatMac(0x0001, 0x0203_040a), "00:01:02:03:04:0a");
  assertEquals(formatMac(0x5254, 0x8012_3456 | 0), "52:54:80:12:34:56");
});
