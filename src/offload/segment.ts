/**
 * Cutting the frames that are too large for the VM they are for, each in its own way.
 *
 * Here is what all ways ask for: a frame that is what its GSO type says, pieces whose lengths fit their IP
 * headers, and a bounded number of them. What a frame claims about itself was judged when it came in
 * (accept.ts); the size it is cut to depends on where it goes and is judged here.
 *
 * @module
 */
import { IPV6_BYTES, Kind } from "../frame/headers.ts";
import { Gso } from "../frame/vnet.ts";
import { SEGMENTS_MAX } from "./accept.ts";
import { FRAGMENT_BYTES, fragmentUdp } from "./fragment_udp.ts";
import type { Gather } from "./gather.ts";
import { MAX_HEADERS, MAX_PACKET } from "./rewrite.ts";
import { segmentTcp } from "./segment_tcp.ts";
import { segmentUdp } from "./segment_udp.ts";
import type { Unfinished } from "./unfinished.ts";

/** Cuts the frame that its {@linkcode Unfinished} describes into its gather. */
export class Segmenter {
  /** The gather has to be sent first: never the answer of an empty one. */
  static readonly NO_ROOM = -2;
  /** The checksum of the frame was finished and wrong. */
  static readonly CORRUPT = -1;
  readonly #view: DataView;
  readonly #gather: Gather;
  readonly #state: Unfinished;
  /** Identification of the last datagram that became IPv6 fragments. */
  readonly #id: Int32Array;

  /** @param id where identifications of IPv6 fragments begin; not 0. They look random (RFC 7739 5.3). */
  constructor(view: DataView, gather: Gather, state: Unfinished, id = randomId()) {
    this.#view = view;
    this.#gather = gather;
    this.#state = state;
    this.#id = Int32Array.of(id);
  }

  /**
   * Cut the frame at `at`, whose headers are walked.
   *
   * @param size bytes of payload of each segment; of IP payload of each fragment
   * @param verify a finished checksum is not taken on trust, as that of a frame with a vnet header is, which
   *   Linux computes anew
   * @returns how many frames were made, 0 when this frame cannot be cut so, {@linkcode Segmenter.NO_ROOM} or
   *   {@linkcode Segmenter.CORRUPT}
   */
  cut(at: number, size: number, verify: boolean): number {
    const { gso, partial, headers, end } = this.#state, view = this.#view, gather = this.#gather;
    const frames = this.#framesOf(at, size);
    if (frames === 0) return 0;
    const headerBytes = headers.payload - at + FRAGMENT_BYTES;
    if (!gather.fits(frames, 2 * frames, frames * headerBytes)) return Segmenter.NO_ROOM;
    const finished = verify && !partial;
    if (gso === Gso.UDP_L4) return segmentUdp(view, gather, headers, at, end, size);
    if (gso !== Gso.UDP) return segmentTcp(view, gather, headers, at, end, size, finished);
    // A finished checksum stays right, or wrong, whatever the datagram is cut into.
    return fragmentUdp(view, gather, headers, at, end, size, this.#nextId(), !finished);
  }

  /** How many frames it becomes; 0 when it cannot be cut into frames with `size` bytes. */
  #framesOf(at: number, size: number): number {
    const { gso, headers, end } = this.#state, { kind, version, l3, l4, payload } = headers;
    const body = gso === Gso.UDP ? l4 : payload, bytes = end - body;
    const step = gso === Gso.UDP ? size & ~7 : size;
    if (kind !== kindOf(gso) || payload >= end || end > headers.frameEnd || step <= 0) return 0;
    if (payload - at > MAX_HEADERS || (gso === Gso.UDP && bytes > MAX_PACKET)) return 0;
    const counted = version === 4 ? body - l3 : body - l3 - IPV6_BYTES;
    const own = version === 6 && gso === Gso.UDP ? FRAGMENT_BYTES : 0;
    if (counted + own + Math.min(step, bytes) > MAX_PACKET) return 0;
    const frames = Math.ceil(bytes / step);
    return frames > SEGMENTS_MAX ? 0 : frames;
  }

  /** The next number of a row that has each but 0 once (xorshift, Marsaglia 2003). */
  #nextId(): number {
    let id = this.#id[0];
    id ^= id << 13, id ^= id >>> 17, id ^= id << 5;
    return this.#id[0] = id;
  }
}

function kindOf(gso: number): number {
  return gso === Gso.UDP || gso === Gso.UDP_L4 ? Kind.UDP : Kind.TCP;
}

function randomId(): number {
  return crypto.getRandomValues(new Int32Array(1))[0] | 1;
}
