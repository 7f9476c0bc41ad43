/**
 * UDP segmentation (USO): a frame with many datagrams of one size becomes a frame for each.
 *
 * What leaves here is what Linux would have sent (__udp_gso_segment, inet_gso_segment, ipv6_gso_segment).
 *
 * @module
 */
import { fold, pseudoSum, sum } from "../frame/checksum.ts";
import { type Headers, UDP_CHECKSUM } from "../frame/headers.ts";
import type { Gather } from "./gather.ts";
import { copyHeaders, ipConstant, writeIp } from "./rewrite.ts";

/** Offset of the length in a UDP header (RFC 768). */
const LENGTH = 4;

/**
 * Cut a UDP frame into datagrams with `size` bytes of payload, the last one with the rest. Each is a prefix
 * with the headers and one slice of the frame.
 *
 * Each has a UDP header of its own with its length and checksum (never 0, which would say that there is
 * none), and the ID of IPv4 counts on.
 *
 * @param gather has room for all of them
 * @param headers of the frame at `at`; it is UDP
 * @param end of its payload, which is not empty; bytes behind it are left out
 * @param size at least 1, and small enough for each frame to have an IP length
 * @returns how many frames were made
 */
export function segmentUdp(
  view: DataView,
  gather: Gather,
  headers: Headers,
  at: number,
  end: number,
  size: number,
): number {
  const { l3, l4, payload, version } = headers;
  const headerBytes = payload - at, first = gather.frames;
  const ipSum = ipConstant(view, headers), ipFlags = view.getUint16(l3 + 6);
  const udpSum = pseudoSum(view, headers, 0) + sum(view, l4, LENGTH);
  let id = view.getUint16(l3 + 4);
  for (let body = payload; body < end; body += size) {
    const length = Math.min(size, end - body), udpLength = payload - l4 + length;
    const to = gather.open(headerBytes), udp = to + l4 - at;
    copyHeaders(view, at, to, headerBytes);
    writeIp(view, to + l3 - at, version, l4 - l3 + udpLength, id++, ipFlags, ipSum);
    // The length counts twice: it is in the pseudo header, too.
    const checksum = ~fold(udpSum + 2 * udpLength + sum(view, body, length)) & 0xffff;
    view.setUint16(udp + LENGTH, udpLength);
    view.setUint16(udp + UDP_CHECKSUM, checksum === 0 ? 0xffff : checksum);
    gather.body(body, length);
    gather.close();
  }
  return gather.frames - first;
}
