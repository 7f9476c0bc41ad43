/**
 * Text as C functions take it.
 *
 * @module
 */

/** UTF-8, with a NUL behind it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}
