/**
 * The plan: what each frame needs to be right for the port it leaves by.
 *
 * ```
 *  PASS     as it lies, perhaps with another vnet header in front of it
 *  FILL     its checksum is completed
 *  SEGMENT  it is cut: prefixes of headers and slices of its payload
 *  MERGE    it goes out with others of its flow, as one large frame
 *  DROP     none of these makes it right; counted
 * ```
 * Only frames between ports that do not agree come here ({@linkcode needs}), all those of a batch that leave
 * by one port together. The checksum of a frame that need not be cut is completed in place, so it is done
 * once however many ports the frame goes to; an MSS is lowered in place, too, and for the ports that come
 * after. All else is written to scratch memory, and the frame stays what it is for the others.
 *
 * A frame in the memory of a guest (frame/scatter.ts) is pulled where its bytes are summed up or rewritten: reading
 * them is what costs, the copy a tenth of that, and what was summed up is what is sent. What passes stays in the guest.
 *
 * @module
 */
import { FRAME_PIECES, NO_SCATTER, type Scatter } from "../frame/scatter.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import { MERGED_HEADERS, MERGED_SEGMENTS } from "./aggregate.ts";
import { TSO } from "./features.ts";
import { fillPartial, fillTransport } from "./fill.ts";
import { Gather } from "./gather.ts";
import { Mark, Merger } from "./merge.ts";
import { PlanCounts } from "./plan_counts.ts";
import { Need, type Policy } from "./policy.ts";
import { PolicyPair } from "./policy_pair.ts";
import { Segmenter } from "./segment.ts";
import { Unfinished } from "./unfinished.ts";
import { WholeFrame } from "./whole.ts";

/** Most bytes of headers a walk finds: tags, IPv6 with 8 extension headers, and TCP with all its options. */
const LONGEST_HEADERS = 14 + 8 + 40 + 8 * 2048 + 60;
/** A {@linkcode Mark}: its checksum is finished, and it was done here. */
const FILLED = 3;

/** See the head of this file. */
export class Planner {
  readonly gather: Gather;
  readonly counts: PlanCounts = new PlanCounts();
  readonly #view: DataView;
  readonly #state: Unfinished;
  /** Frames that are not where they seem to be. */
  readonly scatter: Scatter;
  readonly #segmenter: Segmenter;
  readonly #merger: Merger;
  readonly #whole: WholeFrame;
  /** A {@linkcode Mark} for each frame, or {@linkcode FILLED}; used when frames may merge. */
  readonly #marks: Uint8Array;
  readonly #pair: PolicyPair;
  #need: number = Need.PASS;
  #at: Int32Array = new Int32Array();
  #length: Int32Array = this.#at;
  #from = 0;
  #next = 0;
  #to = 0;

  /**
   * @param scratch offset of GATHER_SCRATCH bytes for prefixes
   * @param frames most frames of one {@linkcode begin}
   * @param scatter frames that are not where they seem to be
   */
  constructor(view: DataView, scratch: number, frames: number, scatter: Scatter = NO_SCATTER) {
    this.#view = view;
    this.scatter = scatter;
    this.#state = new Unfinished(scatter);
    this.gather = new Gather(view, scratch, scatter);
    this.#segmenter = new Segmenter(view, this.gather, this.#state);
    this.#whole = new WholeFrame(view, this.gather, this.#state);
    this.#pair = new PolicyPair(view, this.#state);
    this.#merger = new Merger(view, frames);
    this.#marks = new Uint8Array(frames);
  }

  /** Set out to plan frames `from` .. `to - 1`, which came by a port with policy `ingress`. */
  begin(
    ingress: Policy,
    egress: Policy,
    need: number,
    at: Int32Array,
    length: Int32Array,
    from: number,
    to: number,
  ): void {
    this.#pair.begin(ingress, egress);
    this.#need = need;
    this.#at = at;
    this.#length = length;
    this.#from = this.#next = from;
    this.#to = to;
    if ((need & Need.MERGE) !== 0) this.#join();
  }

