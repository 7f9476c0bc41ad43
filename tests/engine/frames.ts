/**
 * Frames of the engine's tests.
 *
 * @module
 */

/** A frame with its number in its last four bytes, so that each is told from every other. */
export function frameOf(
  dst: string,
  src: string,
  options: { number?: number; bytes?: number; vid?: number } = {},
): Uint8Array {
  const { number = 0, bytes = 64, vid } = options;
  const frame = new Uint8Array(bytes);
  const octets = `${dst}:${src}`.split(":").map((octet) => parseInt(octet, 16));
  const type = vid === undefined ? [0x08, 0x00] : [0x81, 0x00, vid >> 8, vid & 0xff, 0x08, 0x00];
  frame.set([...octets, ...type].slice(0, bytes));
  if (bytes >= 22) new DataView(frame.buffer).setUint32(bytes - 4, number);
  return frame;
}

/** Numbers of frames made by {@linkcode frameOf}. */
export function numbersOf(frames: readonly Uint8Array[]): number[] {
  return frames.map((frame) =>
    new DataView(frame.buffer, frame.byteOffset).getUint32(frame.length - 4)
  );
}

/** A station's address. */
export function mac(n: number): string {
  return `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;
}

/** Everybody's address. */
export const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** `from`, `from + 1`, ... `to - 1`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
