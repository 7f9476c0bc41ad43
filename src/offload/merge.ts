/**
 * Merging: TCP segments that follow one another in a batch become one large frame, for a VM that takes such.
 *
 * The rules are those of Linux (tcp_gro_receive, inet_gro_receive, ipv6_gro_receive), and what was merged can be
 * cut again into what it was: a segment continues an aggregate when it has its addresses, tags, ports, IPv6
 * extension headers and TCP options, its acknowledgment and window, the next sequence number, the next ID
 * (IPv4), and no more payload than the first. A shorter one, FIN or PSH end the aggregate. CWR, URG, RST, SYN, a
 * fragment, IPv4 options, a wrong IPv4 checksum or bytes behind the packet keep a frame out. Lost is only an
 * urgent pointer without URG, which says nothing.
 *
 * Linux also merges packets with one and the same ID; no vnet header can say that, and here they stay alone.
 *
 * An aggregate takes the place of its first segment, so it overtakes frames of other connections, and never of
 * its own: a frame of the same connection that does not continue the aggregate ends it. (Linux lets some pass.)
 * Nothing is kept for the next batch. Payload is never copied, and read only where a vnet header will tell the
 * VM to trust it. Where there is none, the checksum of the whole is made of those of the segments
 * (carried_checksum.ts), and what was corrupt stays corrupt.
 *
 * @module
 */
import { pseudoSum } from "../frame/checksum.ts";
import { HEADER_BYTES } from "../frame/ethernet.ts";
import { Headers, TCP_CHECKSUM } from "../frame/headers.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import { Aggregate, FLAGS_WINDOW, isFirst } from "./aggregate.ts";
import { CarriedChecksum } from "./carried_checksum.ts";
import type { Features } from "./features.ts";
import type { Gather } from "./gather.ts";
import type { VnetBytes } from "./policy.ts";
import { copyHeaders, ipConstant, writeIp } from "./rewrite.ts";

/** Most aggregates that grow side by side; Linux keeps 8 for each of its hash buckets (MAX_GRO_SKBS). */
const OPEN = 16;

/** What the merger is told of a frame. */
export const Mark = {
  /** Its checksum is finished. */
  NONE: 0,
  /** It has to go out alone. */
  ALONE: 1,
  /** Its checksum is unfinished, and so right: it holds its seed. Not for VMs that get finished ones. */
  UNFINISHED: 2,
} as const;

/** Finds out which frames of a batch go out together, and puts them together. Indexes count from its first frame. */
export class Merger {
  /** Index of the next frame of the same aggregate; -1 for the last, and for a frame that goes out alone. */
  readonly next: Int32Array;
  /** 1 when the frame goes out with an earlier one. */
  readonly follows: Uint8Array;
  readonly #view: DataView;
  readonly #headers = new Headers();
  readonly #checksum: CarriedChecksum;
  /** Those that are open, the oldest first, and behind them some to be used again. */
  readonly #aggregates = Array.from({ length: OPEN }, () => new Aggregate());
  #open = 0;
  /** The aggregate that grew last: it is likely to do so again. */
  #recent = 0;

  /** @param frames most frames of a batch */
  constructor(view: DataView, frames: number) {
    this.next = new Int32Array(frames);
    this.follows = new Uint8Array(frames);
    this.#view = view;
    this.#checksum = new CarriedChecksum(view);
  }

  /**
   * Find the aggregates among frames `from` .. `to - 1`.
   *
   * @param takes what the VM takes: TSO4, TSO6 or both
   * @param most bytes of the longest frame it takes
   * @param verify read every payload, and let a frame with a bad checksum pass alone
   * @param marks a {@linkcode Mark} for each frame; by index, as {@linkcode next}
   * @returns how many aggregates of two frames or more there are
   */
  join(
    at: Int32Array,
    length: Int32Array,
    from: number,
    to: number,
    takes: Features,
    most: number,
    verify: boolean,
    marks: Uint8Array,
  ): number {
    const frames = to - from;
    let found = 0;
    this.#open = 0;
    for (let k = 0; k < frames; k++) {
      const start = at[from + k], bytes = length[from + k];
      this.next[k] = -1;
      this.follows[k] = 0;
      const mark = marks[k];
      if (mark !== Mark.ALONE) {
        const segments = this.#append(start, bytes, k, verify, mark === Mark.UNFINISHED);
        if (segments === 2) found++;
        if (segments !== 0) continue;
      }
      this.#headers.walk(this.#view, start, bytes);
      this.#end(start, bytes);
      if (mark !== Mark.ALONE) {
        this.#begin(start, bytes, k, takes, most, mark === Mark.UNFINISHED);
      }
    }
    return found;
  }

