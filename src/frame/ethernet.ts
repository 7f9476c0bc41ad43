/**
 * The Ethernet header, read as three big-endian 32-bit words.
 *
 * ```
 *  word 0            word 1            word 2            then
 *  dst dst dst dst | dst dst src src | src src src src | ethertype (16 bits)
 * ```
 * Two comparisons of words tell whether a frame belongs to the same conversation as the one before it,
 * and a MAC address is 16 high bits and 32 low bits: small integers, no strings, no BigInts. Callers have
 * checked that the frame has at least {@linkcode HEADER_BYTES} bytes.
 *
 * @module
 */

/** Destination, source and ethertype. */
export const HEADER_BYTES = 14;
/** Offset of the ethertype. */
export const ETHERTYPE = 12;

/** Destination is a group address (multicast or broadcast): I/G bit of the first octet (IEEE 802-2014 8.2). */
export function isGroup(word0: number): boolean {
  return (word0 & 0x0100_0000) !== 0;
}

/** Source is not a station's address: a group address or all zeros (Linux: !is_valid_ether_addr). */
export function isBadSource(word1: number, word2: number): boolean {
  return (word1 & 0x0100) !== 0 || ((word1 & 0xffff) === 0 && word2 === 0);
}

/**
 * Destination is a link-local group address that a bridge must not forward: 01-80-C2-00-00-01 to -0F
 * (IEEE 802.1Q 8.6.3). -00 (spanning tree) is forwarded, as Linux's bridge does while it runs no spanning
 * tree itself (br_handle_frame), so that two bridges behind us can see their loop.
 */
export function isReserved(word0: number, word1: number): boolean {
  const low = word1 >>> 16;
  return word0 === 0x0180_c200 && low >= 0x0001 && low <= 0x000f;
}

/** Upper 16 bits of the destination. */
export function dstHigh(word0: number): number {
  return word0 >>> 16;
}

/** Lower 32 bits of the destination, signed. */
export function dstLow(word0: number, word1: number): number {
  return (word0 << 16) | (word1 >>> 16);
}

/** Upper 16 bits of the source. */
export function srcHigh(word1: number): number {
  return word1 & 0xffff;
}

/** `52:54:00:12:34:56` of 16 high and 32 low bits. */
export function formatMac(high: number, low: number): string {
  const octets = [high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low];
  return octets.map((octet) => (octet & 0xff).toString(16).padStart(2, "0")).join(":");
}
