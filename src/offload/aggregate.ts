/**
 * An aggregate in the making: the first of its segments, and what the next one has to look like.
 *
 * The headers of a segment that continues a flow are those of the segments before it, but for a few fields
 * that are foretold. So a segment is not walked: it is compared, word by word, with the first, which was. What
 * the comparison skips is exactly what may differ: lengths, checksums, the urgent pointer (no segment here has
 * URG), FIN and PSH.
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import { type Headers, IPV4_BYTES, IPV6_BYTES, Kind, TCP_BYTES } from "../frame/headers.ts";
import { Feature, type Features } from "./features.ts";
import { ipConstant, MAX_PACKET } from "./rewrite.ts";

/** Most segments of an aggregate. */
export const MERGED_SEGMENTS = 128;
/** Longest headers of an aggregate: tags, IPv6 and TCP with all its options need 122 bytes. */
export const MERGED_HEADERS = 256;

/** Offset of flags and window, a word of 32 bits, in a TCP header (RFC 9293 3.1). */
export const FLAGS_WINDOW = 12;
/** Of sequence number and acknowledgment. */
const SEQUENCE = 4, ACKNOWLEDGMENT = 8;
/** FIN and PSH in the word of {@linkcode FLAGS_WINDOW}: they end an aggregate. */
const FIN_PSH = 0x0009_0000;
/** CWR, URG, PSH, RST, SYN and FIN in it: no segment may follow one that has any of them. */
const ALONE = 0x00af_0000;
/** Offsets in an IPv4 header: ID and fragment word, TTL and protocol, checksum, addresses; addresses in IPv6. */
const ID = 4, TTL = 8, IPV4_CHECKSUM = 10, IPV4_ADDRESSES = 12, IPV6_ADDRESSES = 8;
/** "Don't fragment": the only flag of IPv4 that a segment may have. */
const DF = 0x4000;
/** Bytes of the two addresses of an Ethernet frame. */
const MAC_BYTES = 12;

/** True when the frame at `at`, which was walked, is a segment that others may follow. */
export function isFirst(view: DataView, headers: Headers, at: number, takes: Features): boolean {
  const { kind, version, l3, l4, payload, end, frameEnd } = headers;
  if (kind !== Kind.TCP || end !== frameEnd || payload >= end) return false;
  if ((view.getInt32(l4 + FLAGS_WINDOW) & ALONE) !== 0) return false;
  if (payload - at > MERGED_HEADERS) return false;
  if (version === 6) return (takes & Feature.TSO6) !== 0;
  return (takes & Feature.TSO4) !== 0 && l4 - l3 === IPV4_BYTES &&
    (view.getUint16(l3 + 6) & ~DF) === 0 && sum(view, l3, IPV4_BYTES) === 0xffff;
}

/** See the head of this file. */
export class Aggregate {
  /** Index of its last segment, and how many there are. */
  last = 0;
  segments = 0;
  /** The first segment, and where its headers are, relative to it. */
  #at = 0;
  #l3 = 0;
  #l4 = 0;
  #payload = 0;
  #version = 0;
  /** Bytes of payload of each segment but the last. */
  #mss = 0;
  /** Bytes of the frame so far, and at most. */
  #length = 0;
  #most = 0;
  /** The next sequence number; and for IPv4 the next ID with the fragment word, and the words they stand among. */
  #sequence = 0;
  #id = 0;
  #fragment = 0;
  #typeOfService = 0;
  #ipSum = 0;
  /** The first segment's checksum is right without being read. */
  #isTrusted = false;
  /** Sum of the pseudo header without length; -1 until the first segment's checksum was found right. */
  #pseudo = -1;

  /** Begin with the frame at `at`, of `length` bytes, which {@linkcode isFirst}. */
  begin(
    view: DataView,
    headers: Headers,
    at: number,
    length: number,
    index: number,
    most: number,
    isTrusted: boolean,
  ): void {
    const { l3, l4, payload, version } = headers;
    this.#isTrusted = isTrusted;
    this.last = index;
    this.segments = 1;
    this.#at = at;
    this.#l3 = l3 - at;
    this.#l4 = l4 - at;
    this.#payload = payload - at;
    this.#version = version;
    this.#mss = at + length - payload;
    this.#length = length;
    this.#most = Math.min(most, l3 - at + MAX_PACKET);
    this.#sequence = (view.getInt32(l4 + SEQUENCE) + this.#mss) | 0;
    this.#pseudo = -1;
    if (version === 6) return;
    this.#id = (view.getUint16(l3 + ID) + 1) & 0xffff;
    this.#fragment = view.getUint16(l3 + ID + 2);
    this.#typeOfService = view.getUint16(l3);
    this.#ipSum = ipConstant(view, headers) + this.#fragment;
  }

