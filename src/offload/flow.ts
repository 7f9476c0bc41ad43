/**
 * Which frames of TCP may go out as one: Linux's rules for receive offload (tcp_gro_receive,
 * inet_gro_receive, ipv6_gro_receive), as comparisons of two frames as they lie in memory.
 *
 * Stricter than Linux in one thing: IPv4 IDs have to count up by one. A fixed ID cannot be said in a vnet
 * header, so cutting the frame again would not give back what came in. IPv6 with extension headers is left
 * alone.
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import { type Headers, IPV4_BYTES, IPV6_BYTES, Kind } from "../frame/headers.ts";

/** Offsets in a TCP header (RFC 9293 3.1). */
export const TCP_SEQUENCE = 4, TCP_ACK = 8, TCP_WORD3 = 12, TCP_OPTIONS = 20;
/** Flags, as bits of the word of offset, flags and window. */
export const CWR = 0x80_0000, URG = 0x20_0000, PSH = 0x08_0000, RST = 0x04_0000;
const SYN = 0x02_0000;
export const FIN = 0x01_0000;
/** Flags that may differ between segments, those that end an aggregate, those that begin none. */
const MAY_DIFFER = CWR | PSH | FIN;
export const ENDING = URG | PSH | RST | SYN | FIN;
const ALONE = ENDING | CWR;

/** True when the frame is TCP that could be part of an aggregate, whatever its flags. */
export function isPlain(view: DataView, headers: Headers): boolean {
  const { kind, version, l3, l4 } = headers;
  if (kind !== Kind.TCP || headers.end !== headers.frameEnd || headers.payload >= headers.end) {
    return false;
  }
  if (version === 6) return l4 === l3 + IPV6_BYTES;
  return l4 === l3 + IPV4_BYTES && sum(view, l3, IPV4_BYTES) === 0xffff;
}

/** True when the TCP checksum is right. */
export function isRight(view: DataView, headers: Headers): boolean {
  const { l4, end } = headers;
  return fold(sum(view, l4, end - l4) + pseudoSum(view, headers, end - l4)) === 0xffff;
}

/** True when nothing in the word of TCP's flags keeps a segment from being the first of an aggregate. */
export function mayBegin(word3: number): boolean {
  return (word3 & ALONE) === 0;
}

/** True when frames at `a` and `b`, whose IP and TCP headers lie at the same offsets, are of one connection. */
export function isSameFlow(
  view: DataView,
  a: number,
  b: number,
  version: number,
  l3: number,
  l4: number,
): boolean {
  if (view.getInt32(a + l4) !== view.getInt32(b + l4)) return false; // ports
  if (version === 4) {
    if (
      view.getInt32(a + l3 + 12) !== view.getInt32(b + l3 + 12) ||
      view.getInt32(a + l3 + 16) !== view.getInt32(b + l3 + 16)
    ) return false;
  } else {
    for (let at = l3 + 8; at < l3 + IPV6_BYTES; at += 4) {
      if (view.getInt32(a + at) !== view.getInt32(b + at)) return false;
    }
  }
  if (
    view.getInt32(a) !== view.getInt32(b) || view.getInt32(a + 4) !== view.getInt32(b + 4) ||
    view.getInt32(a + 8) !== view.getInt32(b + 8)
  ) return false;
  // Tags and the ethertype.
  for (let at = 12; at < l3; at += 2) {
    if (view.getInt16(a + at) !== view.getInt16(b + at)) return false;
  }
  return true;
}

/** True when segments at `a` and `b` of one connection differ only where the segments of one large frame would. */
export function isAlike(
  view: DataView,
  a: number,
  b: number,
  version: number,
  l3: number,
  l4: number,
  payload: number,
): boolean {
  if (version === 4) {
    // Type of service, then DF, then TTL.
    if (
      view.getInt16(a + l3) !== view.getInt16(b + l3) ||
      view.getInt16(a + l3 + 6) !== view.getInt16(b + l3 + 6) ||
      view.getInt16(a + l3 + 8) !== view.getInt16(b + l3 + 8)
    ) return false;
  } else if (
    // Traffic class and flow label, then next header and hop limit.
    view.getInt32(a + l3) !== view.getInt32(b + l3) ||
    view.getInt16(a + l3 + 6) !== view.getInt16(b + l3 + 6)
  ) return false;
  if (view.getInt32(a + l4 + TCP_ACK) !== view.getInt32(b + l4 + TCP_ACK)) return false;
  const words = view.getInt32(a + l4 + TCP_WORD3) ^ view.getInt32(b + l4 + TCP_WORD3);
  if ((words & ~MAY_DIFFER) !== 0) return false;
  for (let at = l4 + TCP_OPTIONS; at < payload; at += 4) {
    if (view.getInt32(a + at) !== view.getInt32(b + at)) return false;
  }
  return true;
}
