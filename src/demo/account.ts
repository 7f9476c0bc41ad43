/**
 * What the switch says it did, beside what the hosts know.
 *
 * @module
 */
import type { OffloadReport, StatsReport } from "../control/reports.ts";
import type { Host } from "./host.ts";

/** What was done to frames on their way, over all ports. */
export function workOf({ ports }: StatsReport): OffloadReport {
  const sum = (key: keyof OffloadReport) =>
    ports.reduce((all, { offload }) => all + offload[key], 0);
  return {
    passed: sum("passed"),
    filled: sum("filled"),
    segmented: sum("segmented"),
    segments: sum("segments"),
    merged: sum("merged"),
    merges: sum("merges"),
  };
}

/** The work between two moments, in words, each part with a comma behind it. */
export function describeWork(before: OffloadReport, after: OffloadReport): string {
  const done = (key: keyof OffloadReport) => after[key] - before[key];
  const text = (key: keyof OffloadReport) => done(key).toLocaleString("en");
  const parts: string[] = [];
  if (done("segmented") > 0) parts.push(`${text("segmented")} frames cut into ${text("segments")}`);
  if (done("filled") > 0) parts.push(`${text("filled")} checksums filled in`);
  if (done("merged") > 0) parts.push(`${text("merged")} frames merged into ${text("merges")}`);
  return parts.map((part) => `${part}, `).join("");
}

/** Frames the hosts sent and received. */
export function framesOf(hosts: readonly Host[]): { sent: number; received: number } {
  const sum = (of: (host: Host) => number) => hosts.reduce((all, host) => all + of(host), 0);
  return { sent: sum((host) => host.sent), received: sum((host) => host.received) };
}

/** Whether the switch and the hosts count alike, and every frame is accounted for. */
export function agree({ total }: StatsReport, hosts: readonly Host[]): boolean {
  const { sent, received } = framesOf(hosts);
  return total.balanced && total.rx === sent && total.tx === received;
}

/** The switch's account of all frames: what came in or was made, and where it went. */
export function describeAccount({ total }: StatsReport): string {
  const { rx, tx, drops, copies, queued, segmented, segments, merged, merges } = total;
  return `${rx} received + ${copies} copied + ${segments + merges} made = ` +
    `${tx} sent + ${segmented + merged} cut or merged + ${drops} dropped` +
    (queued === 0 ? "" : ` + ${queued} queued`);
}
