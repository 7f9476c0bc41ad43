/**
 * Unfinished checksums: they are known as such, and finishing them gives the frame that a sender without
 * offload would have made.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Headers, Kind } from "../../src/frame/headers.ts";
import { fillIpv4, fillPartial, fillTransport, isUnfinished } from "../../src/offload/fill.ts";
import { filler, l4Of, type PacketShape, tcpFrame, udpFrame } from "./frames.ts";
import { complement, onesSum } from "./naive_checksum.ts";
import { payloads, tcpShapes, udpShapes } from "./shapes.ts";

const PROTOCOLS = [[tcpFrame, tcpShapes, 16], [udpFrame, udpShapes, 6]] as const;
const headers = new Headers();

/** A frame at the very end of memory, at an odd offset and with canaries in front of it, with its headers walked. */
class Scene {
  readonly at = 7;
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly view: DataView;

  constructor(frame: Uint8Array) {
    this.u8 = new Uint8Array(this.at + frame.length).fill(0xaa);
    this.u8.set(frame, this.at);
    this.view = new DataView(this.u8.buffer);
    headers.walk(this.view, this.at, frame.length);
  }

  get frame(): Uint8Array {
    assert(this.u8.subarray(0, this.at).every((byte) => byte === 0xaa), "a canary is dead");
    return this.u8.slice(this.at);
  }
}

/** True when the frame is taken to have an unfinished checksum. */
function isTaken(frame: Uint8Array, large = false): boolean {
  return isUnfinished(new Scene(frame).view, headers, large);
}

/** The frame with a 16-bit number in another place. */
function patched(frame: Uint8Array, offset: number, word: number): Uint8Array {
  const copy = frame.slice();
  new DataView(copy.buffer).setUint16(offset, word);
  return copy;
}

/** A frame with its transport checksum computed. */
function filled(frame: Uint8Array): Uint8Array {
  const scene = new Scene(frame);
  fillTransport(scene.view, headers);
  return scene.frame;
}

/** The field of a frame, and the sum of its pseudo header with a length of 0. */
function seeds(shape: PacketShape, protocol: number) {
  const addresses = shape.version === 6 ? new Array(32).fill(0) : new Array(8).fill(0);
  const { version = 4, from = 1, to = 2 } = shape, last = addresses.length;
  addresses[last / 2 - 1] = from;
  addresses[last - 1] = to;
  addresses[0] = addresses[last / 2] = version === 4 ? 10 : 0xfd;
  return onesSum([...addresses, 0, protocol]);
}

for (const [build, shapes, field] of PROTOCOLS) {
  const protocol = field === 16 ? "TCP" : "UDP";

  Deno.test(`an unfinished ${protocol} checksum is known, and filled as its sender would have`, () => {
    fc.assert(
      fc.property(shapes, payloads(0, 9000), fc.boolean(), (shape, payload, large) => {
        const partial = build({ ...shape, payload, checksum: "partial" });
        const full = build({ ...shape, payload, checksum: "full" });
        assert(isTaken(partial, large));
        const at = l4Of(shape) + field;
        const expected = complement(onesSum(partial.subarray(l4Of(shape))));
        assertEquals(filled(partial), patched(full, at, expected || 0xffff));
      }),
      { numRuns: 1000 },
    );
  });

  Deno.test(`a finished ${protocol} checksum, or none, is not taken to be unfinished`, () => {
    const checksum = fc.constantFrom("full", "bad", "none");
    fc.assert(
      fc.property(shapes, payloads(0, 2000), checksum, (shape, payload, state) => {
        const frame = build({ ...shape, payload, checksum: state });
        const seed = build({ ...shape, payload, checksum: "partial" });
        const at = l4Of(shape) + field;
        fc.pre(frame[at] !== seed[at] || frame[at + 1] !== seed[at + 1]);
        assert(!isTaken(frame));
      }),
      { numRuns: 2000 },
    );
  });

  Deno.test(`a large ${protocol} packet may have a seed made with a length of 0`, () => {
    for (const version of [4, 6] as const) {
      const shape = { version, from: 9, to: 77, payload: filler(20_001) };
      const seed = seeds(shape, field === 16 ? 6 : 17);
      const frame = patched(build(shape), l4Of(shape) + field, seed);
      assert(isTaken(frame, true));
      assert(!isTaken(frame, false));
      assertEquals(filled(frame), build(shape));
    }
  });

  Deno.test(`a finished ${protocol} checksum that equals its seed stays what it is`, () => {
    const at = l4Of({}) + field;
    // The last two bytes are chosen so that what remains to be summed is minus twice the seed.
    const zero = build({ payload: new Uint8Array(40), checksum: "partial" });
    const seed = new DataView(zero.buffer).getUint16(at);
    const rest = onesSum(zero.subarray(l4Of({})));
    const missing = onesSum([complement(rest) >> 8, complement(rest) & 255], [
      complement(seed) >> 8,
      complement(seed) & 255,
    ]);
    const payload = new Uint8Array(40);
    new DataView(payload.buffer).setUint16(38, missing);
    const full = build({ payload, checksum: "full" });
    assertEquals(new DataView(full.buffer).getUint16(at), seed);
    assert(isTaken(full));
    assertEquals(filled(full), full);
  });

  Deno.test(`a ${protocol} checksum that comes out as 0 is stored as 0xffff`, () => {
    const zero = build({ payload: new Uint8Array(40), checksum: "partial" });
    const payload = new Uint8Array(40);
    new DataView(payload.buffer).setUint16(38, complement(onesSum(zero.subarray(l4Of({})))));
    const frame = build({ payload, checksum: "partial" });
    const expected = patched(frame, l4Of({}) + field, 0xffff);
    assertEquals(filled(frame), expected);
    const scene = new Scene(frame), start = scene.at + l4Of({});
    fillPartial(scene.view, start, field, scene.at + frame.length);
    assertEquals(scene.frame, expected);
  });

  Deno.test(`a ${protocol} packet that is not whole is not taken to be unfinished`, () => {
    const shape = { payload: filler(50), checksum: "partial" } as const;
    const frame = build(shape);
    for (let length = 0; length < frame.length; length++) {
      assert(!isTaken(frame.subarray(0, length)), `cut off at ${length}`);
    }
    assert(!isTaken(patched(frame, 20, 0x2000)), "more fragments");
    assert(!isTaken(patched(frame, 16, frame.length - 13)), "IP length beyond the frame");
    assert(!isTaken(patched(frame, 16, 27)), "IP length before the payload");
  });
}

