/**
 * The door for frames with a vnet header: what it says is compared with the frame, once.
 *
 * Accepted is what Linux accepts (virtio_net_hdr_to_skb, and then its segmentation), with these exceptions.
 * Refused, though Linux takes some of it: a frame with a GSO type that is a fragment, is shorter than its IP
 * length, has another IP version or protocol than the type or another place of its checksum than that of its
 * transport header, more than two tags, an extension header that we do not look behind, or would become more
 * than {@linkcode SEGMENTS_MAX} segments, or segments of less than {@linkcode SIZE_MIN} bytes; a header length
 * beyond the frame, which Linux refuses from the third byte on. Taken, though Linux drops it: a frame with a GSO type and less
 * payload than a segment, when options make it look as if it had more.
 *
 * What is accepted is put into canonical form in place, so that whoever reads the header later may trust it:
 *
 * ```
 *  flags       NEEDS_CSUM or 0
 *  gso         type and size of a frame that has to be cut; else 0
 *  hdr_len     bytes of all headers of a frame that has to be cut; else 0
 *  csum        inside the frame, and for a frame that has to be cut its TCP or UDP checksum; 0 without NEEDS_CSUM
 *  buffers     1
 * ```
 * A frame that has to be cut always has NEEDS_CSUM, and its seed in the field: each segment has a checksum of
 * its own, whatever the VM made of that of the whole.
 *
 * @module
 */
import { pseudoSum } from "../frame/checksum.ts";
import { HEADER_BYTES } from "../frame/ethernet.ts";
import { type Headers, Kind } from "../frame/headers.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import { Feature, type Features } from "./features.ts";

/** What is thought of a frame with a vnet header; what is not {@linkcode Verdict.OK} is refused. */
export const Verdict = {
  OK: 0,
  /** The frame is malformed, or its header does not fit it. */
  SHORT: 1,
  HEADER_LENGTH: 2,
  CHECKSUM_PLACE: 3,
  GSO_TYPE: 4,
  GSO_SIZE: 5,
  GSO_PACKET: 6,
  GSO_FRAGMENT: 7,
  GSO_LENGTH: 8,
  GSO_CHECKSUM: 9,
  SEGMENTS: 10,
  /** The frame is well-formed, but asks for what its port does not declare. */
  UNDECLARED_CSUM: 11,
  UNDECLARED_TSO4: 12,
  UNDECLARED_TSO6: 13,
  UNDECLARED_UFO: 14,
  UNDECLARED_USO: 15,
  UNDECLARED_ECN: 16,
} as const;

/** Verdicts in words, by their number. */
export const VERDICT_TEXTS: readonly string[] = [
  "well-formed",
  "shorter than its headers",
  "header length beyond the end of the frame",
  "checksum outside the packet",
  "no such GSO type",
  "impossible GSO size",
  "GSO type that does not fit the packet",
  "GSO of an IP fragment",
  "IP length beyond the end of the frame",
  "GSO with a checksum that is not the transport header's",
  "GSO into too many segments",
  "unfinished checksum, and csum is not declared",
  "large TCP frame over IPv4, and tso4 is not declared",
  "large TCP frame over IPv6, and tso6 is not declared",
  "large UDP datagram, and ufo is not declared",
  "several UDP datagrams in a frame, and uso is not declared",
  "large TCP frame with CWR, and ecn is not declared",
];

/** Most segments of one frame; for UDP datagrams Linux's own limit (UDP_MAX_SEGMENTS). */
export const SEGMENTS_MAX = 256, DATAGRAMS_MAX = 128;

/**
 * Least payload of a segment: below Linux's least MSS with timestamps taken off (TCP_MIN_SND_MSS, 48). Without it one
 * read of a stream could become 200,000 frames; with it cutting makes no more frames than a VM could send itself.
 */
export const SIZE_MIN = 32;

/** First byte a checksum may begin with: as in Linux, which counts an IPv4 header from where the frame begins. */
const FIRST_CHECKSUM = 20;
/** A GSO size that Linux keeps for itself (GSO_BY_FRAGS). */
const BY_FRAGMENTS = 0xffff;

/** By GSO type: the feature it needs, the kind and the IP version (0: either) it fits, the verdict without the feature. */
const FEATURES = Uint8Array.of(0, Feature.TSO4, 0, Feature.UFO, Feature.TSO6, Feature.USO);
const KINDS = Uint8Array.of(0, Kind.TCP, 0, Kind.UDP, Kind.TCP, Kind.UDP);
const VERSIONS = Uint8Array.of(0, 4, 0, 0, 6, 0);
const UNDECLARED = Uint8Array.of(
  0,
  Verdict.UNDECLARED_TSO4,
  0,
  Verdict.UNDECLARED_UFO,
  Verdict.UNDECLARED_TSO6,
  Verdict.UNDECLARED_USO,
);

/** True when the port could have declared what the frame asks for. */
export function isUndeclared(verdict: number): boolean {
  return verdict >= Verdict.UNDECLARED_CSUM;
}

/**
 * Judge the vnet header of `bytes` at `hdr`, in front of the frame of `length` bytes at `at`, and put it into
 * canonical form.
 *
 * @param sends what the port declares
 * @param headers to walk in; they are those of the frame only when it has a GSO type
 * @returns a {@linkcode Verdict}; nothing was written when it is not OK
 */
export function acceptVnet(
  view: DataView,
  hdr: number,
  bytes: 10 | 12,
  at: number,
  length: number,
  sends: Features,
  headers: Headers,
): number {
  if (length < HEADER_BYTES) return Verdict.SHORT;
  const says = view.getInt32(hdr) | view.getInt32(hdr + 4) | view.getInt16(hdr + 8);
  if (says !== 0) {
    const verdict = judge(view, hdr, at, length, sends, headers);
    if (verdict !== Verdict.OK) return verdict;
  }
  if (bytes === 12) view.setUint16(hdr + Vnet.NUM_BUFFERS, 1, true);
  return Verdict.OK;
}

