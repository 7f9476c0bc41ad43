/**
 * A statistics line as a program outside of the switch reads it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

/** What tests look at of one port. */
export interface PortStats {
  readonly name: string;
  readonly rx: { readonly frames: number };
  readonly tx: { readonly frames: number };
  readonly drops: { readonly total: number } & { readonly [reason: string]: number };
  readonly copies: number;
  readonly queued: number;
  readonly offload: {
    readonly sends: readonly string[];
    readonly filled: number;
    readonly segmented: number;
    readonly segments: number;
    readonly merged: number;
    readonly merges: number;
  };
}

/** A statistics line. */
export interface StatsLine {
  readonly event: "stats";
  readonly ports: readonly PortStats[];
}

/** A sum over all ports. */
export function total(stats: StatsLine, of: (port: PortStats) => number): number {
  return stats.ports.reduce((sum, port) => sum + of(port), 0);
}

/**
 * Every frame that came in or was made, by flooding, cutting or merging, went out, was cut or merged, was
 * dropped, or waits; and some did come.
 */
export function assertBalanced(stats: StatsLine): void {
  const came = total(stats, ({ rx, copies, offload }) => {
    return rx.frames + copies + offload.segments + offload.merges;
  });
  const left = total(stats, ({ tx, drops, queued, offload }) => {
    return tx.frames + drops.total + queued + offload.segmented + offload.merged;
  });
  assert(came > 0, "no port has received a frame");
  assertEquals(came, left, JSON.stringify(stats.ports));
}
