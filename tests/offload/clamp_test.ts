/**
 * MSS clamping, against frames built with the lower MSS.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Headers, Kind } from "../../src/frame/headers.ts";
import { clampMss } from "../../src/offload/clamp.ts";
import { filler, l4Of, tcpFrame, type TcpShape, udpFrame } from "./frames.ts";
import { onesSum } from "./naive_checksum.ts";
import { tcpShapes } from "./shapes.ts";

const SYN = 0x002, SYN_ACK = 0x012, ACK = 0x010;
const headers = new Headers();

/** Clamp a frame at the very end of memory, behind canaries. What became of it, or undefined when it was left alone. */
function clamped(frame: Uint8Array, mtu: number, partial = false): Uint8Array | undefined {
  const at = 3, u8 = new Uint8Array(at + frame.length).fill(0xaa);
  const view = new DataView(u8.buffer);
  u8.set(frame, at);
  headers.walk(view, at, frame.length);
  const changed = clampMss(view, headers, mtu, partial);
  assert(u8.subarray(0, at).every((byte) => byte === 0xaa), "a canary is dead");
  if (changed) return u8.slice(at);
  assertEquals(u8.subarray(at), frame);
  return undefined;
}

function mss(bytes: number): number[] {
  return [2, 4, bytes >> 8, bytes & 0xff];
}

/** What Linux sends in a SYN: MSS, SACK permitted, timestamps, NOP, window scale. */
function linuxOptions(bytes: number): number[] {
  return [...mss(bytes), 4, 2, 8, 10, ...filler(8), 1, 3, 3, 7];
}

function syn(shape: TcpShape): Uint8Array {
  return tcpFrame({ flags: SYN, ...shape });
}

/** Compare frames whose TCP checksum may be either zero (RFC 1624 3). */
function assertSame(actual: Uint8Array | undefined, expected: Uint8Array, shape: TcpShape): void {
  const at = l4Of(shape) + 16;
  assert(actual !== undefined);
  if (onesSum(actual.subarray(at, at + 2)) % 0xffff === 0) {
    actual.set(expected.subarray(at, at + 2), at);
  }
  assertEquals(actual, expected);
}

Deno.test("the MSS of a SYN is lowered to what the MTU has room for", () => {
  for (const flags of [SYN, SYN_ACK, 0x0c2]) {
    for (
      const [version, mtu, most] of [[4, 1400, 1360], [6, 1400, 1340], [4, 1500, 1460]] as const
    ) {
      const shape = { version, flags };
      const frame = syn({ ...shape, tcpOptions: linuxOptions(9000) });
      const expected = syn({ ...shape, tcpOptions: linuxOptions(most) });
      assertSame(clamped(frame, mtu), expected, shape);
    }
  }
});

