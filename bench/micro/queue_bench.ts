/**
 * A frame that has to wait: copied in, looked up, removed. Time is per iteration; the name says of how
 * many frames.
 *
 * @module
 */
import { FrameQueue } from "../../src/engine/queue.ts";
import { openArena } from "./scene.ts";

const FRAMES = 64;
const arena = openArena();
const source = arena.take(1 << 17);
const at = new Int32Array(FRAMES), length = new Int32Array(FRAMES);

for (const bytes of [64, 1514, 65_000]) {
  const frames = bytes > 10_000 ? 8 : FRAMES;
  const queue = new FrameQueue(arena, 1 << 20, 0);
  queue.put(source, bytes); // one frame stays, so that the ring is gone round
  Deno.bench(`queue put, peek and drop at ${bytes} bytes, ${frames} frames`, () => {
    for (let i = 0; i < frames; i++) queue.put(source, bytes);
    queue.peek(at, length, frames);
    queue.drop(frames);
  });
}
