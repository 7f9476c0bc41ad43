/**
 * Vnet headers and frames worth a name, and what becomes of them: at Linux, and here.
 *
 * @module
 */
import { type Extension, l4Of, tcpFrame, type TcpShape, udpFrame } from "../offload/frames.ts";
import { NEEDS_CSUM, type VnetHeader, withVnet } from "../support/vnet_header.ts";
import { contents, type Payload } from "../vectors/wire_text.ts";
import { CHECKSUM_OFFSET, Gso } from "./cases.ts";

/** How many frames come out of it; none when it is refused, or dropped later. */
export type Fate = number | "refused" | "dropped";

/** A row of the table. */
export interface Row {
  readonly name: string;
  readonly wire: Uint8Array;
  readonly linux: Fate;
  readonly ours: Fate;
}

/** All payloads are the beginning of this one. */
export const TABLE_PAYLOAD: Payload = { seed: 7, length: 8193 };
const data = (length: number) => contents({ ...TABLE_PAYLOAD, length });
const LARGE: TcpShape = { payload: data(3500), checksum: "partial" };
const LARGE6: TcpShape = { ...LARGE, version: 6 };
const SMALL: TcpShape = { payload: data(100), checksum: "partial" };
const DONE: TcpShape = { payload: data(100), checksum: "full" };
const SIZE = 1448;
/** Destination options: padding. */
const OPTIONS: Extension = { protocol: 60, data: [1, 4, 0, 0, 0, 0] };

/** A row whose frame is TCP: to be cut if it is large, with an unfinished checksum; but for `changed`. */
function tcp(
  name: string,
  shape: TcpShape,
  changed: Partial<VnetHeader>,
  linux: Fate,
  ours: Fate = linux,
  damage: (frame: Uint8Array) => Uint8Array | void = () => {},
): Row {
  const frame = tcpFrame(shape);
  const large = (shape.payload?.length ?? 0) > SIZE;
  const header = {
    flags: NEEDS_CSUM,
    gsoType: !large ? Gso.NONE : shape.version === 6 ? Gso.TCPV6 : Gso.TCPV4,
    headerLength: l4Of(shape) + 20,
    gsoSize: large ? SIZE : 0,
    checksumStart: l4Of(shape),
    checksumOffset: CHECKSUM_OFFSET.tcp,
    ...changed,
  };
  return { name, wire: withVnet(header, damage(frame) ?? frame), linux, ours };
}

/** A row whose frame is UDP, to be cut as `gsoType` says. */
function udp(
  name: string,
  shape: TcpShape,
  gsoType: number,
  changed: Partial<VnetHeader>,
  linux: Fate,
  ours: Fate = linux,
): Row {
  const header = {
    flags: NEEDS_CSUM,
    gsoType,
    headerLength: l4Of(shape) + 8,
    gsoSize: 1000,
    checksumStart: l4Of(shape),
    checksumOffset: CHECKSUM_OFFSET.udp,
    ...changed,
  };
  return { name, wire: withVnet(header, udpFrame(shape)), linux, ours };
}

/** Write a byte of the IPv4 header, in a frame without tags. */
const ip = (at: number, value: number) => (frame: Uint8Array) => void (frame[14 + at] = value);
const cutTo = (length: number) => (frame: Uint8Array) => frame.slice(0, length);

const NOTHING = { flags: 0, gsoType: 0, gsoSize: 0, checksumStart: 0, checksumOffset: 0 };

