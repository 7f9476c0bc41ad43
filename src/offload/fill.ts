/**
 * Checksums: is one unfinished, and finishing it.
 *
 * A sender that leaves a TCP or UDP checksum to others puts its seed into the field, the sum of the pseudo
 * header (virtio 1.2, 5.1.6.2.1). A vnet header says so; where there is none, the seed itself does: a field
 * that holds exactly it is taken to be unfinished. One finished checksum in 65,535 is equal to its seed by
 * chance, and finishing that one gives the same number again.
 *
 * All of this writes to the frame in place, as Linux does (skb_checksum_help).
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import { type Headers, Kind } from "../frame/headers.ts";

/** Offset of the length in a UDP header (RFC 768), and of the header checksum in IPv4 (RFC 791 3.1). */
const UDP_LENGTH = 4, IPV4_CHECKSUM = 10;

/**
 * True when the TCP or UDP checksum of a frame holds its seed.
 *
 * A UDP datagram over IPv4 without a checksum (0) is finished: no seed is 0.
 *
 * @param headers walked
 * @param large the packet is longer than the MTU: it may have a seed made with a length of 0, as for hardware
 *   that cuts it and adds the length of each segment
 */
export function isUnfinished(view: DataView, headers: Headers, large: boolean): boolean {
  if (!headers.whole) return false;
  const { l4, end } = headers;
  const length = end - l4;
  if (headers.kind === Kind.UDP && view.getUint16(l4 + UDP_LENGTH) !== length) return false;
  const field = view.getUint16(l4 + headers.checksumOffset);
  const seed = pseudoSum(view, headers, 0);
  return field === fold(seed + length) || (large && field === seed);
}

/**
 * Finish a checksum whose seed is in its field: sum all from `start` to `end`, and store the complement.
 * 0 is stored as 0xffff, whatever the protocol (CSUM_MANGLED_0).
 *
 * @param start where to begin to sum
 * @param offset where the field is, from `start`; the field ends by `end`
 * @param end end of the frame
 */
export function fillPartial(view: DataView, start: number, offset: number, end: number): void {
  const checksum = ~sum(view, start, end - start) & 0xffff;
  view.setUint16(start + offset, checksum === 0 ? 0xffff : checksum);
}

/**
 * Compute the checksum of a TCP or UDP packet, whatever is in its field.
 *
 * @param headers of a packet that is {@linkcode Headers.whole}
 */
export function fillTransport(view: DataView, headers: Headers): void {
  const { l4, end, checksumOffset } = headers;
  view.setUint16(l4 + checksumOffset, pseudoSum(view, headers, end - l4));
  fillPartial(view, l4, checksumOffset, end);
}

/** Compute the header checksum of an IPv4 packet if it is 0: the VM has left that to hardware, too. */
export function fillIpv4(view: DataView, headers: Headers): void {
  const { version, l3, l4 } = headers;
  if (version !== 4 || view.getUint16(l3 + IPV4_CHECKSUM) !== 0) return;
  view.setUint16(l3 + IPV4_CHECKSUM, ~sum(view, l3, l4 - l3) & 0xffff);
}
