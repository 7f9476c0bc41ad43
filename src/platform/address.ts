/**
 * Socket addresses as the kernel delivers and takes them.
 *
 * @module
 */
import type { Abi } from "./abi.ts";

const AF_UNIX = 1;

/**
 * How many of at most `most` bytes at `start` are an address without its family: a path ends at its first NUL; an
 * abstract name (leading NUL) is taken whole (unix(7)). Where there are none, a leading NUL is a socket without a name:
 * Darwin says so in 14 of them.
 */
export function nameBytes(bytes: Uint8Array, start: number, most: number, abi: Abi): number {
  if (most > 0 && abi.abstractNames && bytes[start] === 0) return most;
  let length = 0;
  while (length < most && bytes[start + length] !== 0) length++;
  return length;
}

/** A raw address without its family, and without what stands behind it: see {@linkcode nameBytes}. */
export function trimAddress(raw: Uint8Array, abi: Abi): Uint8Array {
  return raw.subarray(0, nameBytes(raw, 0, raw.length, abi));
}

/** Write the family of a sockaddr_un at `at`. Darwin has its length in front, which the kernel fills in itself. */
export function storeFamily(view: DataView, at: number, abi: Abi): void {
  view.setUint16(at, 0, true);
  view.setUint8(at + abi.socketAddress.family, AF_UNIX);
}
