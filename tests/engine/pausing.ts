/**
 * A lab with a slow VM, for the tests of pauses.
 *
 * @module
 */
import type { PortConfig } from "../../src/port/config.ts";
import { frameOf, mac } from "./frames.ts";
import { Lab } from "./lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

/** Longest pause of a test, unless it asks for another. */
export const PAUSE_MS = 100;

/** Port 0 is the slow VM, stations are behind the ports of their numbers. */
export function openPausing(
  count: number,
  options: Partial<PortConfig> = {},
): { lab: Lab; p: ScriptedPort[] } {
  const lab = new Lab();
  const pausing = { queue: 4096, full: "pause", pauseMs: PAUSE_MS } as const;
  const p = Array.from({ length: count }, () => lab.join({ ...pausing, ...options }));
  for (const port of p) lab.fdb.learn(0x5254, port.row, port.row, lab.seconds);
  p[0].room = 0;
  return { lab, p };
}

/** Frames with numbers from `first` on; 1000 bytes, so four fit into the queue. */
export function framesOf(to: number, from: number, first: number, count: number): Uint8Array[] {
  return Array.from(
    { length: count },
    (_, i) => frameOf(mac(to), mac(from), { number: first + i, bytes: 1000 }),
  );
}

/** Let the VM take everything from now on, and time pass until it has. */
export function recover(lab: Lab, port: ScriptedPort): void {
  port.room = Infinity;
  const until = lab.now + 20;
  while (lab.now < until) lab.wait(lab.now + 0.05);
}
