/**
 * The traffic of one cell of the matrix: TCP flows and UDP datagrams, over IPv4 and IPv6, tagged and not, in
 * the shape a sender of that kind gives them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { filler, type PacketShape, tcpFrame, type TcpShape, udpFrame } from "../offload/frames.ts";
import { readPacket, type SeenPacket } from "../support/packet.ts";
import type { Kind } from "./player.ts";

/** Payload of a segment: an MTU of 1500, timestamps. */
const SEGMENT = { 4: 1448, 6: 1428 } as const;
/** Segments of a flow, the last one shorter, and how many of them a sender with TSO puts into one frame. */
const SEGMENTS = 60, AT_ONCE = 44;
const LAST = 333;
/** No-operation twice, then a timestamp that does not change. */
const TIMESTAMP = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];
const ACK = 0x10, PSH = 8;
/** VLAN of the tagged flows. */
export const VLAN = 100;
/** The first sequence number: it wraps in the middle of a flow. */
const FIRST = 0x1_0000_0000 - 40_000;

/** One TCP flow. */
export interface Flow {
  readonly version: 4 | 6;
  readonly tags: readonly number[];
  /** Tells it from the others. */
  readonly port: number;
  readonly payload: Uint8Array;
}

/** A frame, and the size of the segments it is to be cut into, or 0. */
export interface Outgoing {
  readonly frame: Uint8Array;
  readonly size: number;
}

/** The flows of a cell. */
export function flows(): Flow[] {
  return ([4, 6] as const).flatMap((version, i) =>
    [[], [0x8100_0000 + VLAN]].map((tags, j) => {
      const length = (SEGMENTS - 1) * SEGMENT[version] + LAST;
      return { version, tags, port: 1000 + i * 2 + j, payload: filler(length, i * 2 + j) };
    })
  );
}

/** The frames of a flow, as a sender of this kind makes them. */
export function* framesOf(flow: Flow, kind: Kind, from: number, to: number): Generator<Outgoing> {
  const { version, tags, port, payload } = flow;
  const size = SEGMENT[version], step = kind.tso.includes(version) ? size * AT_ONCE : size;
  for (let at = 0, id = 1; at < payload.length; at += step, id += step / size) {
    const isLast = at + step >= payload.length;
    const shape: TcpShape = {
      ...{ version, tags, from, to, id },
      fromPort: port,
      seq: (FIRST + at) % 0x1_0000_0000,
      flags: isLast ? ACK | PSH : ACK,
      tcpOptions: TIMESTAMP,
      payload: payload.subarray(at, at + step),
      checksum: kind.csum ? "partial" : "full",
    };
    yield { frame: tcpFrame(shape), size: step > size && at + size < payload.length ? size : 0 };
  }
}

/** Datagrams, from empty to long, one of them with the sum that UDP may not write as it is (RFC 768). */
export function datagrams(kind: Kind, from: number, to: number): Uint8Array[] {
  return ([4, 6] as const).flatMap((version) => {
    const shape: PacketShape = { version, from, to, checksum: kind.csum ? "partial" : "full" };
    const payloads = [0, 1, 2, 999, 1400].map((length) => filler(length, length));
    return [...payloads, zeroing({ version, from, to })].map((payload) =>
      udpFrame({ ...shape, payload })
    );
  });
}

/** Two bytes of payload that make the checksum 0, which has to be written as 0xffff. */
function zeroing(shape: PacketShape): Uint8Array {
  const checksum = (payload: Uint8Array) => udpFrame({ ...shape, payload }).slice(-4, -2);
  // what two zero bytes leave as the checksum is what two other bytes have to add
  const payload = checksum(new Uint8Array(2));
  assertEquals([...checksum(payload)], [0xff, 0xff]);
  return payload;
}

/** Put a flow together from what arrived of it, each byte once and in order; the frames may be of any size. */
export function received(flow: Flow, packets: readonly SeenPacket[]): Uint8Array {
  const bytes = new Uint8Array(flow.payload.length);
  let at = 0;
  for (const { source, seq, payload, options } of packets) {
    if (source !== flow.port) continue;
    assertEquals((seq - FIRST) | 0, at, `place in flow ${flow.port} of ${bytes.length} bytes`);
    assertEquals([...options], TIMESTAMP);
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes.subarray(0, at);
}

/** The packets in frames; throws when there is none in one. */
export function packetsOf(frames: readonly Uint8Array[]): SeenPacket[] {
  return frames.map((frame) => {
    const packet = readPacket(frame);
    if (packet === undefined) throw new Error(`no packet in ${frame.subarray(0, 40).toHex()}`);
    return packet;
  });
}
