/**
 * The TCP checksum of an aggregate, made of those of its segments without reading any payload.
 *
 * What a segment's payload sums up to is what is missing in its headers to a sum of 0xffff, if its checksum is
 * right. If it is wrong, the sum that was carried over is wrong by as much, and so is the new checksum: what was
 * corrupt is not made good. (Errors in two segments may cancel out, as two errors in one may: that is how far any
 * Internet checksum goes.)
 *
 * @module
 */
import { atOffset, fold, pseudoSum, sum } from "../frame/checksum.ts";
import type { Headers } from "../frame/headers.ts";

/** Offsets in a TCP header: sequence number, flags, checksum, urgent pointer, options. */
const SEQUENCE = 4, FLAGS = 12, CHECKSUM = 16, URGENT = 18, OPTIONS = 20;

/** One aggregate at a time. */
export class CarriedChecksum {
  readonly #view: DataView;
  #headerBytes = 0;
  /** Sum of what all segments have in common: addresses, protocol, ports, acknowledgment, window and options. */
  #common = 0;
  /** Sum of all payload so far, and how many bytes that is. */
  #payload = 0;
  #bytes = 0;

  constructor(view: DataView) {
    this.#view = view;
  }

  /** Begin with no segment; `headers` are those of the first. */
  begin(headers: Headers): void {
    const view = this.#view, { l4, payload } = headers;
    const ports = sum(view, l4, 4), acknowledgment = sum(view, l4 + 8, 4);
    const window = view.getUint16(l4 + 14),
      options = sum(view, l4 + OPTIONS, payload - l4 - OPTIONS);
    this.#common = fold(pseudoSum(view, headers, 0) + ports + acknowledgment + window + options);
    this.#headerBytes = payload - l4;
    this.#payload = this.#bytes = 0;
  }

  /** Add the next segment: `bytes` bytes of TCP header and payload at `tcp`. */
  add(tcp: number, bytes: number): void {
    const header = this.#header(tcp) + this.#view.getUint16(tcp + CHECKSUM) + bytes;
    this.#payload += atOffset(fold(header) ^ 0xffff, this.#bytes);
    this.#bytes += bytes - this.#headerBytes;
  }

  /** The checksum of all segments together behind the header at `tcp`. */
  of(tcp: number): number {
    return ~fold(this.#header(tcp) + this.#headerBytes + this.#bytes + this.#payload) & 0xffff;
  }

  /** Sum of pseudo header and header at `tcp`, without length and checksum. */
  #header(tcp: number): number {
    const view = this.#view, sequence = view.getInt32(tcp + SEQUENCE);
    return this.#common + (sequence >>> 16) + (sequence & 0xffff) + view.getUint16(tcp + FLAGS) +
      view.getUint16(tcp + URGENT);
  }
}
