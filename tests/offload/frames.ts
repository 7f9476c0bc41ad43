/**
 * Builds TCP and UDP frames of every shape: tags, options, extension headers, checksums finished or not.
 *
 * Nothing here knows the code under test. Stations have numbers: number 7 is 02:00:00:00:00:07, 10.0.0.7
 * and fd00::7.
 *
 * @module
 */
import { complement, onesSum } from "./naive_checksum.ts";

/** Bytes, for a test to write down as a list. */
export type Bytes = Uint8Array | readonly number[];

/**
 * State of a transport checksum: right, only its seed (the folded sum of the pseudo header), wrong, or 0,
 * which for UDP means that there is none.
 */
export type Checksum = "full" | "partial" | "bad" | "none";

/** An IPv6 extension header; its next header and length are put in front of `data`, which is padded. */
export interface Extension {
  /** 0 hop-by-hop options, 43 routing, 44 fragment, 60 destination options. */
  readonly protocol: number;
  readonly data: Bytes;
}

/** Ethernet and IP, with defaults for all of it. */
export interface PacketShape {
  readonly version?: 4 | 6;
  /** Numbers of the stations. */
  readonly from?: number;
  readonly to?: number;
  /** VLAN tags, outermost first, each type and TCI in one number: 0x8100_0064 is VLAN 100. */
  readonly tags?: readonly number[];
  /** Padded with zeros to 4 bytes. IPv4 only. */
  readonly ipOptions?: Bytes;
  /** IPv6 only. */
  readonly extensions?: readonly Extension[];
  /** IPv4 only. */
  readonly id?: number;
  /** Don't fragment. IPv4 only. */
  readonly df?: boolean;
  /** Type of service or traffic class; TTL or hop limit. */
  readonly tos?: number;
  readonly ttl?: number;
  /** Flow label. IPv6 only. */
  readonly flow?: number;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly payload?: Bytes;
  readonly checksum?: Checksum;
  /** Bytes behind the IP packet: padding of Ethernet. */
  readonly trailer?: Bytes;
}

/** And TCP. */
export interface TcpShape extends PacketShape {
  /** Padded with zeros to 4 bytes. */
  readonly tcpOptions?: Bytes;
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 0x10, URG 0x20, ECE 0x40, CWR 0x80, AE 0x100, and three reserved bits. */
  readonly flags?: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly urgent?: number;
}

/** An Ethernet frame with a TCP segment in it. */
export function tcpFrame(shape: TcpShape): Uint8Array {
  const { fromPort = 40_000, toPort = 5201, seq = 1, ack = 1, flags = 0x10 } = shape;
  const options = padded(shape.tcpOptions ?? [], 4), header = new Uint8Array(20 + options.length);
  const view = new DataView(header.buffer);
  view.setUint16(0, fromPort);
  view.setUint16(2, toPort);
  view.setUint32(4, seq);
  view.setUint32(8, ack);
  view.setUint16(12, (header.length / 4) << 12 | flags);
  view.setUint16(14, shape.window ?? 501);
  view.setUint16(18, shape.urgent ?? 0);
  header.set(options, 20);
  const pseudo = pseudoHeader(shape, 6, header.length + lengthOf(shape.payload));
  view.setUint16(16, checksumOf(shape, pseudo, header));
  return packet(shape, 6, header);
}

/** An Ethernet frame with a UDP datagram in it. */
export function udpFrame(shape: PacketShape): Uint8Array {
  const { fromPort = 40_000, toPort = 5201 } = shape;
  const header = new Uint8Array(8), view = new DataView(header.buffer);
  const length = 8 + lengthOf(shape.payload);
  view.setUint16(0, fromPort);
  view.setUint16(2, toPort);
  view.setUint16(4, length);
  const checksum = checksumOf(shape, pseudoHeader(shape, 17, length), header);
  const isZero = checksum === 0 && shape.checksum !== "none";
  view.setUint16(6, isZero ? 0xffff : checksum);
  return packet(shape, 17, header);
}

/** Offset of the IP header. */
export function l3Of({ tags = [] }: PacketShape): number {
  return 14 + 4 * tags.length;
}

/** Offset of the TCP or UDP header. */
export function l4Of(shape: PacketShape): number {
  const inner = shape.version === 6 ? extensionHeaders(shape, 0) : padded(shape.ipOptions ?? [], 4);
  return l3Of(shape) + (shape.version === 6 ? 40 : 20) + inner.length;
}

