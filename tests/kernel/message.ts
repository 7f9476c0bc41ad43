/**
 * What the judge and who asks it say to each other over a pipe: lists of byte strings.
 *
 * A message is its length and then each part behind its own length; lengths are 32 bits, little-endian. A
 * question is one byte of {@linkcode Mode} and the frames to write, an answer the error number of each write
 * and the frames that came out. Every frame has its 12-byte vnet header in front.
 *
 * @module
 */

/** Which way frames go through the kernel. */
export const Mode = {
  /** To a tap that takes nothing unfinished: checksums are completed, large frames are cut. */
  CUT: 0,
  /** By NAPI, as a burst, to a tap that takes everything: segments are coalesced (GRO). */
  MERGE: 1,
} as const;

/** A message of these parts. */
export function encode(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + 4 + part.length, 0);
  const bytes = new Uint8Array(4 + length), view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  let at = 4;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

/** The parts of a message without its length; they share its memory. */
export function decode(body: Uint8Array): Uint8Array[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 4 + view.getUint32(at, true);
    parts.push(body.subarray(at + 4, end));
    at = end;
  }
  return parts;
}
