/**
 * How many frames a frame may become: what a flood is charged for, before anybody knows who it goes to.
 *
 * @module
 */
import { HEADER_BYTES } from "../frame/ethernet.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import { LARGE } from "./features.ts";
import { DEFAULT_MTU, type Policy } from "./policy.ts";

/** Frames of a read, and the policy of the port they came by. */
interface Frames {
  readonly at: Int32Array;
  readonly length: Int32Array;
  readonly policy: Policy;
}

/**
 * How many frames each of frames `from` .. `to - 1` is cut into, in the mean and rounded up, for VMs with the usual
 * MTU; 1 when none is cut.
 */
export function meanPieces(view: DataView, frames: Frames, from: number, to: number): number {
  const { sends, vnetHdr } = frames.policy;
  if ((sends & LARGE) === 0) return 1;
  let pieces = 0;
  for (let i = from; i < to; i++) {
    const at = frames.at[i], length = frames.length[i];
    const size = vnetHdr === 0 ? DEFAULT_MTU + HEADER_BYTES : sizeOf(view, at - vnetHdr, length);
    pieces += Math.ceil(length / size);
  }
  return Math.max(1, Math.ceil(pieces / (to - from)));
}

/** Bytes of payload of each piece, as the vnet header at `hdr` says; all of `length` when it is not to be cut. */
function sizeOf(view: DataView, hdr: number, length: number): number {
  const isCut = view.getUint8(hdr + Vnet.GSO_TYPE) !== Gso.NONE;
  return isCut ? view.getUint16(hdr + Vnet.GSO_SIZE, true) : length;
}
