/**
 * The virtio-net header in front of a frame (virtio 1.2, 5.1.6), as a plain object: the tests' own.
 *
 * @module
 */
import { internetSum } from "./packet.ts";

/** Its first ten bytes; the last two of twelve are the number of buffers, which is 1 or not said. */
export interface VnetHeader {
  readonly flags: number;
  readonly gsoType: number;
  readonly headerLength: number;
  readonly gsoSize: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
}

/** Flag: the checksum is to be finished from `checksumStart` to the end. */
export const NEEDS_CSUM = 1;
/** Segmentation of TCP over IPv4 and IPv6. */
export const GSO_TCPV4 = 1, GSO_TCPV6 = 4;
/** Bytes of the header of VIRTIO_F_VERSION_1. */
export const VNET_BYTES = 12;

/** A header that says nothing. */
export const NO_OFFLOAD: VnetHeader = {
  flags: 0,
  gsoType: 0,
  headerLength: 0,
  gsoSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

/** Put a header of {@linkcode VNET_BYTES} in front of a frame. */
export function withVnet(header: VnetHeader, frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(VNET_BYTES + frame.length), view = new DataView(bytes.buffer);
  view.setUint8(0, header.flags);
  view.setUint8(1, header.gsoType);
  view.setUint16(2, header.headerLength, true);
  view.setUint16(4, header.gsoSize, true);
  view.setUint16(6, header.checksumStart, true);
  view.setUint16(8, header.checksumOffset, true);
  bytes.set(frame, VNET_BYTES);
  return bytes;
}

/** Take header and frame apart; the frame is a copy. */
export function splitVnet(bytes: Uint8Array): { header: VnetHeader; frame: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = {
    flags: view.getUint8(0),
    gsoType: view.getUint8(1),
    headerLength: view.getUint16(2, true),
    gsoSize: view.getUint16(4, true),
    checksumStart: view.getUint16(6, true),
    checksumOffset: view.getUint16(8, true),
  };
  return { header, frame: bytes.slice(VNET_BYTES) };
}

/**
 * Finish the checksum as the header asks, in place, as a network card does: blindly, from what stands in
 * the field, so that a wrong start shows as a wrong checksum.
 */
export function finishChecksum(header: VnetHeader, frame: Uint8Array): void {
  if ((header.flags & NEEDS_CSUM) === 0) return;
  const checksum = 0xffff - internetSum(frame.subarray(header.checksumStart));
  const isUdp = header.checksumOffset === 6;
  new DataView(frame.buffer, frame.byteOffset)
    .setUint16(
      header.checksumStart + header.checksumOffset,
      isUdp && checksum === 0 ? 0xffff : checksum,
    );
}
