/**
 * What Linux makes of frames and of bursts, as the tests want to see it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { splitVnet, withVnet } from "../support/vnet_header.ts";
import type { Opinions } from "../vectors/opinions.ts";
import { type Burst, wiresOf } from "./bursts.ts";
import { type Judge, VNET_BYTES } from "./judge.ts";

/** Bytes of the addresses in front of the tags, and of a tag. */
const ADDRESSES = 12, TAG = 4;

/** What Linux makes of a frame for a VM that takes nothing unfinished. */
export async function cutByLinux(
  judge: Judge,
  wire: Uint8Array,
): Promise<Pick<Opinions, "linux" | "refused">> {
  const { errors: [error], frames } = await judge.cut(wire);
  return { refused: error !== 0, linux: frames.map((frame) => frame.subarray(VNET_BYTES)) };
}

/**
 * What Linux makes of a burst for a VM that takes everything unfinished.
 *
 * A kernel that was built without 802.1Q does not look behind a tag when it coalesces. All frames of a burst
 * have the same tags: Linux is asked about the burst without them.
 */
export async function mergedByLinux(judge: Judge, burst: Burst): Promise<Uint8Array[]> {
  const { errors, frames } = await judge.merge(wiresOf({ ...burst, tags: [] }));
  assertEquals(errors.filter((error) => error !== 0), [], "errors of the kernel");
  return frames.map((wire) => tagged(wire, burst.tags));
}

/** The same frame with tags. */
function tagged(wire: Uint8Array, tags: readonly number[]): Uint8Array {
  const { header, frame } = splitVnet(wire), shift = tags.length * TAG;
  const bytes = new Uint8Array(frame.length + shift), view = new DataView(bytes.buffer);
  bytes.set(frame.subarray(0, ADDRESSES));
  tags.forEach((tag, i) => view.setUint32(ADDRESSES + i * TAG, tag));
  bytes.set(frame.subarray(ADDRESSES), ADDRESSES + shift);
  const { flags, checksumStart } = header;
  return withVnet(
    flags === 1 ? { ...header, checksumStart: checksumStart + shift } : header,
    bytes,
  );
}
