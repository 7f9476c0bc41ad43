/**
 * A frame that goes out whole with something in front of it that is not as it came in: a vnet header, or
 * headers with another checksum.
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import { Kind } from "../frame/headers.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import type { Gather } from "./gather.ts";
import type { VnetBytes } from "./policy.ts";
import type { Unfinished } from "./unfinished.ts";

/** Puts frames that {@linkcode Unfinished} describes into the gather. */
export class WholeFrame {
  readonly #view: DataView;
  readonly #u8: Uint8Array;
  readonly #gather: Gather;
  readonly #state: Unfinished;

  constructor(view: DataView, gather: Gather, state: Unfinished) {
    this.#view = view;
    this.#u8 = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.#gather = gather;
    this.#state = state;
  }

  /** Send on a frame as it is, behind a vnet header of `vnetBytes`. */
  withHeader(at: number, length: number, vnetBytes: VnetBytes): void {
    this.#gather.open(0);
    if (vnetBytes !== 0) this.#writeHeader(at, length);
    const end = vnetBytes === 0 ? at + length : this.#state.endOnWire(at, length);
    this.#gather.body(at, end - at);
    this.#gather.close();
  }

  /** Send on a large frame with its checksum completed: the port takes it whole, but not unfinished. */
  finish(at: number, length: number): void {
    this.#state.walk(this.#view, at, length);
    const checksum = ~this.#transportSum(0) & 0xffff;
    this.#rewrite(at, length, checksum === 0 ? 0xffff : checksum, 0);
  }

  /**
   * Send on a large frame with only the seed of its checksum, as a receiver expects that is told how to cut it.
   *
   * @returns false when the checksum was finished and wrong: a corrupt frame must not become a right one
   */
  unfinish(at: number, length: number, vnetBytes: VnetBytes): boolean {
    const state = this.#state, { headers } = state;
    state.walk(this.#view, at, length);
    const field = this.#checksumAt();
    const found = this.#view.getUint16(field);
    // A UDP datagram over IPv4 need not have a checksum (RFC 768); now it gets one.
    const isNone = found === 0 && headers.kind === Kind.UDP && headers.version === 4;
    if (!state.partial && !isNone && this.#transportSum(found) !== 0xffff) return false;
    state.partial = true;
    state.start = headers.l4 - at;
    state.offset = field - headers.l4;
    const seed = pseudoSum(this.#view, headers, state.end - headers.l4);
    this.#rewrite(at, length, seed, vnetBytes);
    return true;
  }

  #checksumAt(): number {
    const { l4, checksumOffset } = this.#state.headers;
    return l4 + checksumOffset;
  }

  /** Sum of pseudo header, header and payload with `checksum` in the place of what is in the field. */
  #transportSum(checksum: number): number {
    const { headers, end } = this.#state, { l4 } = headers;
    const field = this.#view.getUint16(this.#checksumAt());
    const all = sum(this.#view, l4, end - l4) + pseudoSum(this.#view, headers, end - l4);
    return fold(all + (field ^ 0xffff) + checksum);
  }

  /** Copy the headers, put `checksum` into them, and let the payload follow. */
  #rewrite(at: number, length: number, checksum: number, vnetBytes: VnetBytes): void {
    const { payload } = this.#state.headers;
    const prefix = this.#gather.open(payload - at);
    if (vnetBytes !== 0) this.#writeHeader(at, length);
    this.#u8.copyWithin(prefix, at, payload);
    this.#view.setUint16(prefix + this.#checksumAt() - at, checksum);
    this.#gather.body(payload, this.#state.end - payload);
    this.#gather.close();
  }

  /** Say in the vnet header what the frame leaves unfinished. */
  #writeHeader(at: number, length: number): void {
    const state = this.#state, view = this.#view, hdr = this.#gather.vnet;
    if (state.partial) {
      view.setUint8(hdr + Vnet.FLAGS, Vnet.NEEDS_CSUM);
      view.setUint16(hdr + Vnet.CSUM_START, state.start, true);
      view.setUint16(hdr + Vnet.CSUM_OFFSET, state.offset, true);
    }
    if (state.gso === Gso.NONE) return;
    state.walk(view, at, length);
    view.setUint8(hdr + Vnet.GSO_TYPE, state.gso | (state.ecn ? Gso.ECN : 0));
    view.setUint16(hdr + Vnet.GSO_SIZE, state.size, true);
    view.setUint16(hdr + Vnet.HDR_LEN, state.headers.payload - at, true);
  }
}