Deno.test("padding of Ethernet is no part of the checksum", () => {
  for (const build of [tcpFrame, udpFrame]) {
    const shape = { payload: filler(3), trailer: filler(17) };
    const partial = build({ ...shape, checksum: "partial" });
    assert(isTaken(partial));
    assertEquals(filled(partial), build(shape));
  }
});

Deno.test("a UDP length that is not that of the IP packet is left to the receiver", () => {
  const frame = udpFrame({ payload: filler(30), checksum: "partial" });
  assert(!isTaken(patched(frame, l4Of({}) + 4, 37)));
});

Deno.test("fillPartial() sums to the end of the frame from where it is told, odd places included", () => {
  const place = fc.record({ start: fc.nat(100), offset: fc.nat(100), rest: fc.nat(100) });
  fc.assert(fc.property(place, fc.nat(), ({ start, offset, rest }, seed) => {
    const frame = filler(start + offset + 2 + rest, seed);
    const scene = new Scene(frame);
    fillPartial(scene.view, scene.at + start, offset, scene.at + frame.length);
    const checksum = complement(onesSum(frame.subarray(start))) || 0xffff;
    assertEquals(scene.frame, patched(frame, start + offset, checksum));
  }));
});

Deno.test("fillIpv4() computes a header checksum of 0, and no other", () => {
  fc.assert(fc.property(tcpShapes, fc.integer({ min: 1, max: 0xffff }), (shape, wrong) => {
    const frame = tcpFrame({ ...shape, tags: [] });
    const after = (bytes: Uint8Array) => {
      const scene = new Scene(bytes);
      fillIpv4(scene.view, headers);
      return scene.frame;
    };
    assertEquals(after(frame), frame);
    if (shape.version === 6) return;
    assertEquals(after(patched(frame, 24, 0)), frame);
    assertEquals(after(patched(frame, 24, wrong)), patched(frame, 24, wrong));
  }));
});

Deno.test("no bytes make filling throw or write outside the frame", () => {
  const patch = fc.tuple(fc.nat(), fc.nat(0xff));
  const frames = fc.tuple(fc.oneof(tcpShapes, udpShapes), fc.boolean(), fc.array(patch), fc.nat())
    .map(([shape, tcp, patches, cut]) => {
      const frame = tcp ? tcpFrame(shape) : udpFrame(shape);
      for (const [offset, byte] of patches) frame[offset % frame.length] = byte;
      return frame.subarray(0, cut % 4 === 0 ? cut % frame.length : frame.length);
    });
  fc.assert(
    fc.property(frames, fc.boolean(), (frame, large) => {
      const scene = new Scene(frame);
      if (isUnfinished(scene.view, headers, large)) assert(headers.kind !== Kind.OTHER);
      if (headers.whole) fillTransport(scene.view, headers);
      fillIpv4(scene.view, headers);
      assertEquals(scene.frame.length, frame.length);
    }),
    { numRuns: 10_000 },
  );
});
