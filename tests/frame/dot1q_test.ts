/**
 * The VLAN tag against a reference that looks at bytes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TAG_TYPE, TAGGED_HEADER_BYTES, vidOf } from "../../src/frame/dot1q.ts";
import { ETHERTYPE } from "../../src/frame/ethernet.ts";

/** vidOf() of a frame whose bytes 12.. are given; it lies at an odd offset among ones. */
function read(tail: readonly number[], length: number): number {
  const at = 5;
  const view = new DataView(new ArrayBuffer(at + 12 + Math.max(tail.length, 8)));
  new Uint8Array(view.buffer).fill(0xff);
  tail.forEach((byte, i) => view.setUint8(at + 12 + i, byte));
  return vidOf(view, view.getUint16(at + ETHERTYPE), at, length);
}

Deno.test("vidOf() reads the identifier as a byte-wise reference does", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const type = fc.oneof(fc.tuple(byte, byte), fc.constant([0x81, 0x00] as const));
  const length = fc.integer({ min: 14, max: 70_000 });
  fc.assert(
    fc.property(type, byte, byte, length, ([high, low], tag, id, bytes) => {
      const tagged = high === 0x81 && low === 0x00 && bytes >= 18;
      assertEquals(read([high, low, tag, id, 0x08, 0x00], bytes), tagged ? tag % 16 * 256 + id : 0);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("vidOf() ignores priority and drop eligibility", () => {
  for (let priority = 0; priority < 16; priority++) {
    assertEquals(read([0x81, 0x00, (priority << 4) | 0x0, 0x00], 64), 0);
    assertEquals(read([0x81, 0x00, (priority << 4) | 0xf, 0xff], 64), 4095);
  }
});

Deno.test("vidOf() is 0 for a frame too short to carry a tag, whatever lies behind it", () => {
  for (let length = 14; length <= 20; length++) {
    const expected = length < TAGGED_HEADER_BYTES ? 0 : 7;
    assertEquals(read([TAG_TYPE >> 8, TAG_TYPE & 0xff, 0x00, 7], length), expected, `${length}`);
  }
});

Deno.test("vidOf() is 0 for other tags, a provider's included", () => {
  for (
    const [high, low] of [[0x88, 0xa8], [0x91, 0x00], [0x08, 0x00], [0x86, 0xdd], [0x81, 0x01]]
  ) {
    assertEquals(read([high, low, 0x00, 42], 64), 0);
  }
});