  /**
   * Put the aggregate that begins with frame `k` into the gather, which has room for it: a prefix with the
   * headers, and a slice of each segment. With a vnet header its checksum is left unfinished.
   *
   * @param at and `length` and `from`, as they were given to {@linkcode join}; the frames are still what they were
   * @param vnet bytes of the vnet header the gather puts in front of a frame
   * @returns how many frames went into it
   */
  emit(
    gather: Gather,
    at: Int32Array,
    length: Int32Array,
    from: number,
    k: number,
    vnet: VnetBytes,
  ): number {
    const view = this.#view, headers = this.#headers;
    const first = at[from + k], bytes = length[from + k];
    headers.walk(view, first, bytes);
    const { l3, l4, payload, version } = headers;
    const headerBytes = payload - first, l4At = l4 - first;
    const to = gather.open(headerBytes), tcp = to + l4At;
    copyHeaders(view, first, to, headerBytes);
    let frames = 0, packet = payload - l3, flags = 0;
    for (let i = k; i >= 0; i = this.next[i], frames++) {
      const start = at[from + i], body = length[from + i] - headerBytes;
      gather.body(start + headerBytes, body);
      packet += body;
      flags |= view.getInt32(start + l4At + FLAGS_WINDOW);
    }
    view.setInt32(tcp + FLAGS_WINDOW, flags);
    const id = view.getUint16(l3 + 4), fragment = view.getUint16(l3 + 6);
    writeIp(view, to + l3 - first, version, packet, id, fragment, ipConstant(view, headers));
    if (vnet === 0) this.#carryChecksum(tcp, at, length, from, k);
    else {
      view.setUint16(tcp + TCP_CHECKSUM, pseudoSum(view, headers, packet - (l4 - l3)));
      this.#writeVnet(gather.vnet, first, bytes - headerBytes);
    }
    gather.close();
    return frames;
  }

  /** Finish the checksum of the header at `tcp`; the headers of the first segment, frame `k`, were walked. */
  #carryChecksum(tcp: number, at: Int32Array, length: Int32Array, from: number, k: number): void {
    const checksum = this.#checksum, l4At = this.#headers.l4 - at[from + k];
    checksum.begin(this.#headers);
    for (let i = k; i >= 0; i = this.next[i]) {
      checksum.add(at[from + i] + l4At, length[from + i] - l4At);
    }
    this.#view.setUint16(tcp + TCP_CHECKSUM, checksum.of(tcp));
  }

  /** Say that the frame whose headers were walked, and which began at `at`, is to be cut again. */
  #writeVnet(hdr: number, at: number, mss: number): void {
    const view = this.#view, { l4, payload, version } = this.#headers;
    view.setUint8(hdr + Vnet.FLAGS, Vnet.NEEDS_CSUM);
    view.setUint8(hdr + Vnet.GSO_TYPE, version === 4 ? Gso.TCPV4 : Gso.TCPV6);
    view.setUint16(hdr + Vnet.HDR_LEN, payload - at, true);
    view.setUint16(hdr + Vnet.GSO_SIZE, mss, true);
    view.setUint16(hdr + Vnet.CSUM_START, l4 - at, true);
    view.setUint16(hdr + Vnet.CSUM_OFFSET, TCP_CHECKSUM, true);
  }

  /** Append the frame to the aggregate it continues. Returns how many segments that has now; 0 when there is none. */
  #append(at: number, length: number, k: number, verify: boolean, isTrusted: boolean): number {
    let j = this.#recent;
    for (let left = this.#open; left > 0; left--) {
      const aggregate = this.#aggregates[j];
      if (aggregate.isContinuedBy(this.#view, at, length)) {
        if (verify && !aggregate.verify(this.#view, this.#headers, at, length, isTrusted)) return 0;
        this.next[aggregate.last] = k;
        this.follows[k] = 1;
        this.#recent = j;
        if (aggregate.append(this.#view, at, length, k)) this.#close(j);
        return aggregate.segments;
      }
      if (++j === this.#open) j = 0;
    }
    return 0;
  }

  /** End the aggregates that the frame, which was walked, must stay behind. */
  #end(at: number, length: number): void {
    if (length < HEADER_BYTES) return;
    for (let j = this.#open - 1; j >= 0; j--) {
      if (this.#aggregates[j].isEndedBy(this.#view, this.#headers, at)) this.#close(j);
    }
  }

  /** Begin an aggregate with the frame, which was walked, if there may be one. */
  #begin(
    at: number,
    length: number,
    k: number,
    takes: Features,
    most: number,
    isTrusted: boolean,
  ): void {
    if (!isFirst(this.#view, this.#headers, at, takes)) return;
    if (this.#open === OPEN) this.#close(0);
    this.#recent = this.#open++;
    const aggregate = this.#aggregates[this.#recent];
    aggregate.begin(this.#view, this.#headers, at, length, k, most, isTrusted);
  }

  #close(j: number): void {
    const aggregates = this.#aggregates, closed = aggregates[j];
    this.#open--;
    for (let i = j; i < this.#open; i++) aggregates[i] = aggregates[i + 1];
    aggregates[this.#open] = closed;
    this.#recent = Math.max(0, this.#open - 1);
  }
}
