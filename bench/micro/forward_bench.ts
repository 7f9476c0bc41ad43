/**
 * The forward loop with egress, without system calls. Time is per iteration; the name says of how many
 * frames. Target: 50 ns a frame.
 *
 * @module
 */
import { Scene } from "./scene.ts";

const BYTES = 64;

/** A bench of `frames` frames a read, frame `i` for station `dst(i)`, in a switch with `ports` ports. */
function bench(what: string, ports: number, frames: number, dst: (i: number) => number): void {
  const scene = new Scene(ports);
  const { at } = scene.lay(frames, BYTES, dst);
  Deno.bench(`forward ${what}, ${frames} frames`, () => {
    scene.now += 1000; // the budget for floods comes back
    scene.forward(at, BYTES);
  });
}

for (const frames of [64, 1024]) {
  bench("one conversation", 2, frames, () => 1);
  bench("two conversations in turns", 3, frames, (i) => 1 + i % 2);
  bench("64 conversations in turns", 65, frames, (i) => 1 + i % 64);
  bench("flood to 8 ports", 9, frames, () => -1);
}
