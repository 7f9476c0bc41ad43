/**
 * The walk over headers, against frames whose builder knows where everything is.
 *
 * Views end where the frame ends: a read beyond it would throw.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Headers, Kind } from "../../src/frame/headers.ts";
import {
  filler,
  l3Of,
  l4Of,
  type PacketShape,
  tcpFrame,
  tcpPayloadOf,
  type TcpShape,
  udpFrame,
} from "../offload/frames.ts";

/** What a walk says, offsets counted from the start of the frame. */
interface Walk {
  readonly kind: number;
  readonly version: number;
  readonly protocol: number;
  readonly fragment: boolean;
  readonly l3: number;
  readonly l4: number;
  readonly payload: number;
  readonly end: number;
}

const headers = new Headers();

/** Walk a frame that lies at `at`, at the very end of memory. */
function walk(frame: Uint8Array, at = 5): Walk {
  const bytes = new Uint8Array(at + frame.length).fill(0xaa);
  bytes.set(frame, at);
  headers.walk(new DataView(bytes.buffer), at, frame.length);
  const { kind, version, protocol, fragment, l3, l4, payload, end, frameEnd } = headers;
  assertEquals(frameEnd, at + frame.length);
  const from = (offset: number) => offset - at;
  return {
    ...{ kind, version, protocol, fragment },
    ...{ l3: from(l3), l4: from(l4), payload: from(payload), end: from(end) },
  };
}

/** The frame with other bytes in some places. */
function patched(frame: Uint8Array, patches: { readonly [offset: number]: number }): Uint8Array {
  const copy = frame.slice();
  for (const [offset, byte] of Object.entries(patches)) copy[Number(offset)] = byte;
  return copy;
}

const payload = filler(31);
const hop = { protocol: 0, data: [5, 2, 0, 0, 1, 0] };
const routing = { protocol: 43, data: [2, 0, ...filler(20)] };
const options = { protocol: 60, data: filler(300) };
const shapes: { readonly [name: string]: PacketShape } = {
  "IPv4": { payload },
  "IPv4 without payload": {},
  "IPv4 with 4 bytes of options": { payload, ipOptions: filler(4) },
  "IPv4 with all options": { payload, ipOptions: filler(40) },
  "IPv4 with padding of Ethernet": { payload: [], trailer: filler(6) },
  "IPv4, tagged": { payload, tags: [0x8100_0064] },
  "IPv4, tagged by the provider": { payload, tags: [0x88a8_0064] },
  "IPv4, two tags": { payload, tags: [0x88a8_0064, 0x8100_ffff] },
  "IPv4, two tags of the same type": { payload, tags: [0x8100_0001, 0x8100_0002] },
  "IPv6": { version: 6, payload },
  "IPv6, two tags": { version: 6, payload, tags: [0x88a8_0064, 0x8100_0001] },
  "IPv6, hop-by-hop options": { version: 6, payload, extensions: [hop] },
  "IPv6, at its destination": { version: 6, payload, extensions: [routing] },
  "IPv6, long destination options": { version: 6, payload, extensions: [options] },
  "IPv6, all of them": { version: 6, payload, extensions: [hop, options, routing, options] },
  "IPv6, eight of them": { version: 6, payload, extensions: new Array(8).fill(hop) },
};

for (const [name, shape] of Object.entries(shapes)) {
  Deno.test(`the walk finds everything: ${name}`, () => {
    const { version = 4, trailer = [] } = shape;
    for (const tcpOptions of [[], filler(12), filler(40)]) {
      const frame = tcpFrame({ ...shape, tcpOptions });
      const expected = {
        ...{ kind: Kind.TCP, version, protocol: 6, fragment: false },
        ...{ l3: l3Of(shape), l4: l4Of(shape), payload: tcpPayloadOf({ ...shape, tcpOptions }) },
        end: frame.length - trailer.length,
      };
      assertEquals(walk(frame), expected);
      assert(headers.whole);
      assertEquals(headers.checksumOffset, 16);
    }
    const frame = udpFrame(shape), l4 = l4Of(shape);
    assertEquals(walk(frame), {
      ...{ kind: Kind.UDP, version, protocol: 17, fragment: false },
      ...{ l3: l3Of(shape), l4, payload: l4 + 8, end: frame.length - trailer.length },
    });
    assert(headers.whole);
    assertEquals(headers.checksumOffset, 6);
  });

  Deno.test(`the walk ends where the frame is cut off: ${name}`, () => {
    const tcp: TcpShape = { ...shape, tcpOptions: filler(8) };
    for (
      const [frame, transport, kind] of [
        [tcpFrame(tcp), tcpPayloadOf(tcp), Kind.TCP],
        [udpFrame(shape), l4Of(shape) + 8, Kind.UDP],
      ] as const
    ) {
      for (let length = 0; length <= frame.length; length++) {
        const cut = walk(frame.subarray(0, length));
        assertEquals(cut.kind, length < transport ? Kind.OTHER : kind, `${length} bytes`);
        assert(cut.l3 <= length && (cut.version === 0 || cut.l4 <= length), `${length} bytes`);
        assert(length >= l4Of(shape) || cut.version !== 4, `${length} bytes`);
        if (cut.kind !== Kind.OTHER) assertEquals(headers.whole, cut.end <= length);
      }
    }
  });
}

