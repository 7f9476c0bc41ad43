/**
 * Counters: the engine counts instead of logging.
 *
 * One row of numbers a port. The engine counts in a private Float64Array (a module-level `let` that
 * outgrows a small integer cost 160 ns a frame instead of 52) and publishes a copy to shared memory when
 * it goes idle and at most every {@linkcode PUBLISH_MS}; a sequence number lets the main thread take a
 * consistent snapshot without a lock.
 *
 * Every frame is accounted for: over all rows
 * `rx + copies + segments + merges = tx + (every drop) + queued + segmented + merged`, where `copies` is
 * what flooding added, and a frame that is cut or put together ends and others begin in its place.
 * The row of a `clients=many` port holds the sum of its clients that have left.
 *
 * @module
 */

/** Why a frame was dropped. The order is the order of the columns; append only. */
export const DROP_REASONS = [
  /** ingress: shorter than an Ethernet header */
  "runt",
  /** ingress or egress: longer than the port's max-frame */
  "oversize",
  /** ingress: source address is a group address or zero */
  "bad-source",
  /** ingress: link-local group address a bridge must not forward (IEEE 802.1D 7.12.6) */
  "reserved",
  /** ingress: destination is behind the port it came from */
  "hairpin",
  /** ingress: no other port is up */
  "nowhere",
  /** egress: the VM does not take frames and its queue is full */
  "queue-full",
  /** egress: the VM went away with frames still queued for it */
  "peer-gone",
  /** egress: the kernel refused this frame (EMSGSIZE: longer than the send buffer allows) */
  "refused",
  /** ingress: a datagram from somebody who is not the port's peer */
  "stranger",
  /** ingress: read while the port was being closed */
  "closing",
  /** ingress: the stream ended inside this frame */
  "cut",
  /** ingress: more flooded frames than a port may cause (storm.ts) */
  "storm",
  /** ingress: a vnet header that contradicts its frame */
  "bad-vnet",
  /** ingress: something left unfinished that the port does not declare */
  "undeclared",
  /** egress: longer than this VM takes, and it cannot be cut */
  "unsegmentable",
  /** egress: a frame to be cut whose finished checksum is wrong */
  "bad-checksum",
  /** egress: waited for 2.5 to 5 s for a VM that does not take frames */
  "expired",
] as const;
/** One of the {@linkcode DROP_REASONS}. */
export type DropReason = typeof DROP_REASONS[number];

/** Column of each counter. */
export const Column = {
  rxFrames: 0,
  rxBytes: 1,
  rxCalls: 2,
  txFrames: 3,
  txBytes: 4,
  txCalls: 5,
  /** Frames flooding made beyond the one received; -1 + copies for each flooded frame. */
  copies: 6,
  /** Sends that found the VM full and were tried again. */
  retries: 7,
  /** Frames now in the egress queue. Parked frames of a paused ingress are not received yet. */
  queued: 8,
  /** Most bytes the egress queue ever held. */
  queueHigh: 9,
  /** MAC addresses now known behind the port. */
  macs: 10,
  /** Addresses not learned because of max-macs. */
  macsRefused: 11,
  /** MAC addresses that moved to this port from another. */
  macMoves: 12,
  /** Times the port was paused for a full egress. */
  pauses: 13,
  /** Clients that came. */
  clients: 14,
  /** Frames of this port that now wait for a full egress (full=pause). */
  parked: 15,
  // What was decided at egress for the frames of this VM. They are counted then, so also those that are queued, and
  // those that end as queue-full, refused, peer-gone or closing; only when ports agree, so that nothing has to be
  // decided, frames whose send finds the VM gone are not. What the decision itself drops (oversize, unsegmentable,
  // bad-checksum) is in none of these.
  /**
   * Frames that go on as one frame, their TCP or UDP checksum not completed for this VM: as they came, or with
   * another vnet header or none, a lowered MSS, a completed IPv4 header checksum, or, large and for a VM with a vnet
   * header, with the seed of their checksum instead of the checksum.
   */
  passed: 16,
  /**
   * Frames that go on as one frame, their TCP or UDP checksum completed for this VM. Except for large frames this is
   * done in place: the VMs that a flooded frame goes to after that find it finished.
   */
  filled: 17,
  /** Frames that were cut for this VM, none of them filled or passed ... */
  segmented: 18,
  /** ... and the frames they became, also those that are then dropped. */
  segments: 19,
  /** Frames that were put together with others for this VM, none of them filled or passed ... */
  merged: 20,
  /** ... and the frames they became, also those that are then dropped. */
  merges: 21,
  /** Times the VM took no more frames, so that some had to wait ... */
  fulls: 22,
  /** ... how many of them are over, ... */
  fullsOver: 23,
  /** ... how long those were in sum, in milliseconds, ... */
  fullMs: 24,
  /** ... and the longest of them. */
  fullMost: 25,
  /** First of the drop columns, in the order of {@linkcode DROP_REASONS}. */
  drops: 26,
} as const;

