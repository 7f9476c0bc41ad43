/**
 * The virtio-net header in a ring: ten bytes, and two more with VERSION_1 or MRG_RXBUF (virtio 1.2, 5.1.6).
 *
 * @module
 */
import type { VnetHeader } from "../vnet_header.ts";
import { Feature, hasBit } from "./wire.ts";

/** Bytes of the header with these features. */
export function vnetBytes(features: bigint): number {
  return hasBit(features, Feature.VERSION_1) || hasBit(features, Feature.MRG_RXBUF) ? 12 : 10;
}

/** Write a header; what its last two bytes are nobody says when a guest sends. */
export function putVnet(view: DataView, header: VnetHeader): void {
  view.setUint8(0, header.flags);
  view.setUint8(1, header.gsoType);
  view.setUint16(2, header.headerLength, true);
  view.setUint16(4, header.gsoSize, true);
  view.setUint16(6, header.checksumStart, true);
  view.setUint16(8, header.checksumOffset, true);
}

/** Read a header. */
export function takeVnet(view: DataView): VnetHeader {
  return {
    flags: view.getUint8(0),
    gsoType: view.getUint8(1),
    headerLength: view.getUint16(2, true),
    gsoSize: view.getUint16(4, true),
    checksumStart: view.getUint16(6, true),
    checksumOffset: view.getUint16(8, true),
  };
}
