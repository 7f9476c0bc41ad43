/**
 * Counters as the JSON object users and programs read: `--stats-interval`, SIGUSR1 and the demo.
 *
 * Field names are stable; new ones may be added. Drop reasons appear once they happened, so a quiet
 * switch has short lines.
 *
 * @module
 */
import { Column, COLUMNS, DROP_REASONS } from "../engine/counters.ts";

/** Whose counters a row holds. */
export interface PortRow {
  readonly row: number;
  readonly name: string;
  readonly state: "waiting" | "up" | "closed";
}

/** Counters at one moment. */
export interface Snapshot {
  readonly time: Date;
  /** Milliseconds since the ports were opened. */
  readonly uptimeMs: number;
  readonly ports: readonly PortRow[];
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

/** One port of a {@linkcode StatsReport}; see `Column` in engine/counters.ts for what each counts. */
export interface PortReport {
  readonly name: string;
  readonly state: string;
  readonly rx: Direction;
  readonly tx: Direction;
  readonly drops: Drops;
  readonly copies: number;
  readonly retries: number;
  readonly queued: number;
  readonly queue_high: number;
  readonly macs: number;
  readonly macs_refused: number;
  readonly mac_moves: number;
  readonly pauses: number;
  readonly clients: number;
}

/** Sums over all ports, in frames. */
export interface TotalReport {
  readonly rx: number;
  readonly tx: number;
  readonly copies: number;
  readonly drops: number;
  readonly queued: number;
  /** Every frame is accounted for: rx + copies = tx + drops + queued. */
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
    ports: snapshot.ports.map((port) => portReport(snapshot.cells, port)),
    total: totalReport(snapshot.cells),
  };
}

function portReport(cells: Float64Array, { row, name, state }: PortRow): PortReport {
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
    queued: cell(Column.queued),
    queue_high: cell(Column.queueHigh),
    macs: cell(Column.macs),
    macs_refused: cell(Column.macsRefused),
    mac_moves: cell(Column.macMoves),
    pauses: cell(Column.pauses),
    clients: cell(Column.clients),
  };
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
  const sum = { rx: 0, tx: 0, copies: 0, drops: 0, queued: 0 };
  for (let row = 0; row * COLUMNS < cells.length; row++) {
    const at = row * COLUMNS;
    sum.rx += cells[at + Column.rxFrames];
    sum.tx += cells[at + Column.txFrames];
    sum.copies += cells[at + Column.copies];
    sum.queued += cells[at + Column.queued];
    for (let i = 0; i < DROP_REASONS.length; i++) sum.drops += cells[at + Column.drops + i];
  }
  return { ...sum, balanced: sum.rx + sum.copies === sum.tx + sum.drops + sum.queued };
}
