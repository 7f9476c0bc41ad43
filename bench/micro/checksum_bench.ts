/**
 * The Internet checksum, by length: of the smallest frame, of a full segment, of the longest packet. Time
 * is per iteration; the name says of how many bytes. Target: 8 GB/s at 1448 bytes and above.
 *
 * The frames of one iteration lie one behind the other at odd offsets, as in a stream, and fit the second
 * level of the cache: a frame that is summed has just been received.
 *
 * @module
 */
import { fold, replace, sum } from "../../src/frame/checksum.ts";
import { numbers } from "./scene.ts";

const BYTES = 512 * 1024;
const view = new DataView(new ArrayBuffer(BYTES + 64));
const next = numbers(11);
for (let at = 0; at + 4 <= view.byteLength; at += 4) view.setInt32(at, next());
/** Results go somewhere, or there would be nothing to measure. */
const all = new Int32Array(1);

/** Sums `total` bytes in frames of `length`. */
function sumAll(length: number, total: number): void {
  let result = 0;
  for (let at = 1, done = 0; done < total; done += length, at += length) {
    result ^= sum(view, at, length);
  }
  all[0] = result;
}

for (const length of [64, 512, 1448, 9000, 65_160]) {
  const total = Math.floor(BYTES / length) * length;
  const bench = `checksum of ${length} B, ${total} bytes`;
  Deno.bench(bench, () => sumAll(length, total));
}

const WORDS = 1000;
Deno.bench(`checksum carried over a changed word, ${WORDS} words`, () => {
  let checksum = 0x1234;
  for (let i = 0; i < WORDS; i++) checksum = replace(checksum, i, i * 7 & 0xffff);
  all[0] = checksum;
});
Deno.bench(`sum folded, ${WORDS} sums`, () => {
  let result = 0;
  for (let i = 0; i < WORDS; i++) result ^= fold(0xffff + i * 40);
  all[0] = result;
});
