/**
 * What came of a burst of TCP segments, Linux's and ours, side by side.
 *
 * Which flow's frames leave first is nobody's promise, so each flow is compared by itself. A segment with a
 * bad checksum overtakes those of its flow that Linux holds: it is of no flow but its own.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { verifies } from "../offload/naive_segment.ts";
import { assertFrames } from "../offload/segment_lab.ts";
import {
  finishChecksum,
  NEEDS_CSUM,
  NO_OFFLOAD,
  splitVnet,
  withVnet,
} from "../support/vnet_header.ts";
import { endOf, l3Of, l4Of, versionOf } from "./layout.ts";

const TCP = 6;

/**
 * A frame and its vnet header without what is free to differ: a small frame is finished, its header says nothing; the
 * header of a large one has no hint, and no number of buffers.
 */
export function settled(wire: Uint8Array): Uint8Array {
  const { header, frame } = splitVnet(wire);
  if (header.gsoType !== 0) return withVnet({ ...header, headerLength: 0 }, frame);
  finishChecksum(header, frame);
  return withVnet(NO_OFFLOAD, frame);
}

/** Fails unless each flow has become the same frames. Returns how many frames are large. */
export function assertMerged(ours: readonly Uint8Array[], linux: readonly Uint8Array[]): number {
  const mine = byFlow(ours), theirs = byFlow(linux);
  assertEquals([...mine.keys()].sort(), [...theirs.keys()].sort(), "flows");
  for (const [flow, frames] of theirs) {
    assertFrames(mine.get(flow)!, frames, `flow ${flow}: ours, Linux's`);
  }
  return linux.filter((wire) => splitVnet(wire).header.gsoType !== 0).length;
}

function byFlow(wires: readonly Uint8Array[]): Map<string, Uint8Array[]> {
  return Map.groupBy(wires.map(settled), flowOf);
}

/** What Linux tells flows apart by, in text. */
function flowOf(wire: Uint8Array): string {
  const { header, frame } = splitVnet(wire);
  const l3 = l3Of(frame), l4 = l4Of(frame);
  const addresses = versionOf(frame) === 4
    // options keep an IPv4 packet away from the others
    ? `${l4 - l3} ${frame.subarray(l3 + 12, l3 + 20).toHex()}`
    : `${frame.subarray(l3 + 1, l3 + 4).toHex().slice(1)} ${
      frame.subarray(l3 + 8, l3 + 40).toHex()
    }`;
  const isBad = (header.flags & NEEDS_CSUM) === 0 && !verifies(frame, TCP, endOf(frame));
  const ethernet = frame.subarray(0, l3).toHex(), ports = frame.subarray(l4, l4 + 4).toHex();
  return `${ethernet} ${addresses} ${ports}${isBad ? " bad" : ""}`;
}
