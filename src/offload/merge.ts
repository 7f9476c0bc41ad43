/**
 * MERGE: segments of TCP connections that came in one batch go out as large frames, to VMs that take these.
 *
 * Nothing waits for a next batch, so merging costs no time. Up to {@linkcode FLOWS} connections may be
 * interleaved. An aggregate goes out in the place of its first segment, and a segment that cannot be appended
 * to the aggregate of its connection ends it: so no two frames of a connection change their order.
 *
 * @module
 */
import { Headers } from "../frame/headers.ts";
import { emitAggregate } from "./aggregate.ts";
import { Feature, type Features } from "./features.ts";
import {
  CWR,
  ENDING,
  isAlike,
  isPlain,
  isRight,
  isSameFlow,
  mayBegin,
  TCP_SEQUENCE,
  TCP_WORD3,
} from "./flow.ts";
import type { Gather } from "./gather.ts";
import type { VnetBytes } from "./policy.ts";

/** Open aggregates (Linux: MAX_GRO_SKBS of each hash bucket). */
const FLOWS = 8;
/** Segments of an aggregate, and bytes of its IP packet. */
export const AGGREGATE_FRAMES = 128;
const MAX_PACKET = 65_535;

/** See the head of this file. Indexes of frames are relative to the first of {@linkcode join}. */
export class Merger {
  /** Next frame of the same aggregate; -1 for its last, and for a frame that goes out alone. */
  readonly next: Int32Array;
  /** 1 when the frame goes out with an earlier one. */
  readonly follows: Uint8Array;
  readonly #view: DataView;
  readonly #headers = new Headers();
  /** Open aggregates: first frame and its offset in memory, last frame, frames, bytes. */
  readonly #head = new Int32Array(FLOWS);
  readonly #at = new Int32Array(FLOWS);
  readonly #last = new Int32Array(FLOWS);
  readonly #count = new Int32Array(FLOWS);
  readonly #bytes = new Int32Array(FLOWS);
  /** Where the headers of the first frame lie in it, and what its payload measures. */
  readonly #version = new Int32Array(FLOWS);
  readonly #l3 = new Int32Array(FLOWS);
  readonly #payload = new Int32Array(FLOWS);
  readonly #size = new Int32Array(FLOWS);
  /** Sequence number and IPv4 ID of the segment that would be next. */
  readonly #sequence = new Int32Array(FLOWS);
  readonly #id = new Int32Array(FLOWS);
  /** Slots in use are below {@linkcode Merger.#open}; a closed one has no head. */
  #open = 0;
  #oldest = 0;
  #found = 0;

  /** @param frames most frames of one {@linkcode join} */
  constructor(view: DataView, frames: number) {
    this.#view = view;
    this.next = new Int32Array(frames);
    this.follows = new Uint8Array(frames);
  }

  /**
   * Find out which of the frames `from` .. `to - 1` go out together. Their checksums are finished.
   *
   * @param takes which of TSO4 and TSO6 the VM takes
   * @param maxFrame longest frame it takes
   * @param verify the aggregate's checksum will be taken on trust: a segment with a wrong one goes out alone
   * @param excluded 1 for frames that go out alone; by index from `from`
   * @returns how many aggregates there are
   */
  join(
    at: Int32Array,
    length: Int32Array,
    from: number,
    to: number,
    takes: Features,
    maxFrame: number,
    verify: boolean,
    excluded: Uint8Array,
  ): number {
    const headers = this.#headers, view = this.#view;
    this.#open = this.#oldest = this.#found = 0;
    for (let i = from; i < to; i++) {
      const k = i - from;
      this.next[k] = -1;
      this.follows[k] = 0;
      headers.walk(view, at[i], length[i]);
      const isCandidate = excluded[k] === 0 && isPlain(view, headers) &&
        (takes & (headers.version === 4 ? Feature.TSO4 : Feature.TSO6)) !== 0;
      const slot = this.#slotOf(at[i]);
      if (!isCandidate || (verify && !isRight(view, headers))) this.#close(slot);
      else if (slot < 0 || !this.#append(slot, k, at[i], maxFrame)) {
        this.#close(slot);
        this.#begin(slot, k, at[i], length[i]);
      }
    }
    return this.#found;
  }

