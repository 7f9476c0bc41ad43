/**
 * How a host tells who it is: answers to ARP (RFC 826) and to IPv6 neighbour solicitations (RFC 4861).
 *
 * @module
 */
import { type Addresses, concat, internetSum } from "../support/packet.ts";

const ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd;
const ICMPV6 = 58, SOLICITATION = 135, ADVERTISEMENT = 136;
/** Flags of an advertisement: solicited, and it overrides what was known. */
const SOLICITED_OVERRIDE = 0x60;

/** The answer to a frame that asks for an address of `self`; undefined when it does not. */
export function answerNeighbour(frame: Uint8Array, self: Addresses): Uint8Array | undefined {
  const ethertype = frame[12] * 256 + frame[13];
  if (ethertype === ETHERTYPE_ARP) return answerArp(frame, self);
  return ethertype === ETHERTYPE_IPV6 ? answerSolicitation(frame, self) : undefined;
}

function answerArp(frame: Uint8Array, self: Addresses): Uint8Array | undefined {
  if (frame.length < 42 || frame[21] !== 1 || !same(frame.subarray(38, 42), self.ip4)) {
    return undefined;
  }
  const asker = frame.subarray(22, 32); // its two addresses
  const head = concat(frame.subarray(6, 12), self.mac, frame.subarray(12, 20), Uint8Array.of(0, 2));
  return concat(head, self.mac, self.ip4, asker);
}

function answerSolicitation(frame: Uint8Array, self: Addresses): Uint8Array | undefined {
  if (frame.length < 78 || frame[20] !== ICMPV6 || frame[54] !== SOLICITATION) return undefined;
  if (!same(frame.subarray(62, 78), self.ip6)) return undefined;
  const asker = frame.slice(22, 38);
  const body = concat(
    Uint8Array.of(ADVERTISEMENT, 0, 0, 0, SOLICITED_OVERRIDE, 0, 0, 0),
    self.ip6,
    Uint8Array.of(2, 1), // option: target link-layer address
    self.mac,
  );
  const pseudo = concat(self.ip6, asker, Uint8Array.of(0, 0, 0, body.length, 0, 0, 0, ICMPV6));
  new DataView(body.buffer).setUint16(2, 0xffff - internetSum(body, internetSum(pseudo)));
  const ip = Uint8Array.of(0x60, 0, 0, 0, 0, body.length, ICMPV6, 255);
  return concat(frame.slice(6, 12), self.mac, frame.slice(12, 14), ip, self.ip6, asker, body);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
