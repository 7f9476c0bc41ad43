/**
 * The door for vnet headers: what every header must be like, and what it becomes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Headers } from "../../src/frame/headers.ts";
import { acceptVnet, isUndeclared, Verdict, VERDICT_TEXTS } from "../../src/offload/accept.ts";
import { Feature, FEATURE_NAMES, type Features } from "../../src/offload/features.ts";
import { NO_OFFLOAD, withVnet } from "../support/vnet_header.ts";
import {
  accept,
  EVERYTHING,
  gsoHeader,
  large4,
  tcp4,
  tcp6,
  TCPV4,
  TCPV6,
  UFO,
  USO,
  verdictOf,
} from "./accept_lab.ts";
import { filler, type PacketShape, tcpFrame, udpFrame } from "./frames.ts";

Deno.test("every verdict has its words, and its side", () => {
  const codes = Object.values(Verdict);
  assertEquals(codes, codes.map((_, i) => i));
  assertEquals(VERDICT_TEXTS.length, codes.length);
  assertEquals(codes.filter(isUndeclared), [11, 12, 13, 14, 15, 16]);
});

Deno.test("a header of zeros is let in with any frame that has an Ethernet header", () => {
  for (const length of [0, 1, 13]) assertEquals(verdictOf({}, filler(length)), Verdict.SHORT);
  for (const length of [14, 15, 60]) assertEquals(verdictOf({}, filler(length), 0), Verdict.OK);
  assertEquals(accept(NO_OFFLOAD, filler(60)).header, NO_OFFLOAD);
});

Deno.test("the header of 10 bytes is checked as the one of 12, and nothing behind it is written", () => {
  const frame = tcpFrame(tcp4), wire = withVnet(large4, frame);
  const u8 = new Uint8Array([...wire.subarray(0, 10), ...frame]);
  const view = new DataView(u8.buffer), headers = new Headers();
  assertEquals(acceptVnet(view, 0, 10, 10, frame.length, EVERYTHING, headers), Verdict.OK);
  assertEquals(u8.subarray(10), frame);
  view.setUint16(4, 0);
  assertEquals(acceptVnet(view, 0, 10, 10, frame.length, EVERYTHING, headers), Verdict.GSO_SIZE);
});

Deno.test("flags that say nothing to a switch are dropped, with all that hangs on no flag", () => {
  const frame = tcpFrame({ payload: filler(10) });
  const said = {
    ...NO_OFFLOAD,
    headerLength: 40,
    gsoSize: 77,
    checksumStart: 9999,
    checksumOffset: 5,
  };
  for (const flags of [0, 2, 4, 0xfe]) {
    const after = accept({ ...said, flags }, frame);
    assertEquals([after.verdict, after.header], [Verdict.OK, NO_OFFLOAD]);
    assertEquals(after.frame, frame);
  }
  for (const flags of [1, 3, 0xff]) {
    const after = accept({ ...said, flags, checksumStart: 34, checksumOffset: 16 }, frame);
    const header = { ...NO_OFFLOAD, flags: 1, checksumStart: 34, checksumOffset: 16 };
    assertEquals([after.verdict, after.header], [Verdict.OK, header]);
    assertEquals(after.frame, frame);
  }
});

Deno.test("a checksum has to lie in the packet", () => {
  const frame = filler(100);
  const at = (checksumStart: number, checksumOffset: number) =>
    verdictOf({ flags: 1, checksumStart, checksumOffset }, frame);
  const good = [[20, 0], [34, 16], [34, 15], [98, 0], [97, 1], [20, 78]];
  const bad = [[0, 0], [0, 50], [14, 10], [19, 16], [99, 0], [98, 1], [20, 79], [100, 0], [
    34,
    0xfff0,
  ], [
    0xffff,
    0xffff,
  ], [0xfff0, 0x0030]];
  for (const [start, offset] of good) {
    assertEquals(at(start, offset), Verdict.OK, `${start}+${offset}`);
  }
  for (const [start, offset] of bad) {
    assertEquals(at(start, offset), Verdict.CHECKSUM_PLACE, `${start}+${offset}`);
  }
});

Deno.test("the header length must not exceed the frame, and is not believed otherwise", () => {
  const frame = tcpFrame(tcp4);
  for (const header of [NO_OFFLOAD, large4]) {
    const beyond = { ...header, headerLength: frame.length + 1 };
    assertEquals(verdictOf(beyond, frame), Verdict.HEADER_LENGTH);
    for (const headerLength of [0, 10, 1054, frame.length]) {
      const after = accept({ ...header, headerLength }, frame);
      assertEquals([after.verdict, after.header], [Verdict.OK, header]);
    }
  }
});

Deno.test("what was not declared is told by name", () => {
  const table: [type: number, shape: PacketShape, feature: Features, verdict: number][] = [
    [TCPV4, tcp4, Feature.TSO4, Verdict.UNDECLARED_TSO4],
    [TCPV6, tcp6, Feature.TSO6, Verdict.UNDECLARED_TSO6],
    [UFO, tcp4, Feature.UFO, Verdict.UNDECLARED_UFO],
    [USO, tcp6, Feature.USO, Verdict.UNDECLARED_USO],
  ];
  for (const [type, shape, feature, verdict] of table) {
    const frame = type === UFO || type === USO ? udpFrame(shape) : tcpFrame(shape);
    const header = gsoHeader(shape, type, 1000), name = FEATURE_NAMES[Math.log2(feature)];
    assertEquals(verdictOf(header, frame, EVERYTHING & ~feature), verdict);
    assertEquals(verdictOf(header, frame, feature), Verdict.UNDECLARED_CSUM);
    assertEquals(verdictOf(header, frame, feature | Feature.CSUM), Verdict.OK);
    assert(VERDICT_TEXTS[verdict].includes(`${name} is not declared`));
  }
  const partial = { flags: 1, checksumStart: 34, checksumOffset: 16 };
  assertEquals(
    verdictOf(partial, tcpFrame(tcp4), EVERYTHING & ~Feature.CSUM),
    Verdict.UNDECLARED_CSUM,
  );
  assertEquals(verdictOf(partial, tcpFrame(tcp4), Feature.CSUM), Verdict.OK);
});
