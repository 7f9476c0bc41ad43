import { assertEquals } from "@std/assert";
import { readArp, writeArpReply, writeArpRequest } from "../../src/demo/arp.ts";
import { station } from "../../src/demo/station.ts";

/** Written by hand from RFC 826. */
const REQUEST = [
  "ffffffffffff 525400de0001 0806",
  "0001 0800 06 04 0001",
  "525400de0001 0a000001",
  "000000000000 0a000002",
];
const REPLY = [
  "525400de0001 525400de0002 0806",
  "0001 0800 06 04 0002",
  "525400de0002 0a000002",
  "525400de0001 0a000001",
];

/** Bytes of hex text, after `before` bytes of something else. */
function frame(text: readonly string[], before = 0): Uint8Array {
  const octets = text.join("").replaceAll(" ", "").match(/../g) ?? [];
  return Uint8Array.of(...new Array(before).fill(0xaa), ...octets.map((hex) => parseInt(hex, 16)));
}

Deno.test("writeArpRequest() writes the bytes of RFC 826 at any offset", () => {
  const bytes = new Uint8Array(45).fill(0xaa);
  assertEquals(writeArpRequest(bytes, 3, station(1), station(2).ip), 42);
  assertEquals(bytes, frame(REQUEST, 3));
});

Deno.test("writeArpReply() answers with both stations", () => {
  const bytes = new Uint8Array(42);
  assertEquals(writeArpReply(bytes, 0, station(2), station(1)), 42);
  assertEquals(bytes, frame(REPLY));
});

Deno.test("readArp() reads what was asked and who asked", () => {
  assertEquals(readArp(frame(REQUEST, 5), 5, 42), {
    operation: "request",
    sender: station(1),
    target: { mac: new Uint8Array(6), ip: station(2).ip },
  });
  assertEquals(readArp(frame(REPLY), 0, 42)?.operation, "reply");
  assertEquals(readArp(frame([...REPLY, "0000000000000000"]), 0, 60)?.sender, station(2)); // padded
});

Deno.test("readArp() refuses frames that are short or of another kind", () => {
  assertEquals(readArp(frame(REPLY), 0, 41), undefined);
  for (
    const [at, value] of [[13, 0x00], [15, 6], [16, 0x86], [18, 8], [19, 16], [21, 3], [20, 1]]
  ) {
    const other = frame(REPLY);
    other[at] = value;
    assertEquals(readArp(other, 0, 42), undefined, `byte ${at} is ${value}`);
  }
});
