/**
 * What it costs to look at a frame. Time is per iteration; the name says of how many frames.
 *
 * @module
 */
import { vidOf } from "../../src/frame/dot1q.ts";
import {
  dstHigh,
  dstLow,
  ETHERTYPE,
  isBadSource,
  isGroup,
  isReserved,
  srcHigh,
} from "../../src/frame/ethernet.ts";
import { numbers } from "./scene.ts";

const FRAMES = 1000, BYTES = 64;
const view = new DataView(new ArrayBuffer(FRAMES * BYTES));
const next = numbers(1);
for (let at = 0; at < view.byteLength; at += 4) view.setInt32(at, next());
/** Results go somewhere, or there would be nothing to measure. */
const sum = new Int32Array(1);

Deno.bench(`Ethernet header parsed, ${FRAMES} frames`, () => {
  let all = 0;
  for (let at = 0; at < FRAMES * BYTES; at += BYTES) {
    const word0 = view.getInt32(at), word1 = view.getInt32(at + 4), word2 = view.getInt32(at + 8);
    const vid = vidOf(view, view.getUint16(at + ETHERTYPE), at, BYTES);
    if (isBadSource(word1, word2)) continue;
    if (isGroup(word0) && isReserved(word0, word1)) continue;
    all ^= (vid << 16 | srcHigh(word1)) ^ word2 ^ dstHigh(word0) ^ dstLow(word0, word1);
  }
  sum[0] = all;
});
