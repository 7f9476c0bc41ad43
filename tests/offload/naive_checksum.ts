/**
 * The Internet checksum as RFC 1071 explains it: slow, and plain to see that it is right.
 *
 * @module
 */

/** Sum of the 16-bit big-endian words of all `parts`, one behind the other, with carries added back. */
export function onesSum(...parts: readonly (Uint8Array | readonly number[])[]): number {
  let sum = 0, odd = false;
  for (const part of parts) {
    for (const byte of part) {
      sum += odd ? byte : byte * 256;
      if (sum > 0xffff) sum -= 0xffff;
      odd = !odd;
    }
  }
  return sum;
}

/** What a checksum field holds of what sums up to `sum`. */
export function complement(sum: number): number {
  return 0xffff - sum;
}
