/**
 * Frames for tests: made of small numbers, and read back as such.
 *
 * @module
 */

/** Everybody. */
export const BROADCAST = "ff:ff:ff:ff:ff:ff";
/** Frames of these tests: an ethertype for experiments (IEEE 802, 88-B5). */
const ETHERTYPE = 0x88b5;
const HEADER = 14;

/** The n-th station's address: `mac(1)` is `52:54:00:00:00:01`. */
export function mac(n: number): string {
  const hex = (n & 0xffffff).toString(16).padStart(6, "0");
  return `52:54:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}`;
}

/** A frame whose payload repeats `tag` as 32-bit words, so that a cut or mixed-up frame shows. */
export function frame(from: number, to: number | string, tag = 0, length = 60): Uint8Array {
  const bytes = new Uint8Array(length);
  const destination = typeof to === "string" ? to : mac(to);
  const address = `${destination}:${mac(from)}`.split(":").map((octet) => parseInt(octet, 16));
  bytes.set(address.slice(0, length));
  const view = new DataView(bytes.buffer);
  if (length >= HEADER) view.setUint16(12, ETHERTYPE);
  for (let at = HEADER; at + 4 <= length; at += 4) view.setUint32(at, tag);
  return bytes;
}

/** The tag of a frame; throws when its payload is not made of one tag only. */
export function tagOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = view.getUint32(HEADER);
  for (let at = HEADER; at + 4 <= bytes.length; at += 4) {
    if (view.getUint32(at) !== tag) throw new Error(`The frame is damaged at byte ${at}`);
  }
  return tag;
}

/** Tags of frames, in order. */
export function tagsOf(frames: readonly Uint8Array[]): number[] {
  return frames.map(tagOf);
}

/** A record of a stream: the length, u32 big-endian, and the frame. */
export function record(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + bytes.length);
  new DataView(out.buffer).setUint32(0, bytes.length);
  out.set(bytes, 4);
  return out;
}

/** One array of many. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