  /** True when the frame at `at` is the next segment; the payload of neither was read. */
  isContinuedBy(view: DataView, at: number, length: number): boolean {
    const payload = length - this.#payload, first = this.#at, l3 = this.#l3;
    if (payload <= 0 || payload > this.#mss || this.#length + payload > this.#most) return false;
    // Not even another flow's segment is likely to have this number.
    if (view.getInt32(at + this.#l4 + SEQUENCE) !== this.#sequence) return false;
    return this.segments < MERGED_SEGMENTS && this.#hasTcpOf(view, at + this.#l4) &&
      (this.#version === 4
        ? this.#hasIpv4Of(view, at + l3, length - l3)
        : this.#hasIpv6Of(view, at + l3, length - l3)) &&
      areSame(view, at, first, l3);
  }

  /**
   * True when the checksums of the first segment and of the one at `at`, which continues it, are right.
   *
   * @param isTrusted that of the one at `at` is, without being read
   */
  verify(
    view: DataView,
    headers: Headers,
    at: number,
    length: number,
    isTrusted: boolean,
  ): boolean {
    const l4 = this.#l4;
    if (isTrusted && this.#isTrusted) return true;
    if (this.#pseudo < 0) {
      const first = this.#at, firstLength = this.#payload + this.#mss;
      headers.walk(view, first, firstLength);
      const pseudo = pseudoSum(view, headers, 0);
      if (!this.#isTrusted && !isRight(view, first + l4, firstLength - l4, pseudo)) return false;
      this.#pseudo = pseudo;
    }
    return isTrusted || isRight(view, at + l4, length - l4, this.#pseudo);
  }

  /**
   * Take in the frame at `at`, which continues this.
   *
   * @returns true when nothing may follow it
   */
  append(view: DataView, at: number, length: number, index: number): boolean {
    const payload = length - this.#payload;
    this.last = index;
    this.segments++;
    this.#length += payload;
    this.#sequence = (this.#sequence + payload) | 0;
    this.#id = (this.#id + 1) & 0xffff;
    return payload < this.#mss ||
      (view.getInt32(at + this.#l4 + FLAGS_WINDOW) & FIN_PSH) !== 0;
  }

  /**
   * True when the frame at `at`, which was walked and does not continue this, may be of the same connection: what
   * comes behind it must not get in front of it. What is neither TCP nor UDP, a fragment for instance, may be.
   */
  isEndedBy(view: DataView, headers: Headers, at: number): boolean {
    const { kind, version, l3, l4 } = headers;
    if (kind === Kind.UDP || !areSame(view, at, this.#at, MAC_BYTES)) return false;
    if (kind === Kind.OTHER) return true;
    if (version !== this.#version) return false;
    if (view.getInt32(l4) !== view.getInt32(this.#at + this.#l4)) return false;
    const ip = this.#at + this.#l3;
    return version === 4
      ? areSame(view, l3 + IPV4_ADDRESSES, ip + IPV4_ADDRESSES, 8)
      : areSame(view, l3 + IPV6_ADDRESSES, ip + IPV6_ADDRESSES, 32);
  }

  #hasTcpOf(view: DataView, tcp: number): boolean {
    const first = this.#at + this.#l4, options = this.#payload - this.#l4 - TCP_BYTES;
    const flags = view.getInt32(tcp + FLAGS_WINDOW) ^ view.getInt32(first + FLAGS_WINDOW);
    return (flags & ~FIN_PSH) === 0 && view.getInt32(tcp) === view.getInt32(first) &&
      view.getInt32(tcp + ACKNOWLEDGMENT) === view.getInt32(first + ACKNOWLEDGMENT) &&
      (options === 0 || areSame(view, tcp + TCP_BYTES, first + TCP_BYTES, options));
  }

  #hasIpv4Of(view: DataView, ip: number, bytes: number): boolean {
    const first = this.#at + this.#l3, id = this.#id;
    if (view.getInt32(ip) !== (this.#typeOfService << 16 | bytes)) return false;
    if (view.getInt32(ip + ID) !== (id << 16 | this.#fragment)) return false;
    if (view.getUint16(ip + TTL) !== view.getUint16(first + TTL)) return false;
    if (!areSame(view, ip + IPV4_ADDRESSES, first + IPV4_ADDRESSES, 8)) return false;
    return fold(this.#ipSum + bytes + id + view.getUint16(ip + IPV4_CHECKSUM)) === 0xffff;
  }

  #hasIpv6Of(view: DataView, ip: number, bytes: number): boolean {
    const first = this.#at + this.#l3;
    return view.getInt32(ip) === view.getInt32(first) &&
      view.getUint16(ip + 4) === bytes - IPV6_BYTES &&
      areSame(view, ip + 6, first + 6, this.#l4 - this.#l3 - 6);
  }
}

/** True when `bytes` bytes, at least 4, are the same at both places; the last word may overlap the one before. */
function areSame(view: DataView, a: number, b: number, bytes: number): boolean {
  const last = bytes - 4;
  for (let i = 0; i < last; i += 4) {
    if (view.getInt32(a + i, true) !== view.getInt32(b + i, true)) return false;
  }
  return view.getInt32(a + last, true) === view.getInt32(b + last, true);
}

/** True when the checksum of `bytes` bytes of TCP is right; `pseudo` is the sum of the pseudo header without length. */
function isRight(view: DataView, tcp: number, bytes: number, pseudo: number): boolean {
  return fold(pseudo + bytes + sum(view, tcp, bytes)) === 0xffff;
}
