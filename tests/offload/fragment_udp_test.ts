/**
 * UDP fragmentation against the naive one, over frames of every shape, and put together again.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Headers, Kind } from "../../src/frame/headers.ts";
import { fragmentUdp } from "../../src/offload/fragment_udp.ts";
import { filler, l3Of, l4Of, type PacketShape, udpFrame, viewOf } from "./frames.ts";
import { naiveFragments } from "./naive_segment.ts";
import { assertFrames, type Lead, LEADS, SegmentLab, sizeFor } from "./segment_lab.ts";
import { payloads, udpShapes } from "./shapes.ts";

const lab = new SegmentLab();

/** Cut a frame whose payload ends at `end`. */
function cut(frame: Uint8Array, size: number, options: {
  id?: number;
  finish?: boolean;
  end?: number;
  lead?: Lead;
  shift?: number;
} = {}): Uint8Array[] {
  const { id = 1, finish = true, end = frame.length, lead, shift } = options;
  lab.lay(frame, lead, shift);
  const { view, gather, headers, at } = lab;
  assertEquals(headers.kind, Kind.UDP);
  const made = fragmentUdp(view, gather, headers, at, at + end, size, id, finish);
  const taken = lab.take(headers.payload - at);
  assertEquals(made, taken.length);
  return taken;
}

Deno.test("fragmentUdp() cuts as the naive one does, whatever the shape", () => {
  fc.assert(
    fc.property(
      udpShapes,
      payloads(0, 65_300),
      fc.integer({ min: 8, max: 9000 }),
      fc.nat(0xffff_ffff),
      fc.constantFrom(...LEADS),
      fc.nat(7),
      fc.nat(20),
      (shape, payload, wish, id, lead, shift, trailing) => {
        const frame = udpFrame({ ...shape, payload, trailer: filler(trailing) });
        const end = frame.length - trailing, size = sizeFor(payload.length + 8, wish) + 7;
        const fragments = cut(frame, size, { id, end, lead, shift });
        assertFrames(fragments, naiveFragments(frame, size, id, end), `size ${size}`);
      },
    ),
    { numRuns: 1000 },
  );
});

for (const version of [4, 6] as const) {
  Deno.test(`fragmentUdp() cuts IPv${version} payloads of 0 to 9001 bytes as the naive one does`, () => {
    const payload = filler(9001, version), shape = { version, checksum: "partial" } as const;
    for (let length = 0; length <= 9001; length++) {
      const frame = udpFrame({ ...shape, payload: payload.subarray(0, length) });
      const size = 536 + length % 1001;
      assertFrames(
        cut(frame, size),
        naiveFragments(frame, size, 1),
        `${length} bytes, size ${size}`,
      );
    }
  });
}

Deno.test("fragmentUdp() makes fragments of IPv4 that are put together to the finished datagram", () => {
  const shape: PacketShape = {
    id: 77,
    df: true,
    ipOptions: [7, 7, 4, 0, 0, 0, 0],
    payload: filler(4000),
  };
  const fragments = cut(udpFrame({ ...shape, checksum: "partial" }), 1001);
  const words = fragments.map((fragment) => viewOf(fragment).getUint16(20));
  assertEquals(words, [0x2000, 0x2000 | 125, 0x2000 | 250, 0x2000 | 375, 500]);
  assertEquals(fragments.map((fragment) => viewOf(fragment).getUint16(18)), Array(5).fill(77));
  const datagram = fragments.flatMap((fragment) => [...fragment.subarray(l4Of(shape))]);
  assertEquals(datagram, [...udpFrame(shape).subarray(l4Of(shape))]);
});

Deno.test("fragmentUdp() puts the fragment header of IPv6 behind the headers it knows", () => {
  const extensions = [{ protocol: 0, data: [1, 4, 0, 0, 0, 0] }, {
    protocol: 60,
    data: filler(20),
  }];
  for (const shape of [{ version: 6 }, { version: 6, extensions }] as const) {
    const payload = filler(4000), frame = udpFrame({ ...shape, payload });
    const fragments = cut(frame, 1000, { id: 0x89ab_cdef }), l4 = l4Of(shape);
    const headers = fragments.map((fragment) => [...fragment.subarray(l4, l4 + 8)]);
    assertEquals(
      headers,
      [0, 1000, 2000, 3000, 4000].map((offset) => {
        const word = offset | (offset < 4000 ? 1 : 0);
        return [17, 0, word >> 8, word & 0xff, 0x89, 0xab, 0xcd, 0xef];
      }),
    );
    const datagram = fragments.flatMap((fragment) => [...fragment.subarray(l4 + 8)]);
    assertEquals(datagram, [...frame.subarray(l4)]);
    for (const fragment of fragments) assertEquals(nextHeaders(fragment, shape), l4);
  }
});

/** Where the chain of headers has led when it names a fragment header. */
function nextHeaders(fragment: Uint8Array, shape: PacketShape): number {
  const headers = new Headers();
  headers.walk(viewOf(fragment), 0, fragment.length);
  assertEquals([headers.fragment, headers.kind], [true, Kind.OTHER]);
  assertEquals(viewOf(fragment).getUint16(l3Of(shape) + 4), fragment.length - l3Of(shape) - 40);
  return headers.l4;
}

Deno.test("fragmentUdp() writes a checksum of 0 as 0xffff, and leaves a finished one alone", () => {
  const shape: PacketShape = { payload: new Uint8Array(20) };
  const field = l4Of(shape) + 6, balance = viewOf(udpFrame(shape)).getUint16(field);
  const payload = [balance >> 8, balance & 0xff, ...new Uint8Array(18)];
  const [finished] = cut(udpFrame({ payload, checksum: "partial" }), 16);
  assertEquals(viewOf(finished).getUint16(field), 0xffff);
  for (const checksum of ["none", "bad", "full"] as const) {
    const frame = udpFrame({ payload, checksum });
    const [left] = cut(frame, 16, { finish: false });
    assertEquals(viewOf(left).getUint16(field), viewOf(frame).getUint16(field), checksum);
  }
});

Deno.test("fragmentUdp() makes the first fragment of the UDP header alone when it must", () => {
  const frame = udpFrame({ payload: filler(17) });
  for (const size of [8, 15]) {
    const fragments = cut(frame, size);
    assertFrames(fragments, naiveFragments(frame, 8, 1), `size ${size}`);
    assertEquals(fragments.map((fragment) => fragment.length - 34), [8, 8, 8, 1]);
  }
});