  /**
   * Plan frames until the gather is full, for a stream or not. Call until it returns false, and send the gather
   * each time.
   *
   * @returns true while frames are left to be planned
   */
  fill(framed: boolean): boolean {
    this.gather.begin(framed, this.#pair.egress.vnetHdr);
    const merging = (this.#need & Need.MERGE) !== 0;
    for (; this.#next < this.#to; this.#next++) {
      const done = merging ? this.#mergeOrSend(this.#next) : this.#send(this.#next);
      if (!done) break;
    }
    return this.#next < this.#to;
  }

  /**
   * Complete the checksums of frames `from` .. `to - 1` in place, for ports between which nothing else is needed.
   *
   * @returns how many were
   */
  complete(
    ingress: Policy,
    egress: Policy,
    at: Int32Array,
    length: Int32Array,
    from: number,
    to: number,
  ): number {
    const state = this.#state;
    let filled = 0;
    this.#pair.begin(ingress, egress);
    for (let i = from; i < to; i++) {
      this.#pair.describe(at[i], length[i]);
      if (!state.partial) continue;
      this.#fill(at[i], length[i]);
      filled++;
    }
    return filled;
  }

  // ---- one frame; false: the gather has no room for it ----

  #mergeOrSend(i: number): boolean {
    const k = i - this.#from;
    if (this.#merger.follows[k] === 1) return true;
    if (this.#merger.next[k] < 0) return this.#send(i);
    if (!this.gather.fits(1, 1 + MERGED_SEGMENTS, MERGED_HEADERS)) return false;
    const { vnetHdr } = this.#pair.egress;
    const frames = this.#merger.emit(this.gather, this.#at, this.#length, this.#from, k, vnetHdr);
    this.counts.frames += frames;
    this.counts.merged += frames;
    this.counts.merges++;
    return true;
  }

  #send(i: number): boolean {
    const at = this.#at[i], length = this.#length[i], state = this.#state, counts = this.counts;
    if (!this.gather.fits(1, 2 + FRAME_PIECES, LONGEST_HEADERS)) return false;
    this.#pair.describe(at, length);
    if ((this.#need & Need.CLAMP) !== 0) this.#pair.clamp(at, length);
    if (state.gso !== Gso.NONE && !this.#pair.takesWhole(length)) return this.#cut(at, length);
    counts.frames++;
    if (state.gso === Gso.NONE && this.#pair.isTooLong(at, length)) counts.oversize++;
    else if (!state.partial || !this.#pair.mustFill(at, length)) this.#pass(i);
    else {
      counts.filled++;
      if (state.gso !== Gso.NONE) {
        this.#pull(at, length);
        this.#whole.finish(at, length);
      } else {
        this.#fill(at, length);
        this.#emit(at, length);
      }
    }
    return true;
  }

  /** Have all of a guest's frame at hand. */
  #pull(at: number, length: number): void {
    if (this.scatter.holds(at)) this.scatter.pull(at, length);
  }

  /** Complete the checksum in place. */
  #fill(at: number, length: number): void {
    const { vnetHdr } = this.#pair.ingress, state = this.#state, view = this.#view;
    this.#pull(at, length);
    if (vnetHdr === 0) {
      fillTransport(view, state.headers);
    } else {
      fillPartial(view, at + state.start, state.offset, at + length);
      view.setUint8(at - vnetHdr + Vnet.FLAGS, 0);
      view.setInt32(at - vnetHdr + Vnet.CSUM_START, 0);
    }
    state.partial = false;
  }

  /** Send on a frame that needs nothing, or another vnet header. */
  #pass(i: number): void {
    const k = i - this.#from, at = this.#at[i], length = this.#length[i], state = this.#state;
    if ((this.#need & Need.MERGE) !== 0 && this.#marks[k] === FILLED) this.counts.filled++;
    else this.counts.passed++;
    const needsSeed = state.gso !== Gso.NONE && this.#pair.egress.vnetHdr !== 0 &&
      (this.#pair.ingress.vnetHdr === 0 || !state.partial);
    if (!needsSeed) this.#emit(at, length);
    else if (!this.#whole.unfinish(at, length, this.#pair.egress.vnetHdr)) {
      this.counts.passed--;
      this.counts.badChecksum++;
    }
  }

  #emit(at: number, length: number): void {
    if (this.#pair.ingress.vnetHdr === this.#pair.egress.vnetHdr) this.gather.asIs(at, length);
    else this.#whole.withHeader(at, length, this.#pair.egress.vnetHdr);
  }

  #cut(at: number, length: number): boolean {
    const state = this.#state, counts = this.counts;
    this.#pull(at, length);
    state.walk(this.#view, at, length);
    const size = this.#pair.segmentSize(at);
    const made = this.#segmenter.cut(at, size, this.#pair.ingress.vnetHdr === 0);
    if (made === Segmenter.NO_ROOM) return false;
    counts.frames++;
    if (made === Segmenter.CORRUPT) counts.badChecksum++;
    else if (made <= 0) counts.unsegmentable++;
    else {
      counts.segmented++;
      counts.segments += made;
    }
    return true;
  }

  // ---- merging ----

  /**
   * Find out which frames go out together. An aggregate for a VM without a vnet header has its checksum finished,
   * made of those of its segments: they are completed first.
   */
  #join(): void {
    const { vnetHdr, maxFrame } = this.#pair.egress, { sends } = this.#pair.ingress;
    for (let i = this.#from; i < this.#to; i++) {
      this.#pull(this.#at[i], this.#length[i]);
      this.#marks[i - this.#from] = sends === 0
        ? Mark.NONE
        : this.#mark(this.#at[i], this.#length[i]);
    }
    const kinds = this.#pair.takes & ~sends & TSO;
    this.#merger.join(
      this.#at,
      this.#length,
      this.#from,
      this.#to,
      kinds,
      maxFrame,
      vnetHdr !== 0,
      this.#marks,
    );
  }

  #mark(at: number, length: number): number {
    const state = this.#state;
    this.#pair.describe(at, length);
    if (state.gso !== Gso.NONE) return Mark.ALONE;
    if (!state.partial) return Mark.NONE;
    if (this.#pair.egress.vnetHdr === 0) {
      this.#fill(at, length);
      return FILLED;
    }
    state.walk(this.#view, at, length);
    return state.isOrdinary(at) ? Mark.UNFINISHED : Mark.ALONE;
  }
}
