/**
 * Counters as the JSON object users and programs read: `--stats-interval`, SIGUSR1 and the demo.
 *
 * Field names are stable; new ones may be added. Drop reasons appear once they happened, so a quiet
 * switch has short lines.
 *
 * @module
 */
import { Column, COLUMNS, DROP_REASONS } from "../engine/counters.ts";
import type { OpenedPort } from "../engine/protocol.ts";
import type { Policy } from "../offload/policy.ts";
import { type OffloadFacts, offloadFacts } from "./offload_facts.ts";

/** Whose counters a row holds. */
export interface PortRow {
  readonly row: number;
  readonly name: string;
  readonly state: "waiting" | "up" | "closed";
  /** The policy in effect, as a guest negotiated it; without one that of the opened port. */
  readonly policy?: Policy | undefined;
}

/** Counters at one moment. */
export interface Snapshot {
  readonly time: Date;
  /** Milliseconds since the ports were opened. */
  readonly uptimeMs: number;
  readonly ports: readonly PortRow[];
  /** The ports that the rows are of, clients of a port included. */
  readonly opened: readonly OpenedPort[];
  /** `cells[row * COLUMNS + column]`, all rows: also those whose port is not known here yet. */
  readonly cells: Float64Array;
}

/** Frames, bytes and system calls in one direction. */
export interface Direction {
  readonly frames: number;
  readonly bytes: number;
  readonly calls: number;
}

/** Dropped frames by reason, and their sum. */
export type Drops = { readonly total: number } & { readonly [reason: string]: number };

/** The policy that decides what is done to frames; as in the ready line. */
export type PolicyReport = Pick<OffloadFacts, "asked" | "sends" | "accepts">;

/** Frames for a VM by what was done to them: `segmented` frames became `segments`, `merged` ones `merges`. */
export interface OffloadReport {
  readonly passed: number;
  readonly filled: number;
  readonly segmented: number;
  readonly segments: number;
  readonly merged: number;
  readonly merges: number;
}

/** How often a VM took no frames, how many of these times are over, and how long those were: in sum, and at most. */
export interface FullReport {
  readonly times: number;
  readonly over: number;
  readonly us: number;
  readonly most_us: number;
}

/** One port of a {@linkcode StatsReport}; see `Column` in engine/counters.ts for what each counts. */
export interface PortReport {
  readonly name: string;
  readonly state: string;
  readonly rx: Direction;
  readonly tx: Direction;
  readonly drops: Drops;
  readonly copies: number;
  readonly retries: number;
  readonly full: FullReport;
  readonly queued: number;
  readonly queue_high: number;
  readonly macs: number;
  readonly macs_refused: number;
  readonly mac_moves: number;
  readonly pauses: number;
  readonly clients: number;
  readonly offload: PolicyReport & OffloadReport;
}

/** Sums over all ports, in frames. */
export interface TotalReport {
  readonly rx: number;
  readonly tx: number;
  readonly copies: number;
  readonly drops: number;
  readonly queued: number;
  readonly segmented: number;
  readonly segments: number;
  readonly merged: number;
  readonly merges: number;
  /**
   * Every frame is accounted for: `rx + copies + segments + merges = tx + drops + queued + segmented + merged`. A
   * frame that is cut or put together ends, and those it becomes begin.
   */
  readonly balanced: boolean;
}

/** One statistics line. */
export interface StatsReport {
  readonly event: "stats";
  readonly time: string;
  readonly uptime_ms: number;
  readonly ports: readonly PortReport[];
  readonly total: TotalReport;
}

/** Make the report of a snapshot. */
export function statsReport(snapshot: Snapshot): StatsReport {
  return {
    event: "stats",
    time: snapshot.time.toISOString(),
    uptime_ms: Math.round(snapshot.uptimeMs),
    ports: snapshot.ports.map((port) => portReport(snapshot, port)),
    total: totalReport(snapshot.cells),
  };
}

function portReport({ cells, opened }: Snapshot, of: PortRow): PortReport {
  const { row, name, state } = of, { asked, policy } = portOf(name, opened);
  const { sends, accepts } = offloadFacts({ asked, policy: of.policy ?? policy });
  const cell = (column: number) => cells[row * COLUMNS + column];
  return {
    name,
    state,
    rx: {
      frames: cell(Column.rxFrames),
      bytes: cell(Column.rxBytes),
      calls: cell(Column.rxCalls),
    },
    tx: {
      frames: cell(Column.txFrames),
      bytes: cell(Column.txBytes),
      calls: cell(Column.txCalls),
    },
    drops: drops(cells, row),
    copies: cell(Column.copies),
    retries: cell(Column.retries),
    full: {
      times: cell(Column.fulls),
      over: cell(Column.fullsOver),
      us: Math.round(cell(Column.fullMs) * 1000),
      most_us: Math.round(cell(Column.fullMost) * 1000),
    },
    queued: cell(Column.queued),
    queue_high: cell(Column.queueHigh),
    macs: cell(Column.macs),
    macs_refused: cell(Column.macsRefused),
    mac_moves: cell(Column.macMoves),
    pauses: cell(Column.pauses),
    clients: cell(Column.clients),
    offload: {
      asked,
      sends,
      accepts,
      passed: cell(Column.passed),
      filled: cell(Column.filled),
      segmented: cell(Column.segmented),
      segments: cell(Column.segments),
      merged: cell(Column.merged),
      merges: cell(Column.merges),
    },
  };
}

/** The port a row is of: clients of `lan` are `lan.1`, `lan.2` and so on, and no other port is named like that. */
function portOf(name: string, opened: readonly OpenedPort[]): OpenedPort {
  const named = (wanted: string) => opened.find((port) => port.name === wanted);
  return (named(name) ?? named(name.slice(0, name.lastIndexOf("."))))!;
}

function drops(cells: Float64Array, row: number): Drops {
  const first = row * COLUMNS + Column.drops;
  const happened = DROP_REASONS.map((reason, i) => [reason, cells[first + i]] as const)
    .filter(([, frames]) => frames !== 0);
  const total = happened.reduce((sum, [, frames]) => sum + frames, 0);
  return { ...Object.fromEntries(happened), total };
}

/** Sums over rows and not over named ports: a client that came this very moment has frames before it has a name here. */
function totalReport(cells: Float64Array): TotalReport {
  const sum = (column: number): number => {
    let frames = 0;
    for (let at = column; at < cells.length; at += COLUMNS) frames += cells[at];
    return frames;
  };
  const drops = DROP_REASONS.reduce((all, _, i) => all + sum(Column.drops + i), 0);
  const frames = {
    rx: sum(Column.rxFrames),
    tx: sum(Column.txFrames),
    copies: sum(Column.copies),
    drops,
    queued: sum(Column.queued),
    segmented: sum(Column.segmented),
    segments: sum(Column.segments),
    merged: sum(Column.merged),
    merges: sum(Column.merges),
  };
  const begun = frames.rx + frames.copies + frames.segments + frames.merges;
  const ended = frames.tx + drops + frames.queued + frames.segmented + frames.merged;
  return { ...frames, balanced: begun === ended };
}
