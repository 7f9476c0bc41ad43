/**
 * What a frame leaves unfinished: its checksum, its segmentation, both or nothing.
 *
 * A frame with a vnet header says it, and the header was checked when it came in (accept.ts). A frame
 * without one has to be looked at: the port it came by declares what its VM may leave unfinished, and the
 * frame shows whether it did. A frame longer than the MTU of the VM it is for is one that has to be cut,
 * and its segment size is what that MTU has room for; nobody has told a better one.
 *
 * @module
 */
import { pseudoSum } from "../frame/checksum.ts";
import { Headers, Kind } from "../frame/headers.ts";
import { NO_SCATTER, type Scatter } from "../frame/scatter.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import { Feature, type Features } from "./features.ts";
import { isUnfinished } from "./fill.ts";
import { FRAGMENT_BYTES } from "./fragment_udp.ts";

/** Offset of the byte of TCP flags, and CWR in it. */
const TCP_FLAGS = 13, CWR = 0x80;

/** The feature a GSO type needs, by type; 0 for types that do not exist. */
const NEEDED = Uint8Array.of(0, Feature.TSO4, 0, Feature.UFO, Feature.TSO6, Feature.USO, 0, 0);

/** Describes one frame at a time. */
export class Unfinished {
  /** Headers of the frame, when they were {@linkcode walk}ed. */
  readonly headers: Headers = new Headers();
  /** The checksum at `start + offset` holds its seed only; both are relative to the frame, as in a vnet header. */
  partial = false;
  start = 0;
  offset = 0;
  /** What has to be done to cut it: a type of {@linkcode Gso} without the ECN bit. */
  gso: number = Gso.NONE;
  /** Bytes of payload of each segment. */
  size = 0;
  /** A TCP frame to be cut with CWR set. */
  ecn = false;
  #walked = false;
  /** Without a vnet header: longer than what its VM would have sent in one piece. */
  #isUncut = false;
  /** The frame has a vnet header. */
  #told = false;
  readonly #scatter: Scatter;

  constructor(scatter: Scatter = NO_SCATTER) {
    this.#scatter = scatter;
  }

  /** Where the payload ends: with the IP packet; where a vnet header stands, with the frame, as in Linux. */
  get end(): number {
    return this.#told ? this.headers.frameEnd : this.headers.end;
  }

  /**
   * Where the frame of `length` bytes at `at` ends behind a vnet header: a trailer of Ethernet's would be summed up
   * with the rest of an unfinished checksum.
   */
  endOnWire(at: number, length: number): number {
    return this.partial && !this.#told ? this.headers.end : at + length;
  }

  /** The feature an egress must accept to be given the frame whole; 0 when it need not be cut. */
  get needed(): Features {
    return NEEDED[this.gso & 7];
  }

  /** Take what the vnet header at `hdr`, in canonical form, says. */
  readHeader(view: DataView, hdr: number): void {
    const type = view.getUint8(hdr + Vnet.GSO_TYPE);
    this.#walked = false;
    this.#told = true;
    this.partial = (view.getUint8(hdr + Vnet.FLAGS) & Vnet.NEEDS_CSUM) !== 0;
    this.gso = type & ~Gso.ECN;
    this.ecn = (type & Gso.ECN) !== 0;
    if (this.partial) {
      this.start = view.getUint16(hdr + Vnet.CSUM_START, true);
      this.offset = view.getUint16(hdr + Vnet.CSUM_OFFSET, true);
    }
    if (type !== Gso.NONE) this.size = view.getUint16(hdr + Vnet.GSO_SIZE, true);
  }

  /**
   * Look at a frame without a vnet header whose VM may leave `sends` unfinished.
   *
   * @param ownMtu of the VM it comes from: what is longer was meant to be cut
   * @param mtu of the VM it goes to: what is longer has to be cut
   */
  look(
    view: DataView,
    at: number,
    length: number,
    sends: Features,
    ownMtu: number,
    mtu: number,
  ): void {
    const { headers } = this;
    this.partial =
      this.ecn =
      this.#walked =
      this.#told =
        false;
    this.gso = Gso.NONE;
    if (sends === 0) return;
    this.walk(view, at, length);
    if (!headers.whole) return;
    const bytes = headers.end - headers.l3;
    this.#isUncut = bytes > Math.min(ownMtu, mtu);
    if ((sends & Feature.CSUM) !== 0 && isUnfinished(view, headers, this.#isUncut)) {
      this.#setPartial(at);
    }
    if (bytes > mtu) this.#setLarge(view, sends, mtu);
  }

  /** Walk the headers of the frame, once. */
  walk(view: DataView, at: number, length: number): void {
    if (this.#walked) return;
    if (this.#scatter.holds(at)) this.#scatter.expose(at, length, this.headers);
    this.headers.walk(view, at, length);
    this.#walked = true;
  }

  /** True when the unfinished checksum is that of the frame's TCP or UDP header, where everybody looks for it. */
  isOrdinary(at: number): boolean {
    const { kind, l4, checksumOffset } = this.headers;
    return kind !== Kind.OTHER && this.start === l4 - at && this.offset === checksumOffset;
  }

  #setPartial(at: number): void {
    this.partial = true;
    this.start = this.headers.l4 - at;
    this.offset = this.headers.checksumOffset;
  }

  /** Make a seed with a length of 0, if it may be one, the seed of the frame as it is: it may leave whole. */
  writeSeed(view: DataView): void {
    const { headers } = this, { l4, end } = headers;
    if (this.partial && this.#isUncut) {
      view.setUint16(l4 + headers.checksumOffset, pseudoSum(view, headers, end - l4));
    }
  }

  #setLarge(view: DataView, sends: Features, mtu: number): void {
    const { kind, version, l3, l4, payload } = this.headers;
    const type = kind === Kind.UDP ? Gso.UDP : version === 4 ? Gso.TCPV4 : Gso.TCPV6;
    // What is cut of a UDP datagram are IP fragments: their size counts from the UDP header.
    const size = kind === Kind.TCP
      ? mtu - (payload - l3)
      : (mtu - (l4 - l3) - (version === 6 ? FRAGMENT_BYTES : 0)) & ~7;
    if ((NEEDED[type] & sends) === 0 || size <= 0) return;
    this.gso = type;
    this.size = size;
    this.ecn = kind === Kind.TCP && (view.getUint8(l4 + TCP_FLAGS) & CWR) !== 0;
  }
}
