/**
 * UDP fragmentation (UFO): a datagram longer than the MTU becomes IP fragments.
 *
 * What leaves here is what Linux would have sent (udp4_ufo_fragment, udp6_ufo_fragment), with two exceptions,
 * both where nobody could put together what Linux makes: sizes that are no multiple of 8, which are rounded
 * down here, and extension headers of IPv6, which Linux counts into the offsets. (Of these it also cuts in
 * front of destination options that follow a routing header; here they are all in front of the cut.)
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import {
  type Headers,
  IPV6_BYTES,
  UDP_BYTES,
  UDP_CHECKSUM,
  UDP_PROTOCOL,
} from "../frame/headers.ts";
import type { Gather } from "./gather.ts";
import { copyHeaders, ipConstant, writeIp } from "./rewrite.ts";

/** Bytes of an IPv6 fragment header, and its protocol number (RFC 8200 4.5). */
export const FRAGMENT_BYTES = 8;
const FRAGMENT = 44;
/** More fragments follow, in the fragment word of IPv4; in that of IPv6. */
const MORE_IPV4 = 0x2000, MORE_IPV6 = 1;
/** Offset in an IPv6 header of what names the header behind it; in an extension header it is the first byte. */
const IPV6_NEXT = 6;

/**
 * Cut the datagram of a UDP frame into IP fragments with `size` bytes of it, rounded down to a multiple of
 * 8, the first of which has the UDP header among them.
 *
 * The fragments of IPv4 have the ID of the frame and DF cleared. Those of IPv6 have a fragment header with
 * `id` right in front of what is cut: all extension headers the walk knows may be there (RFC 8200 4.1).
 *
 * @param gather has room for all of them
 * @param headers of the frame at `at`; it is UDP
 * @param end of its payload, at most 65,535 behind its UDP header; bytes behind it are left out
 * @param size at least 8, and small enough for each frame to have an IP length
 * @param finish complete the checksum, which is over the whole datagram; otherwise it stays what it is
 * @returns how many frames were made
 */
export function fragmentUdp(
  view: DataView,
  gather: Gather,
  headers: Headers,
  at: number,
  end: number,
  size: number,
  id: number,
  finish: boolean,
): number {
  const { l3, l4, version } = headers;
  const step = size & ~7, first = gather.frames;
  const checksum = finish ? checksumOf(view, headers, end) : view.getUint16(l4 + UDP_CHECKSUM);
  const ipSum = ipConstant(view, headers), ipId = view.getUint16(l3 + 4);
  const headerBytes = l4 - at + (version === 6 ? FRAGMENT_BYTES : 0);
  for (let body = l4; body < end; body += step) {
    const length = Math.min(step, end - body), offset = body - l4;
    const isFirst = offset === 0, isLast = body + length === end;
    const udp = isFirst ? UDP_BYTES : 0, bytes = headerBytes - (l3 - at) + length;
    const to = gather.open(headerBytes + udp), ip = to + l3 - at;
    copyHeaders(view, at, to, l4 - at);
    writeIp(view, ip, version, bytes, ipId, offset >>> 3 | (isLast ? 0 : MORE_IPV4), ipSum);
    if (version === 6) writeFragment(view, ip, to + l4 - at, offset | (isLast ? 0 : MORE_IPV6), id);
    if (isFirst) writeUdp(view, l4, to + headerBytes, checksum);
    if (length > udp) gather.body(body + udp, length - udp);
    gather.close();
  }
  return gather.frames - first;
}

/** Checksum of the whole datagram; never 0, which would say that there is none (RFC 768). */
function checksumOf(view: DataView, headers: Headers, end: number): number {
  const { l4 } = headers;
  const found = view.getUint16(l4 + UDP_CHECKSUM);
  const whole = sum(view, l4, end - l4) + pseudoSum(view, headers, end - l4);
  const checksum = ~fold(whole + (found ^ 0xffff)) & 0xffff;
  return checksum === 0 ? 0xffff : checksum;
}

/** Copy the UDP header, with `checksum` in it. */
function writeUdp(view: DataView, from: number, to: number, checksum: number): void {
  copyHeaders(view, from, to, UDP_BYTES);
  view.setUint16(to + UDP_CHECKSUM, checksum);
}

/** Put a fragment header at `at`, behind all headers of the IPv6 packet at `ip`. */
function writeFragment(view: DataView, ip: number, at: number, word: number, id: number): void {
  let named = ip + IPV6_NEXT;
  for (let next = ip + IPV6_BYTES; next < at;) {
    named = next;
    next += 8 + view.getUint8(next + 1) * 8;
  }
  view.setUint8(named, FRAGMENT);
  view.setUint16(at, UDP_PROTOCOL << 8);
  view.setUint16(at + 2, word);
  view.setInt32(at + 4, id);
}
