import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type Echo,
  ECHO_BYTES,
  internetChecksum,
  readEcho,
  writeEcho,
} from "../../src/demo/icmp.ts";
import { readU16, station } from "../../src/demo/station.ts";

/** RFC 1071 as its text has it: the one's complement of the one's complement sum of all 16-bit words. */
function naiveChecksum(bytes: Uint8Array): number {
  const padded = bytes.length % 2 === 0 ? bytes : Uint8Array.of(...bytes, 0);
  let sum = 0;
  for (let i = 0; i < padded.length; i += 2) {
    sum += padded[i] * 256 + padded[i + 1];
    if (sum >= 0x10000) sum -= 0xffff; // end-around carry
  }
  return 0xffff - sum;
}

const ECHO: Echo = { kind: "request", from: station(1), to: station(2), id: 0x1234, sequence: 7 };

function written(echo: Echo = ECHO, at = 0): Uint8Array {
  const bytes = new Uint8Array(at + ECHO_BYTES).fill(0xaa);
  assertEquals(writeEcho(bytes, at, echo), ECHO_BYTES);
  return bytes;
}

Deno.test("internetChecksum() agrees with a naive sum", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(3), (data, at) => {
    const bytes = Uint8Array.of(...new Array(at).fill(0x5a), ...data, 0x5a);
    assertEquals(internetChecksum(bytes, at, data.length), naiveChecksum(data));
  }));
});

Deno.test("internetChecksum() has the example of RFC 1071 section 3", () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assertEquals(internetChecksum(bytes, 0, 8), ~0xddf2 & 0xffff);
});

Deno.test("writeEcho() writes Ethernet, IPv4 and ICMP headers", () => {
  const bytes = written();
  const hex = [...bytes.subarray(0, 44)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const ip = "4500" + "0054" + "0007" + "4000" + "4001" + "26a0" + "0a000001" + "0a000002";
  // Data words 0x0809 to 0x3e3f add up to 0x3d7f0, the header to 0x1a3b: 0xf22e when folded.
  const icmp = "0800" + "0dd1" + "1234" + "0007";
  assertEquals(hex, "525400de0002" + "525400de0001" + "0800" + ip + icmp + "0809");
  assertEquals(naiveChecksum(bytes.subarray(14, 34)), 0);
  assertEquals(naiveChecksum(bytes.subarray(34)), 0);
  assertEquals(readU16(bytes, 16), bytes.length - 14);
});

Deno.test("readEcho() reads back what writeEcho() wrote", () => {
  const echoes = fc.record({
    kind: fc.constantFrom("request" as const, "reply" as const),
    from: fc.nat(255).map(station),
    to: fc.nat(255).map(station),
    id: fc.nat(0xffff),
    sequence: fc.nat(0xffff),
  });
  fc.assert(fc.property(echoes, fc.nat(9), (echo, at) => {
    assertEquals(readEcho(written(echo, at), at, ECHO_BYTES), echo);
  }));
});

Deno.test("readEcho() refuses an echo with any bit turned over in its headers or data", () => {
  fc.assert(fc.property(fc.integer({ min: 14, max: ECHO_BYTES - 1 }), fc.nat(7), (at, bit) => {
    const bytes = written();
    bytes[at] ^= 1 << bit;
    assertEquals(readEcho(bytes, 0, ECHO_BYTES), undefined);
  }));
});

Deno.test("readEcho() refuses another length and another ethertype", () => {
  const bytes = written(ECHO, 0);
  assertEquals(readEcho(bytes, 0, ECHO_BYTES - 1), undefined);
  bytes[13] = 0x06;
  assertEquals(readEcho(bytes, 0, ECHO_BYTES), undefined);
  assert(readEcho(written(), 0, ECHO_BYTES) !== undefined);
});
