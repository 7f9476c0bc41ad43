/**
 * Frames that are sound in themselves, with vnet headers that are not.
 *
 * @module
 */
import { tcpFrame, udpFrame } from "../../offload/frames.ts";
import { NEEDS_CSUM, VNET_BYTES } from "../../support/vnet_header.ts";
import type { Dice } from "./dice.ts";

export const BROADCAST = [255, 255, 255, 255, 255, 255];

/** A frame with TCP or UDP in it, perhaps large, to everybody or one of the stations 1 and 2. */
export function packet(dice: Dice, source: readonly number[]): Uint8Array {
  const payload = dice.bytes(dice.pick([0, 10, 100, 1400, 9000, 60_000]));
  const checksum = dice.pick(["partial", "full", "bad"] as const);
  const version = dice.pick([4, 6] as const), shape = { version, payload, checksum, to: 1 };
  const frame = dice.roll(3) === 0 ? udpFrame(shape) : tcpFrame({ ...shape, flags: 0x90 });
  frame.set(dice.pick([BROADCAST, [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]]));
  frame.set(source, 6);
  return frame;
}

/** A header of any bytes, or one that is nearly right. */
export function vnetHeader(dice: Dice, frame: Uint8Array): Uint8Array {
  if (dice.roll(3) === 0) return dice.bytes(VNET_BYTES);
  const header = new Uint8Array(VNET_BYTES), view = new DataView(header.buffer);
  header[0] = dice.pick([NEEDS_CSUM, NEEDS_CSUM, 0, 2, 4, 255]);
  header[1] = dice.pick([0, 1, 3, 4, 5, 0x81, 0x84, 0x7f]);
  view.setUint16(2, dice.pick([0, 54, 74, 42, 62, 65_535]), true);
  view.setUint16(4, dice.pick([0, 1, 8, 536, 1460, 65_535]), true);
  view.setUint16(6, dice.pick([34, 34, 54, 0, 33, frame.length, 65_535]), true);
  view.setUint16(8, dice.pick([16, 6, 0, frame.length, 65_534]), true);
  view.setUint16(10, dice.roll(65_536), true);
  return header;
}
