/**
 * The door for vnet headers, with frames at the very end of memory and headers as good drivers send them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Headers } from "../../src/frame/headers.ts";
import { acceptVnet, Verdict } from "../../src/offload/accept.ts";
import { FEATURE_NAMES, type Features } from "../../src/offload/features.ts";
import { NO_OFFLOAD, splitVnet, type VnetHeader, withVnet } from "../support/vnet_header.ts";
import { filler, l4Of, tcpPayloadOf, type TcpShape } from "./frames.ts";

/** All features. */
export const EVERYTHING: Features = (1 << FEATURE_NAMES.length) - 1;
/** GSO types. */
export const TCPV4 = 1, UFO = 3, TCPV6 = 4, USO = 5, ECN = 0x80;

const headers = new Headers();

/** What becomes of a frame behind a header, both at the very end of memory. */
export function accept(header: VnetHeader, frame: Uint8Array, sends = EVERYTHING) {
  const at = 3, wire = withVnet(header, frame), u8 = new Uint8Array(at + wire.length).fill(0xaa);
  u8.set(wire, at);
  const view = new DataView(u8.buffer);
  const verdict = acceptVnet(view, at, 12, at + 12, frame.length, sends, headers);
  assert(u8.subarray(0, at).every((byte) => byte === 0xaa), "a canary is dead");
  const after = u8.slice(at);
  if (verdict !== Verdict.OK) assertEquals(after, wire, "what is refused is left alone");
  else assertEquals([after[10], after[11]], [1, 0], "number of buffers");
  return { verdict, ...splitVnet(after) };
}

/** The verdict alone. */
export function verdictOf(
  header: Partial<VnetHeader>,
  frame: Uint8Array,
  sends?: Features,
): number {
  return accept({ ...NO_OFFLOAD, ...header }, frame, sends).verdict;
}

/** The header a good driver sends with a frame of this shape. */
export function gsoHeader(shape: TcpShape, gsoType: number, gsoSize: number): VnetHeader {
  const tcp = (gsoType & ~ECN) === TCPV4 || (gsoType & ~ECN) === TCPV6;
  return {
    ...{ flags: 1, gsoType, gsoSize },
    headerLength: tcp ? tcpPayloadOf(shape) : l4Of(shape) + 8,
    checksumStart: l4Of(shape),
    checksumOffset: tcp ? 16 : 6,
  };
}

/** Bytes for several segments. */
export const payload = filler(3500);
/** Packets to be cut, and the headers that go with them. */
export const tcp4 = { payload, checksum: "partial" } as const;
export const tcp6 = { ...tcp4, version: 6 } as const;
export const large4 = gsoHeader(tcp4, TCPV4, 1448), large6 = gsoHeader(tcp6, TCPV6, 1428);
export const uso = gsoHeader(tcp4, USO, 1000);