Deno.test("any finished checksum is carried over, wherever the option is", () => {
  const nops = fc.array(fc.constant(1), { maxLength: 11 });
  const size = fc.integer({ min: 1361, max: 0xffff });
  fc.assert(
    fc.property(tcpShapes, nops, size, fc.uint8Array({ maxLength: 50 }), (any, lead, old, data) => {
      const shape: TcpShape = { ...any, checksum: "full", flags: SYN, payload: data };
      const most = any.version === 6 ? 1340 : 1360;
      const options = (bytes: number) => [...lead, ...mss(bytes), 1, 3, 3, 7];
      const frame = tcpFrame({ ...shape, tcpOptions: options(old) });
      const expected = tcpFrame({ ...shape, tcpOptions: options(most) });
      assertSame(clamped(frame, 1400), expected, shape);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a wrong checksum stays wrong by the same", () => {
  const shape = { checksum: "bad" } as const;
  const frame = syn({ ...shape, tcpOptions: mss(9000) });
  const result = clamped(frame, 1500)!;
  const excess = (bytes: Uint8Array) => {
    const pseudo = [10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, 24];
    return onesSum(pseudo, bytes.subarray(l4Of(shape)));
  };
  assertEquals(excess(result), excess(frame));
  assert(excess(frame) !== 0xffff);
});

Deno.test("an unfinished checksum is left alone: its seed does not cover options", () => {
  const shape = { checksum: "partial" } as const;
  for (const lead of [[], [1]]) {
    const frame = syn({ ...shape, tcpOptions: [...lead, ...mss(9000)] });
    const expected = syn({ ...shape, tcpOptions: [...lead, ...mss(1460)] });
    assertEquals(clamped(frame, 1500, true), expected);
  }
});

Deno.test("an MSS is never raised, and none is added", () => {
  assertEquals(clamped(syn({ tcpOptions: linuxOptions(1460) }), 1500), undefined);
  assertEquals(clamped(syn({ tcpOptions: linuxOptions(536) }), 1500), undefined);
  assertEquals(clamped(syn({ tcpOptions: linuxOptions(0) }), 1500), undefined);
  assertEquals(clamped(syn({}), 1500), undefined);
  assertEquals(clamped(syn({ tcpOptions: [1, 1, 4, 2, 3, 3, 7] }), 1500), undefined);
});

Deno.test("a tiny or infinite MTU changes nothing", () => {
  for (const mtu of [0, 39, 40, Infinity]) {
    assertEquals(clamped(syn({ tcpOptions: mss(1460) }), mtu), undefined, `${mtu}`);
  }
  const one = syn({ tcpOptions: mss(1) });
  assertSame(clamped(syn({ tcpOptions: mss(1460) }), 41), one, {});
});

Deno.test("only a SYN is looked at, and only TCP", () => {
  const tcpOptions = linuxOptions(9000);
  for (const flags of [ACK, 0, 0xfd]) {
    assertEquals(clamped(tcpFrame({ flags, tcpOptions }), 1500), undefined);
  }
  assertEquals(clamped(udpFrame({ payload: [0, 2, ...mss(9000)] }), 1500), undefined);
  const fragment = syn({ tcpOptions });
  fragment[20] = 0x20;
  assertEquals(clamped(fragment, 1500), undefined);
});

Deno.test("all of several MSS options are lowered: receivers take the last, we cannot know", () => {
  const frame = syn({ tcpOptions: [...mss(9000), ...mss(8000)] });
  const expected = syn({ tcpOptions: [...mss(1460), ...mss(1460)] });
  assertSame(clamped(frame, 1500), expected, {});
});

Deno.test("malformed options end the walk", () => {
  const malformed: { readonly [why: string]: number[] } = {
    "behind the end of options": [0, 2, ...mss(9000)],
    "an option of length 0": [8, 0, ...mss(9000)],
    "an option of length 1": [8, 1, ...mss(9000)],
    "an option longer than the header": [8, 40, ...mss(9000)],
    "an MSS of 3 bytes": [2, 3, 35, 1],
    "an MSS of 5 bytes": [2, 5, 35, 40, 0],
    "an MSS that is cut off": [1, 1, 1, 1, 1, 2, 4, 35],
    "a kind without a length": [1, 1, 1, 2],
  };
  for (const [why, tcpOptions] of Object.entries(malformed)) {
    assertEquals(clamped(syn({ tcpOptions }), 1500), undefined, why);
  }
});

Deno.test("no bytes make clamping throw, loop or change anything but the MSS and the checksum", () => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 8, 10, 0xff), fc.nat(0xff));
  const options = fc.array(byte, { maxLength: 40 });
  fc.assert(
    fc.property(tcpShapes, options, fc.nat(2000), fc.boolean(), (any, tcpOptions, mtu, partial) => {
      const shape: TcpShape = { ...any, tcpOptions, flags: any.flags! | SYN };
      const frame = tcpFrame(shape), l4 = l4Of(shape);
      const result = clamped(frame, mtu, partial);
      assertEquals(headers.kind, Kind.TCP);
      if (result === undefined) return;
      for (let i = 0; i < frame.length; i++) {
        if (i < l4 + 16 || (i >= l4 + 18 && i < l4 + 20)) assertEquals(result[i], frame[i]);
      }
    }),
    { numRuns: 10_000 },
  );
});