/** The table. */
export const TABLE: readonly Row[] = [
  // frames
  tcp("13 bytes", DONE, { ...NOTHING, headerLength: 0 }, "refused", "refused", cutTo(13)),
  tcp("14 bytes", DONE, { ...NOTHING, headerLength: 0 }, 1, 1, cutTo(14)),
  tcp("a trailer that is not zero", { ...SMALL, trailer: [1, 2, 3] }, {}, 1),
  // flags
  tcp("all flags set", SMALL, { flags: 0xff }, 1),
  tcp(
    "DATA_VALID, and the checksum is bad",
    { ...DONE, checksum: "bad" },
    { ...NOTHING, flags: 2 },
    1,
  ),
  // header length
  tcp("hdr_len 10, NEEDS_CSUM", LARGE, { headerLength: 10 }, 3),
  tcp("hdr_len 10, no NEEDS_CSUM", DONE, { ...NOTHING, headerLength: 10 }, "refused", 1),
  tcp("hdr_len as the frame", SMALL, { headerLength: 154 }, 1),
  tcp("hdr_len 2 longer than the frame", SMALL, { headerLength: 156 }, 1, "refused"),
  tcp("hdr_len 3 longer than the frame", SMALL, { headerLength: 157 }, "refused"),
  tcp("hdr_len 65535", LARGE, { headerLength: 65_535 }, "refused"),
  // checksum
  tcp("csum_start behind the frame", SMALL, { checksumStart: 160 }, "refused"),
  tcp(
    "checksum half behind the frame",
    SMALL,
    { checksumStart: 137, checksumOffset: 16 },
    "refused",
  ),
  tcp("checksum at the end", SMALL, { checksumStart: 136, checksumOffset: 16 }, 1),
  tcp("csum_offset 0xfff0", SMALL, { checksumOffset: 0xfff0 }, "refused"),
  tcp("csum_start 14", SMALL, { checksumStart: 14 }, "refused"),
  tcp("csum_start 19", SMALL, { checksumStart: 19 }, "refused"),
  tcp("csum_start 20", SMALL, { checksumStart: 20 }, 1),
  tcp("csum_offset odd", SMALL, { checksumOffset: 15 }, 1),
  tcp("large, csum_start off by 2", LARGE, { checksumStart: 36 }, "dropped", "refused"),
  tcp("large, csum_offset that of UDP", LARGE, { checksumOffset: 6 }, "refused"),
  tcp("large, the seed is wrong", { ...LARGE, checksum: "bad" }, {}, 3),
  tcp("large, no NEEDS_CSUM", { ...LARGE, checksum: "full" }, { flags: 0 }, 3),
  // GSO type
  ...[2, 6, 7, 0x40, 0x7f].map((gsoType) =>
    tcp(`GSO type ${gsoType}`, LARGE, { gsoType, gsoSize: SIZE }, "refused")
  ),
  tcp("ECN alone", LARGE, { gsoType: 0x80 }, "refused"),
  tcp("TCPV4 with ECN, no CWR", LARGE, { gsoType: 0x81 }, 3),
  tcp("TCPV6 on IPv4", LARGE, { gsoType: Gso.TCPV6 }, "refused"),
  tcp("TCPV4 on IPv6", LARGE6, { gsoType: Gso.TCPV4 }, "dropped", "refused"),
  udp("TCPV4 on UDP, no NEEDS_CSUM, nothing to cut", SMALL, Gso.TCPV4, { flags: 0 }, 1, "refused"),
  tcp("USO on TCP", LARGE, { gsoType: Gso.USO }, "refused"),
  tcp("UFO on TCP", LARGE, { gsoType: Gso.UFO }, "dropped", "refused"),
  udp("TCPV4 on UDP", LARGE, Gso.TCPV4, { checksumOffset: 16 }, "dropped", "refused"),
  udp("USO", LARGE, Gso.USO, {}, 4),
  udp("USO with ECN", LARGE, Gso.USO | Gso.ECN, {}, "refused"),
  udp("USO, no NEEDS_CSUM", LARGE, Gso.USO, { flags: 0 }, "refused"),
  udp("128 datagrams", { ...LARGE, payload: data(4096) }, Gso.USO, { gsoSize: 32 }, 128),
  udp("129 datagrams", { ...LARGE, payload: data(4097) }, Gso.USO, { gsoSize: 32 }, "refused"),
  udp("UFO", LARGE, Gso.UFO, {}, 4),
  udp("UFO with ECN", LARGE, Gso.UFO | Gso.ECN, {}, 4),
  udp("UFO over IPv6", LARGE6, Gso.UFO, {}, 4),
  udp("UFO, size no multiple of 8", LARGE, Gso.UFO, { gsoSize: 1001 }, 4),
  udp("UFO, size 7", SMALL, Gso.UFO, { gsoSize: 7 }, 16, "refused"),
  udp("UFO, checksum elsewhere", LARGE, Gso.UFO, { checksumOffset: 16 }, 4, "refused"),
  udp(
    "UFO over IPv6 with an extension header",
    { ...LARGE6, extensions: [OPTIONS] },
    Gso.UFO,
    {},
    4,
  ),
  // GSO size
  tcp("GSO size 0", LARGE, { gsoSize: 0 }, "refused"),
  tcp("GSO size 65535", LARGE, { gsoSize: 65_535 }, "refused"),
  tcp("GSO size as the payload", LARGE, { gsoSize: 3500 }, 1),
  tcp("no payload", { ...LARGE, payload: [] }, { gsoType: Gso.TCPV4, gsoSize: SIZE }, 1),
  tcp("GSO size 1", LARGE, { gsoSize: 1 }, 3500, "refused"),
  tcp("GSO size 31", LARGE, { gsoSize: 31 }, 113, "refused"),
  tcp("GSO size 31, nothing to cut", { ...SMALL, payload: data(31) }, {
    gsoType: Gso.TCPV4,
    gsoSize: 31,
  }, 1),
  tcp("256 segments", { ...LARGE, payload: data(8192) }, { gsoSize: 32 }, 256),
  tcp("257 segments", { ...LARGE, payload: data(8193) }, { gsoSize: 32 }, 257, "refused"),
  tcp(
    "GSO size as the payload, and TCP options",
    { ...LARGE, tcpOptions: [1, 1, 1, 1] },
    { gsoSize: 3500 },
    "dropped",
    1,
  ),
  tcp("a trailer, to be cut", { ...LARGE, trailer: [1, 2, 3] }, {}, 3),
  // headers
  tcp(
    "TCP header of 16 bytes",
    LARGE,
    {},
    "dropped",
    "refused",
    (frame) => void (frame[46] = 0x40),
  ),
  tcp("IPv4 header of 16 bytes", LARGE, {}, "dropped", "refused", ip(0, 0x44)),
  tcp("IP version 5", LARGE, {}, 3, "refused", ip(0, 0x55)),
  tcp("more fragments, to be cut", LARGE, {}, 3, "refused", ip(6, 0x20)),
  tcp("a later fragment, to be cut", LARGE, {}, 3, "refused", ip(7, 0x10)),
  tcp("IP length 0", LARGE, {}, 3, 3, (frame) => frame.fill(0, 16, 18)),
  tcp("IP length 3000 of 3540", LARGE, {}, 3, 3, (frame) => frame.set([0x0b, 0xb8], 16)),
  tcp("IP length 9000 of 3540", LARGE, {}, 3, "refused", (frame) => frame.set([0x23, 0x28], 16)),
  tcp("wrong IP checksum", LARGE, {}, 3, 3, ip(10, 0xde)),
  tcp("three tags", { ...LARGE, tags: [0x8100_0001, 0x8100_0002, 0x8100_0003] }, {}, 3, "refused"),
  tcp(
    "a routing header with segments left",
    { ...LARGE6, extensions: [{ protocol: 43, data: [0, 1, 0, 0, 0, 0] }] },
    {},
    3,
    "refused",
  ),
  tcp(
    "nine extension headers",
    { ...LARGE6, extensions: Array(9).fill(OPTIONS) },
    {},
    3,
    "refused",
  ),
  tcp(
    "two tags and ethertype 0",
    { ...SMALL, tags: [0x8100_0001, 0x8100_0002] },
    {},
    "dropped",
    1,
    (
      frame,
    ) => void frame.fill(0, 20, 22),
  ),
  tcp(
    "an extension header of 472 bytes",
    { ...LARGE6, extensions: [{ protocol: 60, data: contents({ seed: 0, length: 470 }) }] },
    {},
    3,
    "dropped",
  ),
  tcp(
    "IPv6 fragment, to be cut",
    { ...LARGE6, extensions: [{ protocol: 44, data: [0, 1, 0, 0, 0, 7] }] },
    {},
    "dropped",
    "refused",
  ),
];
