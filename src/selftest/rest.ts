/**
 * Whether the loop may sleep: events that come again and again while nothing changes.
 *
 * Readiness is level-triggered, so a descriptor that counts as ready while nothing can be done with it is reported by
 * every wait, and a switch that does its best burns a core. One report is an event, a few are chance.
 *
 * @module
 */
import { type Bench, ProbeError } from "./probe.ts";

/** How long is waited, in milliseconds. */
const LOOK_MS = 20;
/** Most reports. Darwin tells of room once, when a single byte is free. */
const FEW = 3;

/**
 * Wait a while in which nothing happens, and try at each report what the switch would try.
 *
 * @param what the report, in words: "a full peer was told as writable"
 * @returns how many reports there were
 * @throws ProbeError when there were more than a few
 */
export function mustRest({ kernel }: Bench, retry: () => void, what: string): number {
  const end = kernel.now() + LOOK_MS;
  let reports = 0;
  for (let left = LOOK_MS; left > 0; left = end - kernel.now()) {
    if (kernel.wait(left * 1000) === 0) continue;
    retry();
    if (++reports <= FEW) continue;
    throw new ProbeError(
      `${what} ${reports} times in a row while nothing had changed: the loop would spin`,
    );
  }
  return reports;
}
