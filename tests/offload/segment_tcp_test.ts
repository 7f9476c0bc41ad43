/**
 * TCP segmentation against the naive one, over frames of every shape.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Kind } from "../../src/frame/headers.ts";
import { segmentTcp } from "../../src/offload/segment_tcp.ts";
import { filler, l3Of, l4Of, tcpFrame, tcpPayloadOf, type TcpShape, viewOf } from "./frames.ts";
import { onesSum } from "./naive_checksum.ts";
import { naiveTcp } from "./naive_segment.ts";
import { assertFrames, type Lead, LEADS, SegmentLab, sizeFor } from "./segment_lab.ts";
import { payloads, tcpShapes } from "./shapes.ts";

const lab = new SegmentLab();

/** Cut a frame whose payload ends at `end`; the frames, or undefined when it was found corrupt. */
function cut(frame: Uint8Array, mss: number, options: {
  end?: number;
  lead?: Lead;
  shift?: number;
  verify?: boolean;
} = {}): Uint8Array[] | undefined {
  const { end = frame.length, lead, shift, verify = false } = options;
  lab.lay(frame, lead, shift);
  const { view, gather, headers, at } = lab;
  assertEquals(headers.kind, Kind.TCP);
  const made = segmentTcp(view, gather, headers, at, at + end, mss, verify);
  const taken = lab.take(headers.payload - at);
  assertEquals(made, made < 0 ? -1 : taken.length);
  return made < 0 ? undefined : taken;
}

Deno.test("segmentTcp() cuts as the naive one does, whatever the shape", () => {
  fc.assert(
    fc.property(
      tcpShapes,
      payloads(1, 65_300),
      fc.integer({ min: 1, max: 9000 }),
      fc.constantFrom(...LEADS),
      fc.nat(7),
      fc.nat(20),
      (shape, payload, wish, lead, shift, trailing) => {
        const frame = tcpFrame({ ...shape, payload, trailer: filler(trailing) });
        const end = frame.length - trailing, mss = sizeFor(payload.length, wish);
        const frames = cut(frame, mss, { end, lead, shift });
        assertFrames(frames!, naiveTcp(frame, mss, end), `mss ${mss}`);
      },
    ),
    { numRuns: 1000 },
  );
});

for (const version of [4, 6] as const) {
  Deno.test(`segmentTcp() cuts IPv${version} payloads of 1 to 9001 bytes as the naive one does`, () => {
    const shape = { version, flags: 0xd9, seq: 0xffff_f000, id: 0xfffe };
    const payload = filler(9001, version);
    for (let length = 1; length <= 9001; length++) {
      const frame = tcpFrame({ ...shape, payload: payload.subarray(0, length) });
      const mss = 536 + length % 1001;
      assertFrames(cut(frame, mss)!, naiveTcp(frame, mss), `${length} bytes, mss ${mss}`);
    }
  });
}

Deno.test("segmentTcp() gives each segment the flags Linux gives it", () => {
  const flagsOf = (flags: number) =>
    cut(tcpFrame({ flags, payload: filler(25) }), 10)!.map((segment) =>
      viewOf(segment).getUint16(14 + 20 + 12) & 0xfff
    );
  // What the kernel makes of all flags, of all but those it moves, and of each of those.
  assertEquals(flagsOf(0xff), [0xf6, 0x76, 0x7f]);
  assertEquals(flagsOf(0xff6), [0xff6, 0xf76, 0xf76]);
  assertEquals(flagsOf(0x18), [0x10, 0x10, 0x18]);
  assertEquals(flagsOf(0x11), [0x10, 0x10, 0x11]);
  assertEquals(flagsOf(0x90), [0x90, 0x10, 0x10]);
});

Deno.test("segmentTcp() counts sequence number and ID on over their wraps, with DF and without", () => {
  for (const df of [true, false]) {
    const frame = tcpFrame({ seq: 0xffff_fffb, id: 0xffff, df, payload: filler(25) });
    const views = cut(frame, 10)!.map(viewOf);
    assertEquals(views.map((view) => view.getUint32(38)), [0xffff_fffb, 5, 15]);
    assertEquals(views.map((view) => view.getUint16(18)), [0xffff, 0, 1]);
    assertEquals(views.map((view) => view.getUint16(20)), Array(3).fill(df ? 0x4000 : 0));
    assertEquals(views.map((view) => view.getUint16(16)), [50, 50, 45]);
  }
});

Deno.test("segmentTcp() leaves a checksum of 0 what it is", () => {
  const shape: TcpShape = { payload: [0, 0] };
  const balance = viewOf(tcpFrame(shape)).getUint16(l4Of(shape) + 16);
  const frame = tcpFrame({ payload: [balance >> 8, balance & 0xff] });
  const [segment] = cut(frame, 2)!;
  assertEquals(viewOf(segment).getUint16(l4Of(shape) + 16), 0);
  assertEquals(segment, frame);
});

Deno.test("segmentTcp() rewrites lengths and checksums that were wrong", () => {
  const shape: TcpShape = { payload: filler(30), ipOptions: [7, 7, 4, 0, 0, 0, 0] };
  const frame = tcpFrame(shape), l3 = l3Of(shape), right = naiveTcp(frame, 10);
  for (
    const [at, value] of [[l3 + 2, 0], [l3 + 2, 9000], [l3 + 10, 0xdead], [l4Of(shape) + 16, 1]]
  ) {
    const wrong = frame.slice();
    viewOf(wrong).setUint16(at, value);
    assertFrames(cut(wrong, 10)!, right, `${value} at ${at}`);
  }
  const header = right[0].subarray(l3, l4Of(shape));
  assertEquals(onesSum(header), 0xffff, "the naive one is right");
});

Deno.test("segmentTcp() with verify takes right frames and refuses every frame with a byte changed", () => {
  fc.assert(
    fc.property(
      tcpShapes,
      payloads(1, 3000),
      fc.integer({ min: 12, max: 1500 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (shape, payload, mss, place, change) => {
        const frame = tcpFrame({ ...shape, payload, checksum: "full" });
        assertFrames(cut(frame, mss, { verify: true })!, naiveTcp(frame, mss), "right");
        const body = tcpPayloadOf(shape);
        // A sum may miss words that were swapped, but never a single byte.
        const at = body + place % payload.length;
        frame[at] ^= change;
        assertEquals(cut(frame, mss, { verify: true }), undefined, `byte ${at} changed`);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("segmentTcp() takes nothing back but its own when a frame is corrupt", () => {
  lab.lay(tcpFrame({ payload: filler(100), checksum: "bad" }));
  const { view, gather, headers, at } = lab;
  const end = headers.frameEnd;
  assertEquals(segmentTcp(view, gather, headers, at, end, 40, false), 3);
  assertEquals(segmentTcp(view, gather, headers, at, end, 30, true), -1);
  assertEquals([gather.frames, gather.pieces], [3, 6]);
});
