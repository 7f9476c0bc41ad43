/**
 * What came of a burst of TCP segments, Linux's and ours, side by side.
 *
 * Which connection's frames leave first is nobody's promise, so each connection is compared by itself, and
 * where Linux sees several flows in one, each of those.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { naiveTcp, verifies } from "../offload/naive_segment.ts";
import { assertFrames } from "../offload/segment_lab.ts";
import { finishChecksum, NO_OFFLOAD, splitVnet, withVnet } from "../support/vnet_header.ts";
import { endOf, l3Of, l4Of, versionOf } from "./layout.ts";

const TCP = 6, IPV4_BYTES = 20, IPV6_BYTES = 40;

/**
 * Where we mean to differ from Linux, and why; told by the segments of a connection and what we made of them,
 * each with its vnet header.
 */
export const DIFFERENCES: ReadonlyArray<{
  readonly reason: string;
  explains(segments: readonly Uint8Array[], ours: readonly Uint8Array[]): boolean;
}> = [
  {
    reason:
      "Linux lets segments with other options, another flow label or a bad checksum pass those of their " +
      "connection that it holds; we keep the order",
    explains: (segments) => new Set(segments.map(flowOf)).size > 1,
  },
  {
    reason:
      "segments with the same ID are one frame inside of Linux, and cut again when they leave it; " +
      "here the second may begin another",
    explains: (segments) => {
      const ids = segments.map((wire) => idOf(frameOf(wire)));
      return ids.some((id, i) => i > 0 && id === ids[i - 1]);
    },
  },
  {
    reason: "Linux puts any number of segments into a frame; a message to a port has a limit",
    explains: (segments) => segments.length > 128,
  },
  {
    reason:
      "Linux cuts what it coalesced again if the frame is longer than 65,535 bytes, though the packet is not",
    explains: (_, ours) => ours.some((wire) => frameOf(wire).length > 65_535),
  },
];

/** The best judgement there is. */
export const COALESCED = "coalesced as by Linux";

/** How connections were judged: how many are the same, and for how many there was which reason. */
export type Tally = Map<string, number>;

/**
 * Fails unless each connection has become the same frames, or there is a reason for the difference; and unless
 * what we made of it, cut again, is what came in.
 */
export function assertMerged(
  wires: readonly Uint8Array[],
  ours: readonly Uint8Array[],
  linux: readonly Uint8Array[],
  tally: Tally = new Map(),
): void {
  const [came, mine, theirs] = [wires, ours, linux].map((each) =>
    Map.groupBy(each.map(settled), (wire) => connectionOf(frameOf(wire)))
  );
  assertEquals([...mine.keys()].sort(), [...came.keys()].sort(), "connections");
  for (const [connection, segments] of came) {
    const reason = judge(segments, mine.get(connection)!, theirs.get(connection) ?? []);
    tally.set(reason, (tally.get(reason) ?? 0) + 1);
  }
}

/**
 * A frame and its vnet header without what is free to differ: a small frame is finished and its header says
 * nothing, the header of a large one has no hint and no number of buffers.
 */
export function settled(wire: Uint8Array): Uint8Array {
  const { header, frame } = splitVnet(wire);
  if (header.gsoType !== 0) return withVnet({ ...header, headerLength: 0 }, frame);
  finishChecksum(header, frame);
  return withVnet(NO_OFFLOAD, frame);
}

function judge(
  came: readonly Uint8Array[],
  mine: readonly Uint8Array[],
  theirs: readonly Uint8Array[],
): string {
  assertSameAgain(came, mine);
  try {
    const ours = Map.groupBy(mine, flowOf), linux = Map.groupBy(theirs, flowOf);
    assertEquals([...ours.keys()].sort(), [...linux.keys()].sort(), "flows");
    for (const [flow, frames] of linux) assertFrames(ours.get(flow)!, frames, "ours, Linux's");
    return mine.length < came.length ? COALESCED : "left alone as by Linux";
  } catch (error) {
    const difference = DIFFERENCES.find(({ explains }) => explains(came, mine));
    if (difference === undefined) throw error;
    return difference.reason;
  }
}

/** Fails unless what we made of a connection is what came, in order, when it is cut again. */
function assertSameAgain(came: readonly Uint8Array[], mine: readonly Uint8Array[]): void {
  const again: Uint8Array[] = [], expected = came.map(frameOf);
  for (const { header, frame } of mine.map(splitVnet)) {
    const isLarge = header.gsoType !== 0;
    if (isLarge) assertEquals(endOf(frame), frame.length, "the IP length of a large frame");
    for (const segment of isLarge ? naiveTcp(frame, header.gsoSize) : [frame]) {
      const other = expected[again.length];
      again.push(isLarge ? withoutUrgent(segment) : segment);
      if (isLarge && other !== undefined) expected[again.length - 1] = withoutUrgent(other);
    }
  }
  assertFrames(again, expected, "ours cut again, and what came");
}

/** A TCP frame without checksum and urgent pointer: of segments without URG, that of the first counts. */
function withoutUrgent(frame: Uint8Array): Uint8Array {
  const l4 = l4Of(frame);
  return frame.slice().fill(0, l4 + 16, l4 + 20);
}

/** Tags, addresses and ports, in text. */
function connectionOf(frame: Uint8Array): string {
  const l3 = l3Of(frame), l4 = l4Of(frame);
  const [from, to] = versionOf(frame) === 4 ? [12, IPV4_BYTES] : [8, IPV6_BYTES];
  const parts = [[0, l3], [l3 + from, l3 + to], [l4, l4 + 4]];
  return parts.map(([start, end]) => frame.subarray(start, end).toHex()).join(" ");
}

/**
 * What Linux tells flows of a connection apart by, in text: flow label, options or extension headers. Segments
 * with a bad checksum are none of theirs.
 */
function flowOf(wire: Uint8Array): string {
  const { header, frame } = splitVnet(wire);
  const l3 = l3Of(frame), bytes = versionOf(frame) === 4 ? IPV4_BYTES : IPV6_BYTES;
  const options = frame.subarray(l3 + bytes, l4Of(frame)).toHex();
  return `${labelOf(frame)} ${options}${header.gsoType === 0 && isBad(frame) ? " bad" : ""}`;
}

function frameOf(wire: Uint8Array): Uint8Array {
  return splitVnet(wire).frame;
}

function isBad(frame: Uint8Array): boolean {
  return !verifies(frame, TCP, endOf(frame));
}

/** ID of IPv4; NaN, which nothing is equal to, for IPv6. */
function idOf(frame: Uint8Array): number {
  const l3 = l3Of(frame);
  return versionOf(frame) === 4 ? frame[l3 + 4] << 8 | frame[l3 + 5] : NaN;
}

/** Flow label of IPv6; 0 for IPv4. */
function labelOf(frame: Uint8Array): number {
  const l3 = l3Of(frame);
  if (versionOf(frame) === 4) return 0;
  return (frame[l3 + 1] & 15) << 16 | frame[l3 + 2] << 8 | frame[l3 + 3];
}
