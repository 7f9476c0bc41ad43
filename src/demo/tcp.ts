/**
 * TCP segments over IPv4 (RFC 9293, RFC 791) as hosts write and check them.
 *
 * ```
 *  Ethernet 14 | IPv4 20, no options | TCP 20, no options | payload
 * ```
 * A host with offload leaves two things to its network: the checksum, of which it writes the sum of the
 * pseudo-header only, and the size, so that many segments travel as one.
 *
 * @module
 */
import { fold, sum } from "../frame/checksum.ts";
import type { Arena } from "../platform/arena.ts";
import { DemoError } from "./demo_error.ts";
import { ETHERTYPE_IPV4 } from "./icmp.ts";
import { ETHERNET_BYTES, type Station, writeEthernet } from "./station.ts";

/** All headers of a segment. */
export const TCP_HEADERS = 54;
/** Payload of a segment on a link with an MTU of 1500. */
export const MSS = 1460;

const IP = ETHERNET_BYTES, TCP = IP + 20;
const PROTOCOL_TCP = 6;
const PORT = 5201;
const ACK = 0x10, PSH = 0x08;
/** What a right checksum makes of all it covers (RFC 1071 section 1). */
const WHOLE = 0xffff;

/**
 * Write the headers of a frame of `length` bytes, but for what {@linkcode stamp} writes into each.
 *
 * @param push whether the sender has written all it had to write for now
 */
export function writeTcp(
  { u8, view }: Arena,
  at: number,
  length: number,
  from: Station,
  to: Station,
  push: boolean,
): void {
  writeEthernet(u8, at, to.mac, from.mac, ETHERTYPE_IPV4);
  u8.fill(0, at + IP, at + TCP_HEADERS);
  view.setUint16(at + IP, 0x4500); // version 4, five words
  view.setUint16(at + IP + 2, length - IP);
  view.setUint16(at + IP + 6, 0x4000); // do not fragment
  view.setUint16(at + IP + 8, (64 << 8) | PROTOCOL_TCP); // time to live
  u8.set(from.ip, at + IP + 12);
  u8.set(to.ip, at + IP + 16);
  view.setUint16(at + TCP, PORT);
  view.setUint16(at + TCP + 2, PORT);
  view.setUint16(at + TCP + 12, (5 << 12) | ACK | (push ? PSH : 0)); // five words
  view.setUint16(at + TCP + 14, 0xffff); // window
}

/**
 * Write what differs from segment to segment: number, place in the stream, checksums.
 *
 * @param payload sum of the payload, or undefined to leave the TCP checksum to the network
 */
export function stamp(
  view: DataView,
  at: number,
  length: number,
  id: number,
  position: number,
  payload: number | undefined,
): void {
  view.setUint16(at + IP + 4, id);
  view.setUint16(at + IP + 10, 0);
  view.setUint16(at + IP + 10, ~sum(view, at + IP, 20));
  view.setUint32(at + TCP + 4, position);
  const seed = pseudoHeader(view, at, length);
  view.setUint16(at + TCP + 16, 0);
  const rest = payload === undefined ? 0 : fold(seed + sum(view, at + TCP, 20) + payload);
  view.setUint16(at + TCP + 16, payload === undefined ? seed : ~rest);
}

/**
 * Check a segment as the receiver's kernel would, and more: every length and every checksum.
 *
 * @returns its place in the stream, modulo 2^32
 * @throws DemoError that says what is wrong with it
 */
export function readTcp(view: DataView, at: number, length: number): number {
  const wrong = (what: string) => new DemoError(`a frame of ${length} bytes arrived with ${what}`);
  const payload = length - TCP_HEADERS;
  if (payload <= 0 || payload % MSS !== 0) throw wrong("no whole segments in it");
  if (view.getUint16(at + IP - 2) !== ETHERTYPE_IPV4) throw wrong("no IPv4 packet in it");
  if (view.getUint16(at + IP + 2) !== length - IP) throw wrong("another length in its IP header");
  if (sum(view, at + IP, 20) !== WHOLE) throw wrong("a wrong IP header checksum");
  const seed = pseudoHeader(view, at, length);
  if (fold(seed + sum(view, at + TCP, length - TCP)) !== WHOLE) {
    throw wrong(
      `a${view.getUint16(at + TCP + 16) === seed ? "n unfinished" : " wrong"} TCP checksum`,
    );
  }
  return view.getUint32(at + TCP + 4);
}

/** Sum of the addresses, the protocol and the length, which the TCP checksum covers too (RFC 9293 3.1). */
function pseudoHeader(view: DataView, at: number, length: number): number {
  return fold(sum(view, at + IP + 12, 8) + PROTOCOL_TCP + (length - TCP));
}
