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
import { endOf, extensionsOf, l3Of, l4Of, versionOf } from "./layout.ts";

const TCP = 6;

/** Where we mean to differ from Linux, and why; by what is in a connection. */
const DIFFERENCES: ReadonlyArray<
  { readonly reason: string; explains(frames: readonly Uint8Array[]): boolean }
> = [
  {
    reason:
      "a segment that Linux does not look into, with options of IPv4 or a bad checksum, overtakes those of " +
      "its connection that are held; we keep the order",
    explains: (frames) => frames.some((frame) => isBad(frame) || hasOptions(frame)),
  },
  {
    reason: "IPv6 with extension headers is not coalesced here",
    explains: (frames) => frames.some((frame) => extensionsOf(frame).length > 0),
  },
  {
    reason:
      "two flow labels in a connection are two flows for Linux, and reorder it; we keep the order",
    explains: (frames) => new Set(frames.map(labelOf)).size > 1,
  },
];

/** The best judgement there is. */
export const COALESCED = "coalesced as by Linux";

/** How connections were judged: how many are the same, and for how many there was which reason. */
export type Tally = Map<string, number>;

/**
 * Fails unless each connection has become the same frames, or there is a reason for the difference and what
 * we made of it, cut again, is what came in.
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
  try {
    const ours = Map.groupBy(mine, flowOf), linux = Map.groupBy(theirs, flowOf);
    assertEquals([...ours.keys()].sort(), [...linux.keys()].sort(), "flows");
    for (const [flow, frames] of linux) assertFrames(ours.get(flow)!, frames, "ours, Linux's");
    return mine.length < came.length ? COALESCED : "left alone as by Linux";
  } catch (error) {
    const frames = came.map(frameOf);
    const difference = DIFFERENCES.find(({ explains }) => explains(frames));
    if (difference === undefined) throw error;
    assertFrames(
      mine.flatMap(cutAgain),
      frames,
      "what came, and what it is when ours is cut again",
    );
    return difference.reason;
  }
}

function cutAgain(wire: Uint8Array): Uint8Array[] {
  const { header, frame } = splitVnet(wire);
  return header.gsoType === 0 ? [frame] : naiveTcp(frame, header.gsoSize);
}

/** Tags, addresses and ports, in text. */
function connectionOf(frame: Uint8Array): string {
  const l3 = l3Of(frame), l4 = l4Of(frame);
  const [from, to] = versionOf(frame) === 4 ? [12, 20] : [8, 40];
  const parts = [[0, l3], [l3 + from, l3 + to], [l4, l4 + 4]];
  return parts.map(([start, end]) => frame.subarray(start, end).toHex()).join(" ");
}

/** What Linux tells flows of a connection apart by, and segments that are of none, in text. */
function flowOf(wire: Uint8Array): string {
  const { header, frame } = splitVnet(wire);
  const bad = header.gsoType === 0 && isBad(frame), options = hasOptions(frame);
  return `${labelOf(frame)}${bad ? " bad" : ""}${options ? " options" : ""}`;
}

function frameOf(wire: Uint8Array): Uint8Array {
  return splitVnet(wire).frame;
}

function isBad(frame: Uint8Array): boolean {
  return !verifies(frame, TCP, endOf(frame));
}

function hasOptions(frame: Uint8Array): boolean {
  return versionOf(frame) === 4 && l4Of(frame) > l3Of(frame) + 20;
}

/** Flow label of IPv6; 0 for IPv4. */
function labelOf(frame: Uint8Array): number {
  const l3 = l3Of(frame);
  if (versionOf(frame) === 4) return 0;
  return (frame[l3 + 1] & 15) << 16 | frame[l3 + 2] << 8 | frame[l3 + 3];
}
