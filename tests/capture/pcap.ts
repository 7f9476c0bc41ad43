/**
 * A capture file (libpcap's classic format, draft-ietf-opsawg-pcap) of Ethernet frames.
 *
 * @module
 */
import { concat } from "../support/packet.ts";

const MAGIC = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;
/** Longest frame kept: more than any. */
const SNAP_BYTES = 262_144;

/** The bytes of a capture file with these frames, one microsecond apart. */
export function capture(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(head(), ...frames.map(record));
}

/** A capture file that grows until it is long enough. */
export class CaptureFile {
  readonly #file: Deno.FsFile;
  #frames = 0;
  #room: number;

  /** @param most bytes of frames it keeps */
  constructor(path: string, most: number) {
    this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
    this.#room = most;
    this.#file.writeSync(head());
  }

  /** Whether it keeps another frame. */
  get hasRoom(): boolean {
    return this.#room > 0;
  }

  add(frame: Uint8Array): void {
    this.#room -= frame.length;
    this.#file.writeSync(record(frame, this.#frames++));
  }
}

function head(): Uint8Array {
  return words(MAGIC, (2 << 16) | 4, 0, 0, SNAP_BYTES, LINKTYPE_ETHERNET);
}

function record(frame: Uint8Array, i: number): Uint8Array<ArrayBuffer> {
  return concat(words(Math.floor(i / 1e6), i % 1e6, frame.length, frame.length), frame);
}

/** The frames of a capture file of this machine's byte order, or the other. */
export function framesOf(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = view.getUint32(0) !== MAGIC;
  const frames: Uint8Array[] = [];
  for (let at = 24; at + 16 <= file.length;) {
    const length = view.getUint32(at + 8, little);
    frames.push(file.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, i) => new DataView(bytes.buffer).setUint32(i * 4, value));
  return bytes;
}
