/**
 * Two opinions on one frame with a vnet header, for a VM that takes nothing unfinished: Linux's and ours.
 *
 * @module
 */
import { assert } from "@std/assert";
import { VERDICT_TEXTS } from "../../src/offload/accept.ts";
import { assertFrames } from "../offload/segment_lab.ts";
import { splitVnet, type VnetHeader } from "../support/vnet_header.ts";
import { DIFFERENCES } from "./differences.ts";
import type { Ours } from "./ours.ts";

/** What was made of the frame. */
export interface Opinions {
  readonly header: VnetHeader;
  readonly frame: Uint8Array;
  /** What our door says: a Verdict, 0 when it takes the frame. */
  readonly verdict: number;
  /** The frames we make of it; none when it is refused. */
  readonly ours: readonly Uint8Array[];
  /** The frames Linux makes of it, without vnet headers; none when it is refused, or dropped later. */
  readonly linux: readonly Uint8Array[];
  /** Linux refused it at once. */
  readonly refused: boolean;
}

/** How two opinions go together when they are the same. */
export const AGREED = { taken: "both take it", cut: "both cut it", refused: "both refuse it" };

/** Add our opinion to Linux's. */
export function compare(
  ours: Ours,
  wire: Uint8Array,
  linux: Pick<Opinions, "linux" | "refused">,
): Opinions {
  const verdict = ours.verdict(wire);
  return { ...splitVnet(wire), verdict, ours: verdict === 0 ? ours.cut(wire) : [], ...linux };
}

/** One of {@linkcode AGREED} or the reason of a difference; fails when there is no good one. */
export function judge(opinions: Opinions): string {
  const { ours, linux, verdict } = opinions;
  const agreed = ours.length === linux.length && ours.every((frame, i) => same(frame, linux[i]));
  if (agreed) {
    return ours.length > 1 ? AGREED.cut : ours.length === 1 ? AGREED.taken : AGREED.refused;
  }
  const difference = DIFFERENCES.find(({ explains }) => explains(opinions));
  if (difference) return difference.reason;
  const they = linux.length > 0 ? "takes" : opinions.refused ? "refuses" : "drops";
  assert(
    ours.length > 0 === linux.length > 0,
    `Linux ${they} what we find "${VERDICT_TEXTS[verdict]}"`,
  );
  assertFrames([...ours], [...linux], "ours, Linux's");
  throw new Error("unreachable: the frames differ");
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
