/**
 * Another thread that writes to a guest's memory as fast as it can, while the switch reads it: what was checked may be
 * another thing a moment later.
 *
 * This file is both ends: what starts it, and the thread.
 *
 * @module
 */
import { openKernel } from "../../../src/platform/mod.ts";
import { Dice } from "./dice.ts";

/** What it writes. */
export interface Scribbling {
  readonly seed: number;
  /** Where in the file: offset and bytes. */
  readonly places: readonly (readonly [at: number, bytes: number])[];
  /** A good guest address, of which it makes better and worse ones. */
  readonly guest: number;
}

/** A scribbler that runs. */
export interface Scribbler {
  stop(): Promise<void>;
}

/** Start one, on a file of guest memory; it writes when this returns. */
export async function startScribbler(
  fd: number,
  bytes: number,
  scribbling: Scribbling,
): Promise<Scribbler> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(import.meta.url, { type: "module" });
  const heard = () => new Promise<void>((resolve) => worker.onmessage = () => resolve());
  const begun = heard();
  worker.postMessage({ fd, bytes, scribbling, flag });
  await begun;
  return {
    stop: async () => {
      const ended = heard();
      Atomics.store(flag, 0, 1);
      await ended;
      worker.terminate();
    },
  };
}

function scribble(u8: Uint8Array, { seed, places, guest }: Scribbling, flag: Int32Array): void {
  const dice = new Dice(seed), view = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
  const word = [
    () => dice.roll(2 ** 32),
    () => dice.roll(256),
    () => 1 << dice.roll(32),
    () => guest % 2 ** 32 + dice.roll(1 << 16),
    () => guest / 2 ** 32,
    () => dice.roll(8) | dice.roll(256) << 16,
  ];
  while (Atomics.load(flag, 0) === 0) {
    const [at, bytes] = dice.pick(places);
    view.setUint32(at + dice.roll(bytes >> 2) * 4, dice.pick(word)(), true);
  }
}

interface Task {
  readonly fd: number;
  readonly bytes: number;
  readonly scribbling: Scribbling;
  readonly flag: Int32Array;
}

// A window has a name, too; only the thread has nobody to call it.
if ("WorkerGlobalScope" in globalThis) {
  const self = globalThis as unknown as {
    onmessage: (event: MessageEvent<Task>) => void;
    postMessage(text: string): void;
  };
  self.onmessage = ({ data: { fd, bytes, scribbling, flag } }) => {
    const kernel = openKernel(1 << 20, 2 ** 34), sharing = kernel.sharing!;
    const at = sharing.map(fd, 0, bytes);
    self.postMessage("begun");
    scribble(new Uint8Array(kernel.arena.u8.buffer, at, bytes), scribbling, flag);
    sharing.unmap(at);
    kernel.dispose();
    self.postMessage("ended");
  };
}