function judge(
  view: DataView,
  hdr: number,
  at: number,
  length: number,
  sends: Features,
  headers: Headers,
): number {
  const partial = (view.getUint8(hdr + Vnet.FLAGS) & Vnet.NEEDS_CSUM) !== 0;
  if (view.getUint16(hdr + Vnet.HDR_LEN, true) > length) return Verdict.HEADER_LENGTH;
  if (partial) {
    const start = view.getUint16(hdr + Vnet.CSUM_START, true);
    const field = start + view.getUint16(hdr + Vnet.CSUM_OFFSET, true);
    if (start < FIRST_CHECKSUM || field + 2 > length) return Verdict.CHECKSUM_PLACE;
  }
  const gso = view.getUint8(hdr + Vnet.GSO_TYPE), type = gso & ~Gso.ECN;
  const verdict = gso === Gso.NONE ? Verdict.OK : judgeGso(view, hdr, at, length, headers);
  if (verdict !== Verdict.OK) return verdict;
  const large = gso !== Gso.NONE &&
    cutBytes(type, headers) > view.getUint16(hdr + Vnet.GSO_SIZE, true);
  if (large && (sends & FEATURES[type]) === 0) return UNDECLARED[type];
  if (large && gso !== type && (sends & Feature.ECN) === 0 && headers.kind === Kind.TCP) {
    return Verdict.UNDECLARED_ECN;
  }
  if (partial && (sends & Feature.CSUM) === 0) return Verdict.UNDECLARED_CSUM;
  if (large) setLarge(view, hdr, at, partial, headers);
  else setSmall(view, hdr, partial);
  return Verdict.OK;
}

/** The part of the judgement that is about cutting; walks the headers. */
function judgeGso(
  view: DataView,
  hdr: number,
  at: number,
  length: number,
  headers: Headers,
): number {
  const gso = view.getUint8(hdr + Vnet.GSO_TYPE), type = gso & ~Gso.ECN;
  const size = view.getUint16(hdr + Vnet.GSO_SIZE, true);
  if (type >= KINDS.length || KINDS[type] === Kind.OTHER) return Verdict.GSO_TYPE;
  if (gso === (Gso.UDP_L4 | Gso.ECN)) return Verdict.GSO_TYPE;
  // Fragments begin at multiples of 8 bytes (RFC 791 3.2).
  const piece = type === Gso.UDP ? size & ~7 : size;
  if (piece === 0 || size === BY_FRAGMENTS) return Verdict.GSO_SIZE;
  headers.walk(view, at, length);
  if (headers.fragment) return Verdict.GSO_FRAGMENT;
  const fits = VERSIONS[type] === 0 || VERSIONS[type] === headers.version;
  if (headers.kind !== KINDS[type] || !fits) return Verdict.GSO_PACKET;
  if (headers.end > headers.frameEnd) return Verdict.GSO_LENGTH;
  if (!isChecksumThere(view, hdr, at, type, headers)) return Verdict.GSO_CHECKSUM;
  const bytes = cutBytes(type, headers);
  if (bytes > size && size < SIZE_MIN) return Verdict.GSO_SIZE;
  const most = type === Gso.UDP_L4 ? DATAGRAMS_MAX : SEGMENTS_MAX;
  return bytes > piece * most ? Verdict.SEGMENTS : Verdict.OK;
}

/** True when the unfinished checksum is that of the transport header, or there is none and there need not be one. */
function isChecksumThere(
  view: DataView,
  hdr: number,
  at: number,
  type: number,
  headers: Headers,
): boolean {
  if ((view.getUint8(hdr + Vnet.FLAGS) & Vnet.NEEDS_CSUM) === 0) return type !== Gso.UDP_L4;
  return view.getUint16(hdr + Vnet.CSUM_START, true) === headers.l4 - at &&
    view.getUint16(hdr + Vnet.CSUM_OFFSET, true) === headers.checksumOffset;
}

/** Bytes that the GSO size counts: the payload, to the end of the frame; for fragments the UDP header, too. */
function cutBytes(type: number, headers: Headers): number {
  return headers.frameEnd - (type === Gso.UDP ? headers.l4 : headers.payload);
}

/** Canonical form of a header whose frame has to be cut. */
function setLarge(
  view: DataView,
  hdr: number,
  at: number,
  partial: boolean,
  headers: Headers,
): void {
  const { l4, checksumOffset, frameEnd } = headers;
  view.setUint8(hdr + Vnet.FLAGS, Vnet.NEEDS_CSUM);
  view.setUint16(hdr + Vnet.HDR_LEN, headers.payload - at, true);
  if (headers.kind === Kind.UDP) {
    view.setUint8(hdr + Vnet.GSO_TYPE, view.getUint8(hdr + Vnet.GSO_TYPE) & ~Gso.ECN);
  }
  if (partial) return;
  view.setUint16(hdr + Vnet.CSUM_START, l4 - at, true);
  view.setUint16(hdr + Vnet.CSUM_OFFSET, checksumOffset, true);
  view.setUint16(l4 + checksumOffset, pseudoSum(view, headers, frameEnd - l4));
}

/** Canonical form of any other. */
function setSmall(view: DataView, hdr: number, partial: boolean): void {
  view.setInt32(hdr, 0);
  view.setUint16(hdr + Vnet.GSO_SIZE, 0);
  if (partial) view.setUint8(hdr + Vnet.FLAGS, Vnet.NEEDS_CSUM);
  else view.setInt32(hdr + Vnet.CSUM_START, 0);
}