  /** Put the aggregate whose first frame is `k`, counted from `from`, into the gather; how many frames it has. */
  emit(
    gather: Gather,
    at: Int32Array,
    length: Int32Array,
    from: number,
    k: number,
    vnetBytes: VnetBytes,
  ): number {
    this.#headers.walk(this.#view, at[from + k], length[from + k]);
    return emitAggregate(
      this.#view,
      gather,
      this.#headers,
      this.next,
      at,
      length,
      from,
      k,
      vnetBytes,
    );
  }

  /** The open aggregate of the connection of the frame at `at`, whose headers are walked; -1: none. */
  #slotOf(at: number): number {
    const { version, l3, l4, kind } = this.#headers;
    if (kind === 0) return -1;
    for (let slot = this.#open - 1; slot >= 0; slot--) {
      if (
        this.#head[slot] >= 0 && this.#version[slot] === version && this.#l3[slot] === l3 - at &&
        isSameFlow(this.#view, this.#at[slot], at, version, l3 - at, l4 - at)
      ) return slot;
    }
    return -1;
  }

  /** Add frame `k` at `at` to an aggregate; false when it is not its next segment. */
  #append(slot: number, k: number, at: number, maxFrame: number): boolean {
    const { version, l3, l4, payload, end } = this.#headers, view = this.#view;
    const bytes = end - payload, total = this.#bytes[slot] + bytes;
    const word3 = view.getInt32(l4 + TCP_WORD3);
    if (
      view.getInt32(l4 + TCP_SEQUENCE) !== this.#sequence[slot] || bytes > this.#size[slot] ||
      this.#payload[slot] !== payload - at || (word3 & CWR) !== 0 ||
      (version === 4 && view.getUint16(l3 + 4) !== this.#id[slot]) ||
      total > maxFrame || total - (l3 - at) > MAX_PACKET ||
      this.#count[slot] === AGGREGATE_FRAMES ||
      !isAlike(view, this.#at[slot], at, version, l3 - at, l4 - at, payload - at)
    ) return false;
    if (this.#count[slot] === 1) this.#found++;
    this.next[this.#last[slot]] = k;
    this.follows[k] = 1;
    this.#last[slot] = k;
    this.#bytes[slot] = total;
    this.#count[slot]++;
    this.#sequence[slot] = (this.#sequence[slot] + bytes) | 0;
    this.#id[slot] = (this.#id[slot] + 1) & 0xffff;
    if (bytes < this.#size[slot] || (word3 & ENDING) !== 0) this.#close(slot);
    return true;
  }

  /** Let frame `k` be the first of an aggregate, if it may, in a slot that is closed or in a new one. */
  #begin(closed: number, k: number, at: number, length: number): void {
    const { version, l3, l4, payload, end } = this.#headers, view = this.#view;
    if (!mayBegin(view.getInt32(l4 + TCP_WORD3))) return;
    let slot = closed;
    if (slot < 0) {
      if (this.#open < FLOWS) slot = this.#open++;
      else {
        slot = this.#oldest;
        this.#oldest = (slot + 1) % FLOWS;
      }
    }
    this.#head[slot] = this.#last[slot] = k;
    this.#at[slot] = at;
    this.#bytes[slot] = length;
    this.#count[slot] = 1;
    this.#version[slot] = version;
    this.#l3[slot] = l3 - at;
    this.#payload[slot] = payload - at;
    this.#size[slot] = end - payload;
    this.#sequence[slot] = (view.getInt32(l4 + TCP_SEQUENCE) + end - payload) | 0;
    this.#id[slot] = version === 4 ? (view.getUint16(l3 + 4) + 1) & 0xffff : 0;
  }

  #close(slot: number): void {
    if (slot >= 0) this.#head[slot] = -1;
  }
}
