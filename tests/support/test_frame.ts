/**
 * Frames that prove themselves: who sent which to whom, how long it is, and every byte in between.
 *
 * ```
 *  0    6    12      14    18      22
 *  dst  src  0x88b5  seq   length  bytes that follow from seq
 * ```
 * 0x88b5 is IEEE 802's "local experimental" ethertype.
 *
 * @module
 */

/** Shortest test frame: its header. */
export const SHORTEST = 60;
/** Destination of a frame for everybody. */
export const EVERYBODY = 0xffff;

const HEADER = 22;
const ETHERTYPE = 0x88b5;

/** What a test frame says of itself. */
export interface TestFrame {
  /** Number of the sender and receiver; see {@linkcode makeFrame}. */
  readonly from: number;
  readonly to: number;
  readonly seq: number;
  readonly length: number;
}

/** Make a frame; stations have numbers (02:00:00:00:HH:LL), {@linkcode EVERYBODY} is the broadcast address. */
export function makeFrame({ from, to, seq, length }: TestFrame): Uint8Array {
  const frame = new Uint8Array(length);
  const view = new DataView(frame.buffer);
  putStation(view, 0, to);
  putStation(view, 6, from);
  view.setUint16(12, ETHERTYPE);
  view.setUint32(14, seq);
  view.setUint32(18, length);
  for (let i = HEADER; i < length; i++) frame[i] = fill(seq, i);
  return frame;
}

/** @throws Error when a frame is not exactly as {@linkcode makeFrame} made it */
export function readFrame(frame: Uint8Array): TestFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.byteLength < HEADER || view.getUint16(12) !== ETHERTYPE) {
    throw new Error(`Not a test frame: ${frame.byteLength} bytes, ${frame.subarray(0, 32)}`);
  }
  const seq = view.getUint32(14), length = view.getUint32(18);
  if (length !== frame.byteLength) {
    throw new Error(`Frame ${seq} was sent with ${length} bytes and arrived with ${frame.length}`);
  }
  for (let i = HEADER; i < length; i++) {
    if (frame[i] !== fill(seq, i)) throw new Error(`Byte ${i} of frame ${seq} was changed`);
  }
  return { from: view.getUint16(10), to: view.getUint16(4), seq, length };
}

function putStation(view: DataView, at: number, station: number): void {
  view.setUint16(at, station === EVERYBODY ? 0xffff : 0x0200);
  view.setUint16(at + 2, station === EVERYBODY ? 0xffff : 0);
  view.setUint16(at + 4, station);
}

function fill(seq: number, i: number): number {
  return (seq * 31 + i) & 0xff;
}