/** Columns that are no sums but the most there ever was. */
const MOST = [Column.queueHigh, Column.fullMost];

/** Columns of a row. */
export const COLUMNS = 64;
/** Most ports, listeners included: rows of the table. */
export const ROWS = 1024;
/** Shortest time between two publications, in milliseconds. */
export const PUBLISH_MS = 20;

/** Looks at the counters before one is taken that may be torn; one in thousands is, see {@linkcode PUBLISH_MS}. */
const READ_TRIES = 100_000;

/** Column of a drop reason. */
export function dropColumn(reason: DropReason): number {
  return Column.drops + DROP_REASONS.indexOf(reason);
}

/** Bytes of the shared table: a sequence word (padded to 8 bytes), then {@linkcode ROWS} rows of float64. */
export const SHARED_BYTES = 8 + ROWS * COLUMNS * 8;

/** The engine's side: counts privately, publishes copies. */
export class Counters {
  /** `cells[row * COLUMNS + column]`; the engine adds to it directly. */
  readonly cells: Float64Array = new Float64Array(ROWS * COLUMNS);
  readonly #sequence: Int32Array;
  readonly #shared: Float64Array;
  #rows = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#sequence = new Int32Array(shared, 0, 2);
    this.#shared = new Float64Array(shared, 8);
  }

  /** Make rows below `rows` part of each publication. */
  cover(rows: number): void {
    if (rows > this.#rows) this.#rows = rows;
  }

  /** Zero a row for a new owner. */
  clear(row: number): void {
    this.cells.fill(0, row * COLUMNS, (row + 1) * COLUMNS);
  }

  /**
   * Add everything `row` counted to `into` and zero it: a client has left and its listener keeps the sum.
   * High-water marks keep the larger of both; levels (queued, macs) are already zero.
   */
  fold(row: number, into: number): void {
    const from = row * COLUMNS, to = into * COLUMNS;
    const most = MOST.map((c) => Math.max(this.cells[from + c], this.cells[to + c]));
    for (let c = 0; c < COLUMNS; c++) this.cells[to + c] += this.cells[from + c];
    MOST.forEach((c, i) => this.cells[to + c] = most[i]);
    this.clear(row);
  }

  /** Copy the counters to shared memory; a reader sees all of it or none. */
  publish(): void {
    Atomics.add(this.#sequence, 0, 1); // odd: being written
    this.#shared.set(this.cells.subarray(0, this.#rows * COLUMNS));
    Atomics.add(this.#sequence, 0, 1);
  }
}

/** The main thread's side: a consistent copy of rows 0 .. rows-1, `snapshot[row * COLUMNS + column]`. */
export function readCounters(shared: SharedArrayBuffer, rows: number): Float64Array {
  const sequence = new Int32Array(shared, 0, 2);
  const cells = new Float64Array(shared, 8, rows * COLUMNS);
  for (let tries = 0;; tries++) {
    const before = Atomics.load(sequence, 0);
    const copy = cells.slice();
    const whole = (before & 1) === 0 && Atomics.load(sequence, 0) === before;
    // An engine that died while it published leaves an odd number for ever.
    if (whole || tries === READ_TRIES) return copy;
  }
}