/** Offset of the payload of a TCP frame. */
export function tcpPayloadOf(shape: TcpShape): number {
  return l4Of(shape) + 20 + padded(shape.tcpOptions ?? [], 4).length;
}

/** `length` bytes that look random and depend on `seed`. */
export function filler(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed ^ 0x9e37_79b9) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13, state ^= state >>> 17, state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  return bytes;
}

/** For reading and writing fields. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function packet(shape: PacketShape, protocol: number, transport: Uint8Array): Uint8Array {
  const { payload = [], trailer = [] } = shape;
  const bytes = transport.length + lengthOf(payload);
  const ip = shape.version === 6 ? ipv6(shape, protocol, bytes) : ipv4(shape, protocol, bytes);
  return concat([ethernet(shape), ip, transport, payload, trailer]);
}

function ethernet({ from = 1, to = 2, tags = [], version = 4 }: PacketShape): Uint8Array {
  const header = new Uint8Array(14 + 4 * tags.length), view = new DataView(header.buffer);
  header[0] = header[6] = 2;
  header[5] = to;
  header[11] = from;
  tags.forEach((tag, i) => view.setUint32(12 + 4 * i, tag));
  view.setUint16(header.length - 2, version === 4 ? 0x0800 : 0x86dd);
  return header;
}

function ipv4(shape: PacketShape, protocol: number, bytes: number): Uint8Array {
  const options = padded(shape.ipOptions ?? [], 4), header = new Uint8Array(20 + options.length);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x40 | header.length / 4);
  view.setUint8(1, shape.tos ?? 0);
  view.setUint16(2, header.length + bytes);
  view.setUint16(4, shape.id ?? 1);
  view.setUint16(6, shape.df ?? true ? 0x4000 : 0);
  view.setUint8(8, shape.ttl ?? 64);
  view.setUint8(9, protocol);
  header.set(addresses(shape), 12);
  header.set(options, 20);
  view.setUint16(10, complement(onesSum(header)));
  return header;
}

function ipv6(shape: PacketShape, protocol: number, bytes: number): Uint8Array {
  const header = new Uint8Array(40), view = new DataView(header.buffer);
  const extensions = extensionHeaders(shape, protocol);
  view.setUint32(0, (6 << 28 | (shape.tos ?? 0) << 20 | (shape.flow ?? 0)) >>> 0);
  view.setUint16(4, extensions.length + bytes);
  view.setUint8(6, shape.extensions?.[0]?.protocol ?? protocol);
  view.setUint8(7, shape.ttl ?? 64);
  header.set(addresses(shape), 8);
  return concat([header, extensions]);
}

function extensionHeaders({ extensions = [] }: PacketShape, protocol: number): Uint8Array {
  return concat(extensions.map(({ data }, i) => {
    const next = extensions[i + 1]?.protocol ?? protocol;
    const header = padded([next, 0, ...data], 8);
    // The fragment header has no length (RFC 8200 4.5).
    if (extensions[i].protocol !== 44) header[1] = header.length / 8 - 1;
    return header;
  }));
}

/** Source and destination. */
function addresses({ version, from = 1, to = 2 }: PacketShape): Uint8Array {
  if (version !== 6) return Uint8Array.of(10, 0, 0, from, 10, 0, 0, to);
  const both = new Uint8Array(32);
  both[0] = both[16] = 0xfd;
  both[15] = from;
  both[31] = to;
  return both;
}

function pseudoHeader(shape: PacketShape, protocol: number, length: number): Uint8Array {
  const rest = [0, protocol, 0, length >>> 16, length >>> 8 & 0xff, length & 0xff];
  return concat([addresses(shape), rest]);
}

/** What belongs into the checksum field of `header`, where it is 0. */
function checksumOf(shape: PacketShape, pseudo: Uint8Array, header: Uint8Array): number {
  const { checksum = "full", payload = [] } = shape;
  if (checksum === "none") return 0;
  if (checksum === "partial") return onesSum(pseudo);
  const full = complement(onesSum(pseudo, header, payload));
  return checksum === "bad" ? full ^ 0x0180 : full;
}

function padded(bytes: Bytes, unit: number): Uint8Array {
  const all = new Uint8Array(Math.ceil(bytes.length / unit) * unit);
  all.set(bytes);
  return all;
}

function lengthOf(bytes: Bytes = []): number {
  return bytes.length;
}

function concat(parts: readonly Bytes[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
