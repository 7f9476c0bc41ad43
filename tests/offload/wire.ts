/**
 * Frames as they are on the wire of a port: behind a vnet header that says what is unfinished, if it has one.
 *
 * @module
 */
import { Gso } from "../../src/frame/vnet.ts";
import type { VnetBytes } from "../../src/offload/policy.ts";
import {
  l4Of,
  type PacketShape,
  tcpFrame,
  tcpPayloadOf,
  type TcpShape,
  udpFrame,
  viewOf,
} from "./frames.ts";

/** CWR, which a frame to be cut says in its header, too. */
const CWR = 0x80;

/** A TCP frame; `size` bytes of payload for each segment, 0 when it is not to be cut. */
export function tcpWire(shape: TcpShape, vnet: VnetBytes, size = 0): Uint8Array {
  const type = shape.version === 6 ? Gso.TCPV6 : Gso.TCPV4;
  const gso = ((shape.flags ?? 0) & CWR) === 0 ? type : type | Gso.ECN;
  return behind(tcpFrame(shape), shape, vnet, [size === 0 ? Gso.NONE : gso, size], {
    offset: 16,
    headers: tcpPayloadOf(shape),
  });
}

/** A UDP frame, to be cut as `gso` says with `size` bytes for each piece. */
export function udpWire(
  shape: PacketShape,
  vnet: VnetBytes,
  gso: number = Gso.NONE,
  size = 0,
): Uint8Array {
  const headers = l4Of(shape) + 8;
  return behind(udpFrame(shape), shape, vnet, [gso, size], { offset: 6, headers });
}

/** Put a header in front of a frame: its checksum is as the shape has it. */
function behind(
  frame: Uint8Array,
  shape: PacketShape,
  vnet: VnetBytes,
  [gso, size]: [number, number],
  { offset, headers }: { offset: number; headers: number },
): Uint8Array {
  const wire = new Uint8Array(vnet + frame.length), view = viewOf(wire);
  wire.set(frame, vnet);
  if (vnet === 0) return wire;
  if (shape.checksum === "partial") {
    view.setUint8(0, 1);
    view.setUint16(6, l4Of(shape), true);
    view.setUint16(8, offset, true);
  }
  if (gso === Gso.NONE) return wire;
  view.setUint8(1, gso);
  view.setUint16(2, headers, true);
  view.setUint16(4, size, true);
  return wire;
}
