/**
 * The heart of the switch: learn the source, look up the destination, hand the frame on.
 *
 * Frames of one conversation come in runs: frames in a row with the same addresses and VLAN. A run is
 * decided once and handed on as a whole, so a frame costs four loads and compares and nothing else
 * (measured in bench/micro); learning once a run is as good as once a frame.
 *
 * @module
 */
import {
  dstHigh,
  dstLow,
  ETHERTYPE,
  isBadSource,
  isGroup,
  isReserved,
  srcHigh,
} from "../frame/ethernet.ts";
import { vidOf } from "../frame/dot1q.ts";
import type { Batch } from "../port/batch.ts";
import { MIN_FRAME } from "../port/config.ts";
import type { Port } from "../port/port.ts";
import { Column, COLUMNS, dropColumn, ROWS } from "./counters.ts";
import type { Egress } from "./egress.ts";
import { type Fdb, Learned, UNKNOWN } from "./fdb.ts";
import { meanPieces } from "../offload/pieces.ts";
import { Storm } from "./storm.ts";

/** Bytes of frames nobody has added up: more than any credit, so they are looked at one by one. */
const UNMEASURED = 0x3fff_ffff;
/** Decision: to every port but the one it came from. Others: a port's row, or the negated column of a drop. */
const FLOOD = -1;
const RUNT = dropColumn("runt");
const OVERSIZE = dropColumn("oversize");
const BAD_SOURCE = dropColumn("bad-source");
const RESERVED = dropColumn("reserved");
const HAIRPIN = dropColumn("hairpin");
const STORM = dropColumn("storm");
const NOWHERE = dropColumn("nowhere");

/** What forwarding needs of the loop. */
export interface ForwardHost {
  readonly view: DataView;
  /** The one ingress batch. */
  readonly batch: Batch;
  readonly fdb: Fdb;
  readonly cells: Float64Array;
  /** Egress of each row; rows without one are undefined. */
  readonly egress: readonly (Egress | undefined)[];
  /** Every egress a flood goes to. */
  readonly members: readonly Egress[];
  /** Milliseconds of this turn. */
  readonly now: number;
  /** Seconds, for learning. */
  readonly seconds: number;
  /** True when the sender shall wait for this egress rather than lose the frame. */
  mayPause(egress: Egress, ingress: Port): boolean;
  /** A port floods more than it may. */
  stormed(row: number): void;
  /** An address moved to `row`; the table knows from where. */
  moved(row: number, word1: number, word2: number): void;
}

/** Forwards batches; see the head of this file. */
export class Forwarder {
  readonly #host: ForwardHost;
  readonly #view: DataView;
  readonly #cells: Float64Array;
  readonly #storm = new Storm(ROWS);
  /** The egress that stopped the last {@linkcode forward}. */
  refusedBy: Egress | undefined;

  constructor(host: ForwardHost) {
    this.#host = host;
    this.#view = host.view;
    this.#cells = host.cells;
  }

  /**
   * Forward frames `from` .. of the batch, which came from `ingress`. Returns the index of the first
   * frame that has to wait for room at its egress (`full=pause`), or `batch.count` when all are done.
   */
  forward(ingress: Port, from: number): number {
    const batch = this.#host.batch;
    batch.policy = ingress.config;
    const view = this.#view, at = batch.at, length = batch.length, count = batch.count;
    const span = ingress.config.maxFrame - MIN_FRAME;
    let word0 = 0, word1 = 0, word2 = 0, vid = -1, decision = 0, start = from, bytes = 0, total = 0;
    for (let i = from; i < count; i++) {
      const frame = at[i], size = length[i];
      const fits = (size - MIN_FRAME) >>> 0 <= span; // one comparison for both ends
      const next0 = view.getInt32(frame), next1 = view.getInt32(frame + 4);
      const next2 = view.getInt32(frame + 8);
      const nextVid = vidOf(view, view.getUint16(frame + ETHERTYPE), frame, size);
      if (
        next0 !== word0 || next1 !== word1 || next2 !== word2 || nextVid !== vid || !fits
      ) {
        const done = this.#hand(decision, ingress, start, i, bytes);
        if (done < i) return this.#stopped(ingress, from, done);
        start = i, total += bytes, bytes = 0;
        word0 = next0, word1 = next1, word2 = next2, vid = fits ? nextVid : -1;
        decision = fits
          ? this.#decide(ingress.row, word0, word1, word2, vid)
          : size < MIN_FRAME
          ? -RUNT
          : -OVERSIZE;
      }
      bytes += size;
    }
    const done = this.#hand(decision, ingress, start, count, bytes);
    if (done < count) return this.#stopped(ingress, from, done);
    this.#received(ingress, count - from, total + bytes);
    return count;
  }

