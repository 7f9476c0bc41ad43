/**
 * UDP segmentation against the naive one, over frames of every shape.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Kind } from "../../src/frame/headers.ts";
import { segmentUdp } from "../../src/offload/segment_udp.ts";
import { filler, l4Of, type PacketShape, udpFrame, viewOf } from "./frames.ts";
import { naiveUdp, verifies } from "./naive_segment.ts";
import { assertFrames, type Lead, LEADS, SegmentLab, sizeFor } from "./segment_lab.ts";
import { payloads, udpShapes } from "./shapes.ts";

const lab = new SegmentLab();

/** Cut a frame whose payload ends at `end`. */
function cut(frame: Uint8Array, size: number, options: {
  end?: number;
  lead?: Lead;
  shift?: number;
} = {}): Uint8Array[] {
  const { end = frame.length, lead, shift } = options;
  lab.lay(frame, lead, shift);
  const { view, gather, headers, at } = lab;
  assertEquals(headers.kind, Kind.UDP);
  const made = segmentUdp(view, gather, headers, at, at + end, size);
  const taken = lab.take(headers.payload - at);
  assertEquals(made, taken.length);
  return taken;
}

Deno.test("segmentUdp() cuts as the naive one does, whatever the shape", () => {
  fc.assert(
    fc.property(
      udpShapes,
      payloads(1, 65_300),
      fc.integer({ min: 1, max: 9000 }),
      fc.constantFrom(...LEADS),
      fc.nat(7),
      fc.nat(20),
      (shape, payload, wish, lead, shift, trailing) => {
        const frame = udpFrame({ ...shape, payload, trailer: filler(trailing) });
        const end = frame.length - trailing, size = sizeFor(payload.length, wish);
        const datagrams = cut(frame, size, { end, lead, shift });
        assertFrames(datagrams, naiveUdp(frame, size, end), `size ${size}`);
      },
    ),
    { numRuns: 1000 },
  );
});

for (const version of [4, 6] as const) {
  Deno.test(`segmentUdp() cuts IPv${version} payloads of 1 to 9001 bytes as the naive one does`, () => {
    const payload = filler(9001, version),
      shape = { version, id: 0xfffe, checksum: "partial" } as const;
    for (let length = 1; length <= 9001; length++) {
      const frame = udpFrame({ ...shape, payload: payload.subarray(0, length) });
      const size = 536 + length % 1001;
      assertFrames(cut(frame, size), naiveUdp(frame, size), `${length} bytes, size ${size}`);
    }
  });
}

Deno.test("segmentUdp() makes datagrams with lengths, checksums and IDs of their own", () => {
  const datagrams = cut(udpFrame({ id: 0xffff, payload: filler(25), checksum: "partial" }), 10);
  assertEquals(datagrams.map((datagram) => viewOf(datagram).getUint16(18)), [0xffff, 0, 1]);
  assertEquals(datagrams.map((datagram) => viewOf(datagram).getUint16(38)), [18, 18, 13]);
  assertEquals(datagrams.map((datagram) => verifies(datagram, 17)), [true, true, true]);
});

Deno.test("segmentUdp() writes a checksum of 0 as 0xffff", () => {
  const shape: PacketShape = { payload: [0, 0] };
  const field = l4Of(shape) + 6, balance = viewOf(udpFrame(shape)).getUint16(field);
  const frame = udpFrame({ payload: [balance >> 8, balance & 0xff] });
  const [datagram] = cut(frame, 2);
  assertEquals(viewOf(datagram).getUint16(field), 0xffff);
  assertEquals(datagram, frame);
});
