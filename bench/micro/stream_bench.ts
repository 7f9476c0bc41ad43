/**
 * A stream port: splitting what was read, gathering what is written. The kernel is instant. Time is per
 * iteration; the name says of how many frames.
 *
 * @module
 */
import { Ready } from "../../src/platform/kernel.ts";
import { HEADROOM, WINDOW_BYTES } from "../../src/port/batch.ts";
import { StreamPort } from "../../src/port/stream.ts";
import { InstantSwitch } from "./instant_kernel.ts";
import { benchConfig } from "./scene.ts";

/** A port of a switch of its own, whose every read finds as many frames of `bytes` bytes as fit. */
function open(bytes: number): { host: InstantSwitch; port: StreamPort; frames: number } {
  const host = new InstantSwitch();
  const port = new StreamPort(host, benchConfig("a"), "a", 0, 3, () => {});
  const record = bytes + HEADROOM, frames = Math.floor(WINDOW_BYTES / record);
  const { view } = host.kernel.arena;
  for (let i = 0; i < frames; i++) view.setUint32(host.memory.window + i * record, bytes);
  host.kernel.readBytes = frames * record;
  return { host, port, frames };
}

for (const bytes of [64, 1514]) {
  const { port, frames } = open(bytes);
  Deno.bench(`stream split of a full window of ${bytes}-byte frames, ${frames} frames`, () => {
    port.ready(Ready.READ);
  });
}

const { host: { kernel }, port } = open(64);

/** Offsets of `count` frames, each `gap` bytes behind the end of the one before. */
function lay(count: number, bytes: number, gap: number): { at: Int32Array; length: Int32Array } {
  const start = kernel.arena.take(count * (bytes + HEADROOM + gap));
  const at = Int32Array.from({ length: count }, (_, i) => {
    return start + i * (bytes + HEADROOM + gap) + HEADROOM;
  });
  for (const frame of at) kernel.arena.view.setUint32(frame - HEADROOM, bytes);
  return { at, length: new Int32Array(count).fill(bytes) };
}

for (const [what, count, gap] of [["one piece", 1024, 0], ["single pieces", 64, 100]] as const) {
  const { at, length } = lay(count, 64, gap);
  Deno.bench(`stream gather of 64-byte frames, ${what}, ${count} frames`, () => {
    port.tx(at, length, 0, count);
  });
}
