/**
 * ICMP echo over IPv4 (RFC 792, RFC 791): the ping and its answer.
 *
 * ```
 *  Ethernet 14 | IPv4 20, no options | type 8 or 0, code 0, checksum, id, sequence | data 56
 * ```
 *
 * @module
 */
import { ETHERNET_BYTES, readU16, type Station, writeEthernet, writeU16 } from "./station.ts";

/** Ethertype of IPv4. */
export const ETHERTYPE_IPV4 = 0x0800;
/** Length of an echo frame with the data ping(8) sends. */
export const ECHO_BYTES = 98;

const IP_BYTES = 20;
const ICMP_BYTES = 8;
const ICMP = 1;
const REQUEST = 8;
const REPLY = 0;

/** What an echo frame says. */
export interface Echo {
  readonly kind: "request" | "reply";
  readonly from: Station;
  readonly to: Station;
  readonly id: number;
  readonly sequence: number;
}

/** The Internet checksum (RFC 1071) of `length` bytes: 0 over bytes that hold their own right checksum. */
export function internetChecksum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i + 1 < length; i += 2) sum += readU16(bytes, at + i);
  if (length % 2 === 1) sum += bytes[at + length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Write an echo frame; returns its length. */
export function writeEcho(bytes: Uint8Array, at: number, echo: Echo): number {
  const { kind, from, to, id, sequence } = echo;
  const ip = at + writeEthernet(bytes, at, to.mac, from.mac, ETHERTYPE_IPV4);
  const icmp = ip + IP_BYTES;
  const end = at + ECHO_BYTES;
  bytes.fill(0, ip, end);
  bytes[ip] = 0x45; // version 4, five words
  writeU16(bytes, ip + 2, end - ip);
  writeU16(bytes, ip + 4, sequence); // identification
  writeU16(bytes, ip + 6, 0x4000); // do not fragment
  bytes[ip + 8] = 64; // time to live
  bytes[ip + 9] = ICMP;
  bytes.set(from.ip, ip + 12);
  bytes.set(to.ip, ip + 16);
  writeU16(bytes, ip + 10, internetChecksum(bytes, ip, IP_BYTES));
  bytes[icmp] = kind === "request" ? REQUEST : REPLY;
  writeU16(bytes, icmp + 4, id);
  writeU16(bytes, icmp + 6, sequence);
  for (let i = icmp + ICMP_BYTES; i < end; i++) bytes[i] = i - icmp;
  writeU16(bytes, icmp + 2, internetChecksum(bytes, icmp, end - icmp));
  return ECHO_BYTES;
}

/** What the frame says; undefined if it is not an echo of ours or a checksum is wrong. */
export function readEcho(bytes: Uint8Array, at: number, length: number): Echo | undefined {
  if (length !== ECHO_BYTES || readU16(bytes, at + 12) !== ETHERTYPE_IPV4) return undefined;
  const ip = at + ETHERNET_BYTES;
  const icmp = ip + IP_BYTES;
  const whole = length - ETHERNET_BYTES;
  if (bytes[ip] !== 0x45 || bytes[ip + 9] !== ICMP || readU16(bytes, ip + 2) !== whole) {
    return undefined;
  }
  if (internetChecksum(bytes, ip, IP_BYTES) !== 0) return undefined;
  if (internetChecksum(bytes, icmp, whole - IP_BYTES) !== 0) return undefined;
  const type = bytes[icmp];
  if ((type !== REQUEST && type !== REPLY) || bytes[icmp + 1] !== 0) return undefined;
  return {
    kind: type === REQUEST ? "request" : "reply",
    from: { mac: bytes.slice(at + 6, at + 12), ip: bytes.slice(ip + 12, ip + 16) },
    to: { mac: bytes.slice(at, at + 6), ip: bytes.slice(ip + 16, ip + 20) },
    id: readU16(bytes, icmp + 4),
    sequence: readU16(bytes, icmp + 6),
  };
}
