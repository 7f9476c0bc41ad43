/**
 * TCP segmentation: one frame of up to 64 KiB becomes frames with `mss` bytes of payload each.
 *
 * What leaves here is what Linux would have sent (tcp_gso_segment, inet_gso_segment, ipv6_gso_segment), bit
 * by bit, so that a guest cannot tell whether its own kernel, its host's or this switch cut the frame.
 *
 * @module
 */
import { atOffset, fold, pseudoSum, sum } from "../frame/checksum.ts";
import { type Headers, TCP_CHECKSUM } from "../frame/headers.ts";
import type { Gather } from "./gather.ts";
import { copyHeaders, ipConstant, writeIp } from "./rewrite.ts";

/** Offsets in a TCP header (RFC 9293 3.1): sequence number, data offset and flags. */
const SEQUENCE = 4, FLAGS = 12;
/** Flags that belong to the end of what was sent, and the one that belongs to its beginning (RFC 3168 6.1.2). */
const FIN_PSH = 0x0009, CWR = 0x0080;

/**
 * Cut a TCP frame into frames with `mss` bytes of payload, the last one with the rest. Each is a prefix with
 * the headers and one slice of the frame.
 *
 * FIN and PSH stay on the last and CWR on the first, the sequence number counts on, and so does the ID of
 * IPv4, even where DF makes it meaningless. Lengths and both checksums are new; the checksum found in the
 * frame, a seed perhaps, is not used.
 *
 * @param gather has room for all of them
 * @param headers of the frame at `at`; it is TCP
 * @param end of its payload, which is not empty; bytes behind it are left out
 * @param mss at least 1, and small enough for each frame to have an IP length
 * @param verify the frame's checksum is finished: a corrupt frame must not become right ones
 * @returns how many frames were made; -1, and none is, when the frame is corrupt
 */
export function segmentTcp(
  view: DataView,
  gather: Gather,
  headers: Headers,
  at: number,
  end: number,
  mss: number,
  verify: boolean,
): number {
  const { l3, l4, payload, version } = headers;
  const headerBytes = payload - at, first = gather.frames;
  const ipSum = ipConstant(view, headers), ipFlags = view.getUint16(l3 + 6);
  const tcpSum = tcpConstant(view, headers);
  const flags = view.getUint16(l4 + FLAGS);
  let id = view.getUint16(l3 + 4), sequence = view.getInt32(l4 + SEQUENCE);
  let all = 0;
  for (let body = payload; body < end; body += mss) {
    const length = Math.min(mss, end - body);
    const bodySum = sum(view, body, length);
    all += atOffset(bodySum, body - payload);
    const to = gather.open(headerBytes), tcp = to + l4 - at;
    copyHeaders(view, at, to, headerBytes);
    writeIp(view, to + l3 - at, version, payload - l3 + length, id++, ipFlags, ipSum);
    const here = flagsOf(flags, body === payload, body + length === end);
    view.setInt32(tcp + SEQUENCE, sequence);
    view.setUint16(tcp + FLAGS, here);
    const words = (sequence >>> 16) + (sequence & 0xffff) + here + payload - l4 + length;
    view.setUint16(tcp + TCP_CHECKSUM, ~fold(tcpSum + words + bodySum));
    sequence = (sequence + mss) | 0;
    gather.body(body, length);
    gather.close();
  }
  if (!verify || isRight(view, headers, end, all)) return gather.frames - first;
  gather.rewind(first);
  return -1;
}

/** Sum of the pseudo header and the TCP header without length, sequence number, flags and checksum. */
function tcpConstant(view: DataView, headers: Headers): number {
  const { l4, payload } = headers;
  const ports = sum(view, l4, 4), acknowledgment = sum(view, l4 + 8, 4);
  const window = view.getUint16(l4 + 14), rest = sum(view, l4 + 18, payload - l4 - 18);
  return fold(pseudoSum(view, headers, 0) + ports + acknowledgment + window + rest);
}

function flagsOf(flags: number, isFirst: boolean, isLast: boolean): number {
  return flags & (isFirst ? -1 : ~CWR) & (isLast ? -1 : ~FIN_PSH);
}

/** True when the checksum in the frame is that of its header and a payload that sums up to `payloadSum`. */
function isRight(view: DataView, headers: Headers, end: number, payloadSum: number): boolean {
  const { l4, payload } = headers;
  const header = sum(view, l4, payload - l4) + pseudoSum(view, headers, end - l4);
  return fold(header + payloadSum) === 0xffff;
}
