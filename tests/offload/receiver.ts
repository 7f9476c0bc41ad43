/**
 * What a VM makes of what is on its wire, the slow way: strip the header, finish what is unfinished, and
 * complain about everything its policy does not allow.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Policy } from "../../src/offload/policy.ts";
import { complement, onesSum } from "./naive_checksum.ts";
import { naiveTcp, verifies } from "./naive_segment.ts";

const CSUM = 1, TSO4 = 2, TSO6 = 4, ECN = 32;

/** A TCP segment as its receiver sees it. */
export interface Segment {
  readonly frame: Uint8Array;
  readonly fromPort: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Uint8Array;
}

/** Offsets of the parts of a TCP frame over IPv4 or IPv6 without extension headers. */
export function layoutOf(
  frame: Uint8Array,
): { version: number; l3: number; l4: number; payload: number } {
  let l3 = 14;
  while (be16(frame, l3 - 2) === 0x8100) l3 += 4;
  const version = frame[l3] >> 4;
  const l4 = l3 + (version === 4 ? (frame[l3] & 15) * 4 : 40);
  return { version, l3, l4, payload: l4 + (frame[l4 + 12] >> 4) * 4 };
}

/** The segments a VM with `policy` gets from what is on its wire; throws when it could not use it. */
export function receive(wire: Uint8Array, policy: Policy): Segment[] {
  const frame = wire.slice(policy.vnetHdr), { version, l3, l4, payload } = layoutOf(frame);
  assert(frame.length <= policy.maxFrame, `${frame.length} bytes are more than the wire takes`);
  let size = 0;
  if (policy.vnetHdr !== 0) size = useHeader(wire.subarray(0, policy.vnetHdr), frame, policy);
  else if ((policy.accepts & CSUM) !== 0 && !policy.finish) finishSeed(frame, l3, l4);
  const takes = policy.accepts & (version === 4 ? TSO4 : TSO6),
    large = size > 0 ||
      (policy.vnetHdr === 0 && takes !== 0 && !policy.forwardSafe);
  if (!large && policy.forwardSafe) {
    assert(
      frame.length - l3 <= (policy.mtu || 1500),
      `${frame.length} bytes for mtu ${policy.mtu}`,
    );
  }
  assertEquals(ipEnd(frame, version, l3), frame.length, "the IP packet ends with the frame");
  if (version === 4) assertEquals(onesSum(frame.subarray(l3, l4)), 0xffff, "IPv4 header checksum");
  const frames = size > 0 && payload + size < frame.length ? naiveTcp(frame, size) : [frame];
  return frames.map(segmentOf);
}

/** Finish the frame as its vnet header says; returns the size of the segments it is to be cut into. */
function useHeader(header: Uint8Array, frame: Uint8Array, policy: Policy): number {
  const [flags, type] = header, { version, l4, payload } = layoutOf(frame);
  const size = le16(header, 4), start = le16(header, 6), offset = le16(header, 8);
  assertEquals(flags & ~1, 0, "only NEEDS_CSUM is ours to say");
  if (header.length === 12) assertEquals(le16(header, 10), 1, "buffers");
  if (flags === 1) {
    assert((policy.accepts & CSUM) !== 0, "an unfinished checksum");
    const field = start + offset, all = complement(onesSum(frame.subarray(start)));
    frame.set([all >> 8, all & 255], field);
  }
  if (type === 0) return 0;
  assertEquals(flags, 1, "a frame to be cut has an unfinished checksum");
  assertEquals(type & 0x7f, version === 4 ? 1 : 4, "GSO type");
  assert((policy.accepts & (version === 4 ? TSO4 : TSO6)) !== 0, "a frame to be cut");
  if ((frame[l4 + 13] & 0x80) !== 0) {
    assert((policy.accepts & ECN) !== 0, "CWR in a frame to be cut");
    assertEquals(type & 0x80, 0x80, "ECN bit");
  }
  assertEquals([start, offset], [l4, 16], "where the checksum is");
  assertEquals(le16(header, 2), payload, "header length");
  return size;
}

/** Finish a checksum that is a seed only, as a receiver does that knows no better than to look. */
function finishSeed(frame: Uint8Array, l3: number, l4: number): void {
  const length = frame.length - l4,
    addresses = frame[l3] >> 4 === 4
      ? frame.subarray(l3 + 12, l3 + 20)
      : frame.subarray(l3 + 8, l3 + 40);
  const seed = onesSum(addresses, [0, 6, length >> 8, length & 255]);
  if (be16(frame, l4 + 16) !== seed) return;
  const all = complement(onesSum(frame.subarray(l4)));
  frame.set([all >> 8, all & 255], l4 + 16);
}

function segmentOf(frame: Uint8Array): Segment {
  const { l4, payload } = layoutOf(frame);
  assert(verifies(frame, 6), "TCP checksum");
  return {
    frame,
    fromPort: be16(frame, l4),
    flags: frame[l4 + 13],
    seq: be16(frame, l4 + 4) * 65_536 + be16(frame, l4 + 6),
    payload: frame.subarray(payload),
  };
}

function ipEnd(frame: Uint8Array, version: number, l3: number): number {
  return version === 4 ? l3 + be16(frame, l3 + 2) : l3 + 40 + be16(frame, l3 + 4);
}

function be16(bytes: Uint8Array, at: number): number {
  return bytes[at] << 8 | bytes[at + 1];
}

function le16(bytes: Uint8Array, at: number): number {
  return bytes[at + 1] << 8 | bytes[at];
}
