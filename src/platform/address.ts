/**
 * Socket addresses as the kernel delivers and takes them.
 *
 * @module
 */
import type { Abi } from "./abi.ts";

const AF_UNIX = 1;

/**
 * A raw address without its family: path bytes end at the first NUL; an abstract name (leading NUL) is taken whole
 * (unix(7)). Where there are none, a leading NUL is a socket without a name: Darwin says so in 14 of them.
 */
export function trimAddress(raw: Uint8Array, abi: Abi): Uint8Array {
  const end = raw.indexOf(0);
  return end < 0 || (end === 0 && abi.abstractNames) ? raw : raw.slice(0, end);
}

/** Write the family of a sockaddr_un at `at`. Darwin has its length in front, which the kernel fills in itself. */
export function storeFamily(view: DataView, at: number, abi: Abi): void {
  view.setUint16(at, 0, true);
  view.setUint8(at + abi.socketAddress.family, AF_UNIX);
}
