/**
 * The door for vnet headers of frames that have to be cut: what is refused and why, and the form of what is
 * let in.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isUndeclared, Verdict } from "../../src/offload/accept.ts";
import { Feature } from "../../src/offload/features.ts";
import { NO_OFFLOAD, type VnetHeader } from "../support/vnet_header.ts";
import {
  accept,
  ECN,
  gsoHeader,
  large4,
  large6,
  payload,
  tcp4,
  tcp6,
  TCPV4,
  TCPV6,
  UFO,
  USO,
  uso,
  verdictOf,
} from "./accept_lab.ts";
import { filler, tcpFrame, type TcpShape, udpFrame } from "./frames.ts";

Deno.test("what Linux segments is let in as it is", () => {
  const shapes: [TcpShape, number][] = [
    [tcp4, TCPV4],
    [tcp4, TCPV4 | ECN],
    [tcp6, TCPV6],
    [tcp6, TCPV6 | ECN],
    [tcp4, USO],
    [tcp6, USO],
    [tcp4, UFO],
    [tcp6, UFO],
    [{ ...tcp4, tags: [0x8100_0001] }, TCPV4],
    [{ ...tcp6, tags: [0x88a8_0001, 0x8100_0002] }, TCPV6],
    [{ ...tcp4, ipOptions: filler(8), tcpOptions: filler(40) }, TCPV4],
    [{ ...tcp6, extensions: [{ protocol: 0, data: [5, 2, 0, 0, 1, 0] }] }, TCPV6],
  ];
  for (const [shape, type] of shapes) {
    const udp = type === UFO || type === USO, frame = udp ? udpFrame(shape) : tcpFrame(shape);
    for (const size of [1001, 3499]) {
      const header = gsoHeader(shape, type, size), after = accept(header, frame);
      assertEquals([after.verdict, after.header], [Verdict.OK, header]);
      assertEquals(after.frame, frame);
    }
  }
});

Deno.test("a large frame without NEEDS_CSUM gets it, and the seed in its field", () => {
  for (const [shape, type] of [[tcp4, TCPV4], [tcp6, TCPV6], [tcp4, UFO], [tcp6, UFO]] as const) {
    const build = type === UFO ? udpFrame : tcpFrame, header = gsoHeader(shape, type, 1000);
    for (const checksum of ["full", "bad", "none"] as const) {
      const came = { ...header, flags: 0, checksumStart: 0xffff, checksumOffset: 7 };
      const after = accept(came, build({ ...shape, checksum }));
      assertEquals([after.verdict, after.header], [Verdict.OK, header]);
      assertEquals(after.frame, build(shape));
    }
  }
  // Linux wants the flag of datagrams (virtio_net_hdr_to_skb).
  assertEquals(verdictOf({ ...uso, flags: 0 }, udpFrame(tcp4)), Verdict.GSO_CHECKSUM);
});

Deno.test("a frame that need not be cut is not large, whatever its header says", () => {
  for (const [shape, type] of [[tcp4, TCPV4], [tcp6, TCPV6], [tcp4, USO]] as const) {
    const frame = type === USO ? udpFrame(shape) : tcpFrame(shape);
    const header = gsoHeader(shape, type, 3500);
    const small = { ...header, gsoType: 0, gsoSize: 0, headerLength: 0 };
    for (const gsoSize of [3500, 3501, 0xfffe]) {
      const after = accept({ ...header, gsoSize }, frame, Feature.CSUM);
      assertEquals([after.verdict, after.header], [Verdict.OK, small]);
      assertEquals(after.frame, frame);
    }
    assert(isUndeclared(verdictOf({ ...header, gsoSize: 3499 }, frame, Feature.CSUM)));
  }
  const none = gsoHeader({}, TCPV4, 1448);
  assertEquals(accept(none, tcpFrame({})).header.gsoType, 0);
  // The size of fragments counts from the UDP header.
  const ufo = (gsoSize: number) => accept(gsoHeader(tcp4, UFO, gsoSize), udpFrame(tcp4)).header;
  assertEquals([ufo(3507).gsoType, ufo(3508).gsoType], [UFO, 0]);
  const finished = accept({ ...large4, flags: 0, gsoSize: 3500 }, tcpFrame({ payload }));
  assertEquals([finished.header, finished.frame], [NO_OFFLOAD, tcpFrame({ payload })]);
});

Deno.test("the ECN bit is kept for TCP where ecn is declared, and is no type by itself", () => {
  const header = { ...large4, gsoType: TCPV4 | ECN };
  const after = accept(header, tcpFrame(tcp4), Feature.CSUM | Feature.TSO4 | Feature.ECN);
  assertEquals([after.verdict, after.header], [Verdict.OK, header]);
  const declared = Feature.CSUM | Feature.TSO4;
  assertEquals(verdictOf(header, tcpFrame(tcp4), declared), Verdict.UNDECLARED_ECN);
  assertEquals(verdictOf({ ...uso, gsoType: USO | ECN }, udpFrame(tcp4)), Verdict.GSO_TYPE);
  const ufo = gsoHeader(tcp4, UFO, 1000);
  assertEquals(accept({ ...ufo, gsoType: UFO | ECN }, udpFrame(tcp4)).header, ufo);
});

Deno.test("GSO that does not fit its frame is refused", () => {
  const four = tcpFrame(tcp4), six = tcpFrame(tcp6), udp = udpFrame(tcp4);
  const patch = (frame: Uint8Array, offset: number, ...bytes: number[]) => {
    const copy = frame.slice();
    copy.set(bytes, offset);
    return copy;
  };
  const type = (gsoType: number) => ({ ...large4, gsoType });
  const table: [why: string, header: VnetHeader, frame: Uint8Array, verdict: number][] = [
    ["type 2", type(2), four, Verdict.GSO_TYPE],
    ["type 6", type(6), four, Verdict.GSO_TYPE],
    ["type 7", type(7), four, Verdict.GSO_TYPE],
    ["type 0x7f", type(0x7f), four, Verdict.GSO_TYPE],
    ["ECN alone", type(ECN), four, Verdict.GSO_TYPE],
    ["type 6 with ECN", type(6 | ECN), four, Verdict.GSO_TYPE],
    ["size 0", { ...large4, gsoSize: 0 }, four, Verdict.GSO_SIZE],
    ["size 0xffff", { ...large4, gsoSize: 0xffff }, four, Verdict.GSO_SIZE],
    ["TCPV6 on IPv4", type(TCPV6), four, Verdict.GSO_PACKET],
    ["TCPV4 on IPv6", { ...large6, gsoType: TCPV4 }, six, Verdict.GSO_PACKET],
    ["TCP on UDP", type(TCPV4), udp, Verdict.GSO_PACKET],
    ["UFO on TCP", type(UFO), four, Verdict.GSO_PACKET],
    ["USO on TCP", type(USO), four, Verdict.GSO_PACKET],
    ["ARP", large4, patch(four, 12, 8, 6), Verdict.GSO_PACKET],
    ["IHL 4", large4, patch(four, 14, 0x44), Verdict.GSO_PACKET],
    ["doff 4", large4, patch(four, 46, 0x40), Verdict.GSO_PACKET],
    [
      "cut off",
      { ...large4, headerLength: 0, checksumOffset: 16 },
      four.subarray(0, 53),
      Verdict.GSO_PACKET,
    ],
    ["more fragments", large4, patch(four, 20, 0x20), Verdict.GSO_FRAGMENT],
    ["fragment offset", large4, patch(four, 21, 0x10), Verdict.GSO_FRAGMENT],
    ["IP length beyond the frame", large4, patch(four, 16, 0x0d, 0xd5), Verdict.GSO_LENGTH],
    ["IP length far beyond", large4, patch(four, 16, 0xff, 0xff), Verdict.GSO_LENGTH],
    ["IPv6 length beyond", large6, patch(six, 18, 0x0d, 0xc1), Verdict.GSO_LENGTH],
    ["checksum elsewhere", { ...large4, checksumStart: 36 }, four, Verdict.GSO_CHECKSUM],
    ["UDP's checksum", { ...large4, checksumOffset: 6 }, four, Verdict.GSO_CHECKSUM],
    ["TCP's checksum", { ...uso, checksumOffset: 16 }, udp, Verdict.GSO_CHECKSUM],
    ["size 1", { ...large4, gsoSize: 1 }, four, Verdict.GSO_SIZE],
    ["size 31", { ...large4, gsoSize: 31 }, four, Verdict.GSO_SIZE],
    ["datagrams of 31", { ...uso, gsoSize: 31 }, udp, Verdict.GSO_SIZE],
    ["fragments of 31", { ...uso, gsoType: UFO, gsoSize: 31 }, udp, Verdict.GSO_SIZE],
  ];
  for (const [why, header, frame, verdict] of table) {
    assertEquals(verdictOf(header, frame), verdict, why);
    assertEquals(verdictOf(header, frame, 0), verdict, `${why}; not declared, either`);
  }
  assertEquals(verdictOf({ ...large4, gsoSize: 32 }, four), Verdict.OK, "segments of 32 bytes");
  assertEquals(verdictOf({ ...uso, gsoSize: 32 }, udp), Verdict.OK, "datagrams of 32 bytes");
  assertEquals(
    verdictOf({ ...uso, gsoType: UFO, gsoSize: 32 }, udp),
    Verdict.OK,
    "fragments of 32",
  );
  const short = tcpFrame({ ...tcp4, payload: [1, 2, 3] });
  assertEquals(verdictOf({ ...large4, gsoSize: 4 }, short), Verdict.OK, "it need not be cut");
  assertEquals(verdictOf(large4, patch(four, 16, 0, 0)), Verdict.OK, "an IP length Linux rewrites");
});

Deno.test("256 segments are the most, 128 datagrams", () => {
  const segments = (bytes: number) => tcpFrame({ ...tcp4, payload: filler(bytes) });
  assertEquals(verdictOf({ ...large4, gsoSize: 40 }, segments(10_240)), Verdict.OK);
  assertEquals(verdictOf({ ...large4, gsoSize: 40 }, segments(10_241)), Verdict.SEGMENTS);
  const datagrams = (bytes: number) => udpFrame({ ...tcp4, payload: filler(bytes) });
  assertEquals(verdictOf({ ...uso, gsoSize: 40 }, datagrams(5120)), Verdict.OK);
  assertEquals(verdictOf({ ...uso, gsoSize: 40 }, datagrams(5121)), Verdict.SEGMENTS);
});
