/**
 * ARP for Ethernet and IPv4 (RFC 826): who has this IP address, and the answer.
 *
 * ```
 *  Ethernet 14 | htype 1, ptype 0x0800, hlen 6, plen 4 | operation | sender mac, ip | target mac, ip
 * ```
 *
 * @module
 */
import { BROADCAST, ETHERNET_BYTES, readU16, type Station, writeEthernet } from "./station.ts";

/** Ethertype of ARP. */
export const ETHERTYPE_ARP = 0x0806;
/** Length of an ARP frame, without padding: a virtual NIC needs none. */
export const ARP_BYTES = 42;
/** htype, ptype, hlen, plen. */
const FIXED = Uint8Array.of(0, 1, 0x08, 0x00, 6, 4);

/** What an ARP frame says. */
export interface Arp {
  readonly operation: "request" | "reply";
  readonly sender: Station;
  /** In a request its MAC address is all zeros. */
  readonly target: Station;
}

/** Write a request to everybody for the owner of `ip`; returns the frame's length. */
export function writeArpRequest(
  bytes: Uint8Array,
  at: number,
  sender: Station,
  ip: Uint8Array,
): number {
  return writeArp(bytes, at, BROADCAST, 1, sender, { mac: new Uint8Array(6), ip });
}

/** Write the answer to a request of `target`; returns the frame's length. */
export function writeArpReply(
  bytes: Uint8Array,
  at: number,
  sender: Station,
  target: Station,
): number {
  return writeArp(bytes, at, target.mac, 2, sender, target);
}

function writeArp(
  bytes: Uint8Array,
  at: number,
  destination: Uint8Array,
  operation: number,
  sender: Station,
  target: Station,
): number {
  const body = at + writeEthernet(bytes, at, destination, sender.mac, ETHERTYPE_ARP);
  bytes.set(FIXED, body);
  bytes.set([0, operation], body + 6);
  bytes.set(sender.mac, body + 8);
  bytes.set(sender.ip, body + 14);
  bytes.set(target.mac, body + 18);
  bytes.set(target.ip, body + 24);
  return ARP_BYTES;
}

/** What the frame says; undefined if it is not ARP for Ethernet and IPv4. */
export function readArp(bytes: Uint8Array, at: number, length: number): Arp | undefined {
  if (length < ARP_BYTES || readU16(bytes, at + 12) !== ETHERTYPE_ARP) return undefined;
  const body = at + ETHERNET_BYTES;
  if (FIXED.some((octet, i) => bytes[body + i] !== octet)) return undefined;
  const operation = readU16(bytes, body + 6);
  if (operation !== 1 && operation !== 2) return undefined;
  const part = (offset: number, size: number) => bytes.slice(body + offset, body + offset + size);
  return {
    operation: operation === 1 ? "request" : "reply",
    sender: { mac: part(8, 6), ip: part(14, 4) },
    target: { mac: part(18, 6), ip: part(24, 4) },
  };
}