Deno.test("the walk says what is no TCP or UDP it could finish", () => {
  const v4 = tcpFrame({ payload }), v6 = tcpFrame({ version: 6, payload });
  const tag = [0x8100_0001, 0x8100_0002, 0x8100_0003];
  const nine = new Array(9).fill(hop);
  const onItsWay = { protocol: 43, data: [4, 1, ...filler(20)] };
  const strange: { readonly [why: string]: [frame: Uint8Array, version: number] } = {
    "IPv4 that says it is IPv6": [patched(v4, { 14: 0x65 }), 0],
    "IPv6 that says it is IPv4": [patched(v6, { 14: 0x45 }), 0],
    "IHL of 4": [patched(v4, { 14: 0x44 }), 0],
    "IHL of 0": [patched(v4, { 14: 0x40 }), 0],
    "IHL beyond the frame": [patched(tcpFrame({}), { 14: 0x4f }).subarray(0, 60), 0],
    "doff of 4": [patched(v4, { 46: 0x40 }), 4],
    "doff of 0": [patched(v4, { 46: 0x00 }), 4],
    "doff beyond the frame": [patched(tcpFrame({}), { 46: 0x60 }), 4],
    "ICMP": [patched(v4, { 23: 1 }), 4],
    "more fragments": [patched(v4, { 20: 0x20 }), 4],
    "not the first fragment": [patched(v4, { 21: 1 }), 4],
    "not the first fragment, far in": [patched(v4, { 20: 0x1f }), 4],
    "ESP": [patched(v6, { 20: 50 }), 6],
    "AH": [tcpFrame({ version: 6, extensions: [{ protocol: 51, data: filler(22) }] }), 6],
    "no next header": [patched(v6, { 20: 59 }), 6],
    "nine extension headers": [tcpFrame({ version: 6, extensions: nine }), 6],
    "a routing header with a segment left": [
      tcpFrame({ version: 6, payload, extensions: [onItsWay] }),
      6,
    ],
    "three tags": [tcpFrame({ tags: tag, payload }), 0],
    "ARP": [patched(v4, { 13: 0x06 }), 0],
    "802.3 with a length": [patched(v4, { 12: 0, 13: 46 }), 0],
  };
  for (const [why, [frame, version]] of Object.entries(strange)) {
    const found = walk(frame);
    assertEquals([found.kind, found.version], [Kind.OTHER, version], why);
    assert(!headers.whole, why);
  }
});

Deno.test("DF and the reserved bit are no fragment", () => {
  const found = walk(patched(tcpFrame({ payload }), { 20: 0xc0 }));
  assertEquals([found.kind, found.fragment], [Kind.TCP, false]);
});

Deno.test("fragments are known as such, whole ones with a fragment header, too", () => {
  const v4 = udpFrame({ payload });
  const atomic = { protocol: 44, data: [0, 0, 0, 0, 0, 7] };
  assert(walk(patched(v4, { 20: 0x20 })).fragment);
  assert(walk(patched(v4, { 21: 0x10 })).fragment);
  assert(walk(udpFrame({ version: 6, payload, extensions: [atomic] })).fragment);
  assert(walk(udpFrame({ version: 6, payload, extensions: [hop, atomic] })).fragment);
  assert(!walk(v4).fragment);
});

Deno.test("the IP length is told as it is, and makes a packet whole or not", () => {
  const frame = tcpFrame({ payload });
  for (const [length, whole] of [[0, false], [39, false], [40, true], [71, true], [72, false]]) {
    const found = walk(patched(frame, { 16: 0, 17: Number(length) }));
    assertEquals([found.end, found.kind], [14 + Number(length), Kind.TCP]);
    assertEquals(headers.whole, whole, `${length} bytes`);
  }
  assertEquals(walk(patched(frame, { 16: 0xff, 17: 0xff })).end, 14 + 0xffff);
});

Deno.test("no bytes make the walk throw, loop or point outside the frame", () => {
  const names = Object.keys(shapes);
  const byte = fc.integer({ min: 0, max: 255 });
  const patch = fc.tuple(fc.nat(100), fc.oneof(byte, fc.constantFrom(0, 6, 17, 43, 44, 60, 0xff)));
  const mutated = fc.tuple(fc.constantFrom(...names), fc.boolean(), fc.array(patch), fc.nat(120))
    .map(([name, tcp, patches, cut]) => {
      const frame = tcp ? tcpFrame(shapes[name]) : udpFrame(shapes[name]);
      for (const [offset, value] of patches) frame[12 + offset % (frame.length - 12)] = value;
      return frame.subarray(0, Math.max(0, frame.length - (cut > 60 ? 0 : cut)));
    });
  const random = fc.tuple(
    fc.constantFrom([8, 0], [0x86, 0xdd], [0x81, 0], [0x88, 0xa8]),
    fc.uint8Array({ maxLength: 120 }),
  ).map(([type, rest]) => Uint8Array.of(...new Uint8Array(12), ...type, ...rest));
  fc.assert(
    fc.property(fc.oneof(mutated, random, fc.uint8Array({ maxLength: 80 })), (frame) => {
      const { kind, version, l3, l4, payload, protocol } = walk(frame);
      assert(l3 >= 0 && l3 <= frame.length);
      if (version !== 0) assert(l4 >= l3 + 20 && l4 <= frame.length);
      if (kind !== Kind.OTHER) {
        assert(version !== 0 && payload >= l4 + 8 && payload <= frame.length);
        assertEquals(protocol, kind === Kind.TCP ? 6 : 17);
      }
    }),
    { numRuns: 20_000 },
  );
});