  /** The frame at `to` has to wait: only those before it were received. */
  #stopped(ingress: Port, from: number, to: number): number {
    const length = this.#host.batch.length;
    let bytes = 0;
    for (let i = from; i < to; i++) bytes += length[i];
    this.#received(ingress, to - from, bytes);
    return to;
  }

  #received(ingress: Port, frames: number, bytes: number): void {
    this.#cells[ingress.row * COLUMNS + Column.rxFrames] += frames;
    this.#cells[ingress.row * COLUMNS + Column.rxBytes] += bytes;
  }

  /** Hand on a run of frames with one decision; returns the index of the first that has to wait, or `to`. */
  #hand(decision: number, ingress: Port, from: number, to: number, bytes: number): number {
    if (from === to) return to;
    if (decision >= 0) return this.#unicast(decision, ingress, from, to, bytes);
    if (decision === FLOOD) this.#flood(ingress, from, to, bytes);
    else this.#cells[ingress.row * COLUMNS - decision] += to - from;
    return to;
  }

  /** Learn the source and choose where the frame goes. */
  #decide(row: number, word0: number, word1: number, word2: number, vid: number): number {
    if (isBadSource(word1, word2)) return -BAD_SOURCE;
    const { fdb } = this.#host;
    const tag = vid << 16;
    const learned = fdb.learn(tag | srcHigh(word1), word2, row, this.#host.seconds);
    if (learned === Learned.MOVED) this.#host.moved(row, word1, word2);
    else if (learned === Learned.REFUSED) this.#cells[row * COLUMNS + Column.macsRefused]++;
    if (isGroup(word0)) return isReserved(word0, word1) ? -RESERVED : FLOOD;
    const to = fdb.lookup(tag | dstHigh(word0), dstLow(word0, word1));
    return to === UNKNOWN ? FLOOD : to === row ? -HAIRPIN : to;
  }

  #unicast(to: number, ingress: Port, from: number, until: number, bytes: number): number {
    const egress = this.#host.egress[to]!;
    // What can stay where it is need not be copied to a queue first.
    if (
      egress.isBlocked && ingress.giveBack !== undefined && this.#host.mayPause(egress, ingress)
    ) {
      this.refusedBy = egress;
      return from;
    }
    let done = egress.push(from, until, bytes, ingress.config.maxFrame);
    while (done < until) {
      if (this.#host.mayPause(egress, ingress)) {
        this.refusedBy = egress;
        return done;
      }
      // Out of credit; a shorter frame further on may still fit.
      egress.dropFull();
      done = egress.push(done + 1, until, UNMEASURED, ingress.config.maxFrame);
    }
    return until;
  }

  /** Flooded frames never wait: one full VM must not hold back what is for all. */
  #flood(ingress: Port, from: number, until: number, bytes: number): void {
    const row = ingress.row, longest = ingress.config.maxFrame;
    const members = this.#host.members;
    const others = this.#host.egress[row] === undefined ? members.length : members.length - 1;
    const frames = until - from;
    if (others === 0) {
      this.#cells[row * COLUMNS + NOWHERE] += frames;
      return;
    }
    const copies = others * meanPieces(this.#view, this.#host.batch, from, until);
    const allowed = this.#storm.allowed(row, frames, copies, this.#host.now);
    if (allowed < frames) {
      this.#cells[row * COLUMNS + STORM] += frames - allowed;
      this.#host.stormed(row);
    }
    this.#cells[row * COLUMNS + Column.copies] += allowed * (others - 1);
    for (let m = 0; m < members.length; m++) {
      const egress = members[m];
      if (egress.row === row) continue;
      const last = from + allowed;
      let done = egress.push(from, last, allowed === frames ? bytes : UNMEASURED, longest);
      while (done < last) {
        egress.dropFull();
        done = egress.push(done + 1, last, UNMEASURED, longest);
      }
    }
  }
}
