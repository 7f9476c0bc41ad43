/**
 * The walk from the Ethernet header to the payload: VLAN tags, IPv4 or IPv6, TCP or UDP.
 *
 * Every length on the way is the guest's word. The walk believes none that leads out of the frame, makes
 * progress with every step and takes a bounded number of them; what it cannot follow it calls
 * {@linkcode Kind.OTHER}, and such a frame is left as it is. The result is offsets in memory, kept in one
 * object that is walked again for each frame.
 *
 * @module
 */
import { TAG_TYPE } from "./dot1q.ts";
import { ETHERTYPE, HEADER_BYTES } from "./ethernet.ts";

/** What a frame carries, as far as we know how to finish it. */
export const Kind = { OTHER: 0, TCP: 1, UDP: 2 } as const;

/** Ethertypes of a provider's VLAN tag (IEEE 802.1Q 9.4), of IPv4 and of IPv6. */
export const PROVIDER_TAG_TYPE = 0x88a8, IPV4_TYPE = 0x0800, IPV6_TYPE = 0x86dd;
/** Protocol numbers (IANA). */
export const TCP_PROTOCOL = 6, UDP_PROTOCOL = 17;
/** Bytes of the shortest IPv4 and TCP header, of an IPv6 header without extensions, of a UDP header. */
export const IPV4_BYTES = 20, TCP_BYTES = 20, IPV6_BYTES = 40, UDP_BYTES = 8;
/** Offset of the checksum in a TCP header (RFC 9293 3.1) and in a UDP header (RFC 768). */
export const TCP_CHECKSUM = 16, UDP_CHECKSUM = 6;

/** Tags in front of one another, and IPv6 extension headers, that are walked over. */
const MAX_TAGS = 2, MAX_EXTENSIONS = 8;
/** Extension headers (RFC 8200 4.1): hop-by-hop options, routing, fragment, destination options. */
const HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60;
/** IPv4: more fragments follow, or this is not the first (RFC 791 3.1). */
const FRAGMENTED = 0x3fff;

/** See the head of this file. All offsets are absolute; nothing is valid before the first walk. */
export class Headers {
  /**
   * A {@linkcode Kind}; TCP and UDP only when the whole transport header, TCP's options included, lies inside
   * the frame and the packet is no fragment.
   */
  kind: number = Kind.OTHER;
  /** 4, 6, or 0 when this is not IP or its header is malformed or cut off. */
  version = 0;
  /** Behind the Ethernet header and its tags. */
  l3 = 0;
  /** Behind the IP header, its options or extension headers; valid when there is a {@linkcode version}. */
  l4 = 0;
  /** Behind the transport header; valid when there is a {@linkcode kind}. */
  payload = 0;
  /** End of the IP packet by its own length field: may lie before any of the others, or beyond the frame. */
  end = 0;
  /** End of the frame. */
  frameEnd = 0;
  /** Transport protocol, -1 when it is unknown. */
  protocol = -1;
  /** The packet is a fragment, or has a fragment header though it is whole (RFC 6946). */
  fragment = false;

  /** True when there is a {@linkcode kind}, and the IP packet holds the header of it and ends in the frame. */
  get whole(): boolean {
    return this.kind !== Kind.OTHER && this.payload <= this.end && this.end <= this.frameEnd;
  }

  /** Offset of the checksum in the transport header; there has to be a {@linkcode kind}. */
  get checksumOffset(): number {
    return this.kind === Kind.TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
  }

  /** Walk the frame of `length` bytes at `at`. */
  walk(view: DataView, at: number, length: number): void {
    this.kind = Kind.OTHER;
    this.version = 0;
    this.protocol = -1;
    this.fragment = false;
    this.frameEnd = at + length;
    this.l3 =
      this.l4 =
      this.payload =
      this.end =
        this.frameEnd;
    if (length < HEADER_BYTES) return;
    const type = this.#tags(view, at);
    if (type === IPV4_TYPE) this.#ipv4(view);
    else if (type === IPV6_TYPE) this.#ipv6(view);
    if (this.fragment) return;
    if (this.protocol === TCP_PROTOCOL) this.#tcp(view);
    else if (this.protocol === UDP_PROTOCOL) this.#udp();
  }

  /** Finds {@linkcode l3}. Returns the ethertype of what is there. */
  #tags(view: DataView, at: number): number {
    let l3 = at + HEADER_BYTES;
    let type = view.getUint16(at + ETHERTYPE);
    for (let tags = 0; tags < MAX_TAGS && l3 + 4 <= this.frameEnd; tags++) {
      if (type !== TAG_TYPE && type !== PROVIDER_TAG_TYPE) break;
      type = view.getUint16(l3 + 2);
      l3 += 4;
    }
    this.l3 = l3;
    return type;
  }

  #ipv4(view: DataView): void {
    const { l3, frameEnd } = this;
    if (l3 + IPV4_BYTES > frameEnd) return;
    const first = view.getUint8(l3);
    const l4 = l3 + (first & 0x0f) * 4;
    if (first >>> 4 !== 4 || l4 < l3 + IPV4_BYTES || l4 > frameEnd) return;
    this.version = 4;
    this.l4 = l4;
    this.end = l3 + view.getUint16(l3 + 2);
    this.fragment = (view.getUint16(l3 + 6) & FRAGMENTED) !== 0;
    this.protocol = view.getUint8(l3 + 9);
  }

  #ipv6(view: DataView): void {
    const { l3, frameEnd } = this;
    if (l3 + IPV6_BYTES > frameEnd || view.getUint8(l3) >>> 4 !== 6) return;
    this.version = 6;
    this.l4 = l3 + IPV6_BYTES;
    this.end = l3 + IPV6_BYTES + view.getUint16(l3 + 4);
    this.protocol = this.#extensions(view, view.getUint8(l3 + 6));
    this.fragment = this.protocol === FRAGMENT;
  }

  /** Moves {@linkcode l4} behind the extension headers. Returns the protocol of what is there, or -1. */
  #extensions(view: DataView, first: number): number {
    const { frameEnd } = this;
    let next = first;
    for (let count = 0; next === HOP_BY_HOP || next === ROUTING || next === DESTINATION; count++) {
      const at = this.l4;
      if (count === MAX_EXTENSIONS || at + 8 > frameEnd) return -1;
      const behind = at + 8 + view.getUint8(at + 1) * 8;
      if (behind > frameEnd) return -1;
      // On its way the packet has another destination than the one its checksum is over (RFC 8200 8.1).
      if (next === ROUTING && view.getUint8(at + 3) !== 0) return -1;
      next = view.getUint8(at);
      this.l4 = behind;
    }
    return next;
  }

  #tcp(view: DataView): void {
    const { l4, frameEnd } = this;
    if (l4 + TCP_BYTES > frameEnd) return;
    const payload = l4 + (view.getUint8(l4 + 12) >>> 4) * 4;
    if (payload < l4 + TCP_BYTES || payload > frameEnd) return;
    this.kind = Kind.TCP;
    this.payload = payload;
  }

  #udp(): void {
    if (this.l4 + UDP_BYTES > this.frameEnd) return;
    this.kind = Kind.UDP;
    this.payload = this.l4 + UDP_BYTES;
  }
}
