/**
 * Socket addresses as the kernel delivers them.
 *
 * @module
 */

/** A raw address without its family: path bytes end at the first NUL; an abstract name (leading NUL) is taken whole (unix(7)). */
export function trimAddress(raw: Uint8Array): Uint8Array {
  if (raw[0] === 0) return raw;
  const end = raw.indexOf(0);
  return end < 0 ? raw : raw.slice(0, end);
}
