/**
 * The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words.
 *
 * The sum does not care about byte order (RFC 1071 2B): words are added as the machine likes them, 32 bits
 * at a time and little-endian, and the two bytes of the result are swapped at the end. The upper halves
 * are added apart; what the whole words add up to, modulo 2^32, less the upper halves is the sum of the
 * lower ones. Two additions and a shift a word, in registers, and no carry to look after.
 *
 * Values here are big-endian words as numbers, 0 to 0xffff. A sum is only 0 when everything summed is.
 *
 * @module
 */
import type { Headers } from "./headers.ts";

/** Most bytes {@linkcode sum} can sum: lower halves of more words do not fit in 32 bits. */
export const SUM_BYTES = 256 * 1024;

/**
 * Folded sum of `length` bytes at `at`, not complemented; an odd last byte is padded with zero.
 *
 * @param length at most {@linkcode SUM_BYTES}; 0 gives 0
 */
export function sum(view: DataView, at: number, length: number): number {
  const end = at + length;
  let p = at, words = 0, upper = 0;
  for (const last = end - 32; p <= last; p += 32) {
    const a = view.getInt32(p, true), b = view.getInt32(p + 4, true);
    const c = view.getInt32(p + 8, true), d = view.getInt32(p + 12, true);
    const e = view.getInt32(p + 16, true), f = view.getInt32(p + 20, true);
    const g = view.getInt32(p + 24, true), h = view.getInt32(p + 28, true);
    words = (words + a + b + c + d + e + f + g + h) | 0;
    upper = (upper + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16) + (e >>> 16) + (f >>> 16) +
      (g >>> 16) + (h >>> 16)) | 0;
  }
  for (const last = end - 4; p <= last; p += 4) {
    const word = view.getInt32(p, true);
    words = (words + word) | 0;
    upper = (upper + (word >>> 16)) | 0;
  }
  let tail = 0;
  if ((length & 2) !== 0) {
    tail = view.getUint16(p, true);
    p += 2;
  }
  if ((length & 1) !== 0) tail += view.getUint8(p);
  return swapped((words - (upper << 16)) | 0, upper, tail);
}

/** Two sums of 32 bits and a small one, of little-endian words, as one big-endian word. */
function swapped(lower: number, upper: number, tail: number): number {
  let all = (lower & 0xffff) + (lower >>> 16) + (upper & 0xffff) + (upper >>> 16) + tail;
  all = (all & 0xffff) + (all >>> 16);
  all = (all & 0xffff) + (all >>> 16);
  return (all & 0xff) << 8 | all >>> 8;
}

/** What the sum of bytes adds to a larger sum, in which they begin at `offset` (RFC 1071 2B). */
export function atOffset(sum: number, offset: number): number {
  return (offset & 1) === 0 ? sum : (sum & 0xff) << 8 | sum >>> 8;
}

/** A sum of words below 2^48 in 16 bits, carries added back; 0xffff stays what it is. */
export function fold(sum: number): number {
  let all = sum;
  while (all > 0xffff) all = (all & 0xffff) + Math.floor(all / 0x1_0000);
  return all;
}

/**
 * Folded sum of the pseudo header (RFC 9293 3.1, RFC 768, RFC 8200 8.1) of `length` bytes of transport
 * header and payload; what a sender leaves in a checksum it does not finish.
 *
 * @param headers walked, of a version that is not 0
 */
export function pseudoSum(view: DataView, headers: Headers, length: number): number {
  const { l3, version, protocol } = headers;
  const addresses = version === 4 ? sum(view, l3 + 12, 8) : sum(view, l3 + 8, 32);
  return fold(addresses + protocol + (length >>> 16) + (length & 0xffff));
}

/**
 * A checksum after one of the words it covers has changed: HC' = ~(~HC + ~m + m') (RFC 1624, eqn. 3).
 *
 * @param old the word as it was, in the position of a 16-bit word of what is covered
 * @param now the word as it is
 */
export function replace(checksum: number, old: number, now: number): number {
  return ~fold((~checksum & 0xffff) + (~old & 0xffff) + now) & 0xffff;
}
