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
 * @module
 */
import { Gso, Vnet } from "../frame/vnet.ts";
import { MERGED_HEADERS, MERGED_SEGMENTS } from "./aggregate.ts";
import { clampMss } from "./clamp.ts";
import { Feature, type Features, TSO } from "./features.ts";
import { fillIpv4, fillPartial, fillTransport } from "./fill.ts";
import { FRAGMENT_BYTES } from "./fragment_udp.ts";
import { Gather } from "./gather.ts";
import { Mark, Merger } from "./merge.ts";
import { PlanCounts } from "./plan_counts.ts";
import { accepted, frameLimit, mtuOf, Need, NO_OFFLOAD, type Policy } from "./policy.ts";
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
  readonly #state = new Unfinished();
  readonly #segmenter: Segmenter;
  readonly #merger: Merger;
  readonly #whole: WholeFrame;
  /** A {@linkcode Mark} for each frame, or {@linkcode FILLED}; used when frames may merge. */
  readonly #marks: Uint8Array;
  #ingress: Policy = NO_OFFLOAD;
  #egress: Policy = NO_OFFLOAD;
  #need: number = Need.PASS;
  /** What the egress takes unfinished, its MTU, and the longest frame it takes that is not such a large one. */
  #takes: Features = 0;
  #mtu = 0;
  #limit = 0;
  /** IPv4 header checksums may be unfinished, too, and must not be when they leave. */
  #fillsIpv4 = false;
  /** MTU that the MSS of new connections is clamped to. */
  #clampTo = 0;
  #at: Int32Array = new Int32Array();
  #length: Int32Array = this.#at;
  #from = 0;
  #next = 0;
  #to = 0;

  /**
   * @param scratch offset of GATHER_SCRATCH bytes for prefixes
   * @param frames most frames of one {@linkcode begin}
   */
  constructor(view: DataView, scratch: number, frames: number) {
    this.#view = view;
    this.gather = new Gather(view, scratch);
    this.#segmenter = new Segmenter(view, this.gather, this.#state);
    this.#whole = new WholeFrame(view, this.gather, this.#state);
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
    this.#ingress = ingress;
    this.#egress = egress;
    this.#need = need;
    this.#takes = accepted(egress);
    this.#mtu = mtuOf(egress);
    this.#limit = frameLimit(egress);
    const leaves = egress.vnetHdr === 0 && (this.#takes & Feature.CSUM) !== 0;
    this.#fillsIpv4 = ingress.vnetHdr === 0 && (ingress.sends & Feature.CSUM) !== 0 && !leaves;
    this.#clampTo = Math.min(
      ingress.clampMss ? mtuOf(ingress) : Infinity,
      egress.clampMss ? this.#mtu : Infinity,
    );
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
    this.gather.begin(framed, this.#egress.vnetHdr);
    const merging = (this.#need & Need.MERGE) !== 0;
    for (; this.#next < this.#to; this.#next++) {
      const done = merging ? this.#mergeOrSend(this.#next) : this.#send(this.#next);
      if (!done) break;
    }
    return this.#next < this.#to;
  }

  // ---- one frame; false: the gather has no room for it ----

  #mergeOrSend(i: number): boolean {
    const k = i - this.#from;
    if (this.#merger.follows[k] === 1) return true;
    if (this.#merger.next[k] < 0) return this.#send(i);
    if (!this.gather.fits(1, 1 + MERGED_SEGMENTS, MERGED_HEADERS)) return false;
    const { vnetHdr } = this.#egress;
    const frames = this.#merger.emit(this.gather, this.#at, this.#length, this.#from, k, vnetHdr);
    this.counts.frames += frames;
    this.counts.merged += frames;
    this.counts.merges++;
    return true;
  }

  #send(i: number): boolean {
    if (!this.gather.fits(1, 2, LONGEST_HEADERS)) return false;
    const at = this.#at[i], length = this.#length[i], state = this.#state, counts = this.counts;
    this.#describe(at, length);
    if ((this.#need & Need.CLAMP) !== 0) this.#clamp(at, length);
    if (state.gso !== Gso.NONE && !this.#takesWhole(length)) return this.#cut(at, length);
    counts.frames++;
    if (state.gso === Gso.NONE && this.#isTooLong(at, length)) counts.oversize++;
    else if (!state.partial || !this.#mustFill(at, length)) this.#pass(i);
    else {
      counts.filled++;
      if (state.gso !== Gso.NONE) this.#whole.finish(at, length);
      else {
        this.#fill(at, length);
        this.#emit(at, length);
      }
    }
    return true;
  }

  #describe(at: number, length: number): void {
    const { vnetHdr, sends } = this.#ingress;
    if (vnetHdr !== 0) this.#state.readHeader(this.#view, at - vnetHdr);
    else this.#state.look(this.#view, at, length, sends, mtuOf(this.#ingress), this.#mtu);
    if (this.#fillsIpv4) fillIpv4(this.#view, this.#state.headers);
  }

  #clamp(at: number, length: number): void {
    const state = this.#state;
    state.walk(this.#view, at, length);
    clampMss(this.#view, state.headers, this.#clampTo, state.partial);
  }

  /** True when the VM takes this large frame as it is. */
  #takesWhole(length: number): boolean {
    const state = this.#state;
    if ((this.#takes & state.needed) === 0 || length > this.#egress.maxFrame) return false;
    return !state.ecn || this.#egress.vnetHdr === 0 || (this.#takes & Feature.ECN) !== 0;
  }

  #isTooLong(at: number, length: number): boolean {
    if (length > this.#limit) return true;
    if (!this.#egress.forwardSafe || length <= this.#mtu) return false;
    const { headers } = this.#state;
    this.#state.walk(this.#view, at, length);
    const end = headers.whole ? headers.end : headers.frameEnd;
    return headers.version !== 0 && end - headers.l3 > this.#mtu;
  }

  /** True when the unfinished checksum must not leave by this port. */
  #mustFill(at: number, length: number): boolean {
    if ((this.#takes & Feature.CSUM) === 0) return true;
    if (this.#egress.vnetHdr !== 0) return false;
    // Without a header only the checksum everybody expects can be left for the receiver.
    this.#state.walk(this.#view, at, length);
    return !this.#state.isOrdinary(at);
  }

  /** Complete the checksum in place. */
  #fill(at: number, length: number): void {
    const { vnetHdr } = this.#ingress, state = this.#state, view = this.#view;
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
    const needsSeed = state.gso !== Gso.NONE && this.#egress.vnetHdr !== 0 &&
      (this.#ingress.vnetHdr === 0 || !state.partial);
    if (!needsSeed) this.#emit(at, length);
    else if (!this.#whole.unfinish(at, length, this.#egress.vnetHdr)) {
      this.counts.passed--;
      this.counts.badChecksum++;
    }
  }

  #emit(at: number, length: number): void {
    if (this.#ingress.vnetHdr === this.#egress.vnetHdr) this.gather.asIs(at, length);
    else this.#whole.withHeader(at, length, this.#egress.vnetHdr);
  }

  #cut(at: number, length: number): boolean {
    const state = this.#state, counts = this.counts;
    state.walk(this.#view, at, length);
    const size = this.#segmentSize(at);
    const made = this.#segmenter.cut(at, size, this.#ingress.vnetHdr === 0);
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

  /** Payload of each segment: what the frame says, and no more than this VM takes. */
  #segmentSize(at: number): number {
    const { gso, size, headers } = this.#state, egress = this.#egress;
    const body = gso === Gso.UDP ? headers.l4 + fragmentBytes(headers.version) : headers.payload;
    const counts = egress.mtu !== 0 || egress.forwardSafe || this.#ingress.vnetHdr === 0;
    const room = Math.min(
      egress.maxFrame - (body - at),
      counts ? this.#mtu - (body - headers.l3) : egress.maxFrame,
    );
    // The size of a UDP datagram cannot be changed on the way.
    if (gso === Gso.UDP_L4) return size <= room ? size : 0;
    return Math.min(size, room);
  }

  // ---- merging ----

  /**
   * Find out which frames go out together. An aggregate for a VM without a vnet header has its checksum finished,
   * made of those of its segments: they are completed first.
   */
  #join(): void {
    const { vnetHdr, maxFrame } = this.#egress, { sends } = this.#ingress;
    for (let i = this.#from; i < this.#to; i++) {
      this.#marks[i - this.#from] = sends === 0
        ? Mark.NONE
        : this.#mark(this.#at[i], this.#length[i]);
    }
    const kinds = this.#takes & ~sends & TSO;
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
    this.#describe(at, length);
    if (state.gso !== Gso.NONE) return Mark.ALONE;
    if (!state.partial) return Mark.NONE;
    if (this.#egress.vnetHdr === 0) {
      this.#fill(at, length);
      return FILLED;
    }
    state.walk(this.#view, at, length);
    return state.isOrdinary(at) ? Mark.UNFINISHED : Mark.ALONE;
  }
}

/** What an IP fragment has on top of what was cut: IPv4 has room for it in its header. */
function fragmentBytes(version: number): number {
  return version === 6 ? FRAGMENT_BYTES : 0;
}
