/**
 * Where we mean to differ from Linux, and why.
 *
 * A difference explains as few cases as its reason allows; what none explains is a fault of ours. It is about
 * a frame with a vnet header, and a VM that takes nothing unfinished.
 *
 * @module
 */
import { SEGMENTS_MAX, SIZE_MIN, Verdict } from "../../src/offload/accept.ts";
import { verifies } from "../offload/naive_segment.ts";
import type { VnetHeader } from "../support/vnet_header.ts";
import { extensionsOf, l3Of, payloadOf, tagsOf, versionOf } from "./layout.ts";
import type { Opinions } from "./opinions.ts";

/** See the head of this file. */
export interface Difference {
  readonly reason: string;
  explains(opinions: Opinions): boolean;
}

const NEEDS_CSUM = 1, UFO = 3, ECN = 0x80;
const ETHERNET_BYTES = 14, IPV6_BYTES = 40, TCP = 6, UDP = 17, ROUTING = 43;

/** We refuse what Linux takes. */
const STRICTER: readonly Difference[] = [
  stricter(
    Verdict.HEADER_LENGTH,
    "hdr_len goes beyond the frame by at most 2 bytes: Linux compares it with the length of the frame and of " +
      "the last field of the vnet header",
    ({ header, frame }) => header.headerLength <= frame.length + 2,
  ),
  stricter(
    Verdict.GSO_SIZE,
    "segments of less than 32 bytes; Linux makes as many of them as it is asked for",
    ({ header, linux }) => header.gsoSize < SIZE_MIN && linux.length > 1,
  ),
  stricter(
    Verdict.GSO_PACKET,
    "the GSO type is not that of the packet, which Linux does not look at where nothing is to be cut",
    ({ linux }) => linux.length === 1,
  ),
  stricter(
    Verdict.GSO_PACKET,
    "the IP version is not that of the ethertype, and Linux does not look at it",
    ({ frame }) => versionOf(frame) !== (frame[l3Of(frame) - 2] === 0x86 ? 6 : 4),
  ),
  stricter(
    Verdict.GSO_PACKET,
    "three tags: we look behind two",
    ({ frame }) => tagsOf(frame) > 2,
  ),
  stricter(
    Verdict.GSO_PACKET,
    "a routing header with segments left: the checksum is over an address that is not in the IP header",
    ({ frame }) =>
      extensionsOf(frame).some(({ type, at }) => type === ROUTING && frame[at + 3] > 0),
  ),
  stricter(
    Verdict.GSO_PACKET,
    "nine extension headers: we look behind eight",
    ({ frame }) => extensionsOf(frame).length > 8,
  ),
  stricter(
    Verdict.GSO_FRAGMENT,
    "a fragment that is to be cut: it would become fragments of a false whole",
  ),
  stricter(
    Verdict.GSO_LENGTH,
    "the IP packet ends behind the frame, and Linux makes it end with it",
  ),
  stricter(
    Verdict.GSO_CHECKSUM,
    "to be cut, with an unfinished checksum in another place than the transport header's: Linux writes it " +
      "there, or does not look at it for a packet it need not cut",
  ),
  stricter(
    Verdict.SEGMENTS,
    "a frame that becomes hundreds of frames; Linux makes all of them",
    // fewer at Linux when a UFO size is rounded down to a multiple of 8
    ({ linux }) => linux.length > SEGMENTS_MAX * SIZE_MIN / (SIZE_MIN + 7),
  ),
];

/** We drop, at the port it leaves by, what Linux cuts. */
const LATER: readonly Difference[] = [
  {
    reason: "headers of more than 512 bytes: we cut no frame with so many",
    explains: ({ verdict, frame, ours, linux }) =>
      verdict === Verdict.OK && ours.length === 0 && linux.length > 1 &&
      payloadOf(frame) > 512,
  },
];

/** We take what Linux refuses. */
const KINDER: readonly Difference[] = [
  {
    reason:
      "hdr_len, on which nobody may rely, is shorter than an Ethernet header, and no checksum makes it longer",
    explains: ({ refused, verdict, header }) =>
      refused && verdict === Verdict.OK && (header.flags & NEEDS_CSUM) === 0 &&
      header.headerLength > 0 && header.headerLength < ETHERNET_BYTES,
  },
  {
    reason:
      "a GSO type, and a payload that needs no cutting: Linux counts headers as payload, tries, and drops it",
    explains: ({ refused, linux, ours, header }) =>
      !refused && linux.length === 0 && ours.length === 1 && header.gsoType !== 0,
  },
  {
    reason: "an unfinished checksum, two tags, and ethertype 0, which for Linux is none",
    explains: ({ refused, linux, ours, frame }) =>
      !refused && linux.length === 0 && ours.length === 1 && tagsOf(frame) === 2 &&
      frame[l3Of(frame) - 2] === 0 && frame[l3Of(frame) - 1] === 0,
  },
];

/** Both take it, and make something else of it. */
const OTHERWISE: readonly Difference[] = [
  {
    reason:
      "the seed in the field is wrong and so is the checksum of all of Linux's segments; ours are right",
    explains: ({ header, ours, linux }) => {
      const { flags, gsoType, checksumStart, checksumOffset } = header;
      if ((flags & NEEDS_CSUM) === 0 || ours.length < 2 || (gsoType & ~ECN) === UFO) return false;
      const field = checksumStart + checksumOffset, protocol = checksumOffset === 6 ? UDP : TCP;
      return same(ours, linux, field, 2) && ours.every((frame) => verifies(frame, protocol)) &&
        linux.every((frame) => !verifies(frame, protocol));
    },
  },
  {
    reason:
      "the size of UDP fragments is no multiple of 8: Linux makes some that overlap, we round down",
    explains: ({ header, ours }) => isUfo(header, ours) && header.gsoSize % 8 !== 0,
  },
  {
    reason: "the identification of IPv6 fragments is a random number",
    explains: ({ header, ours, linux, frame }) =>
      isUfo(header, ours) && versionOf(frame) === 6 &&
      same(ours, linux, l3Of(frame) + IPV6_BYTES + 4, 4),
  },
  {
    reason:
      "UDP fragments over IPv6 with extension headers: Linux counts those into the fragment offsets",
    explains: ({ header, ours, frame }) =>
      isUfo(header, ours) && versionOf(frame) === 6 && extensionsOf(frame).length > 0,
  },
];

/** All of them; the first that explains a case is the one. */
export const DIFFERENCES: readonly Difference[] = [...STRICTER, ...LATER, ...KINDER, ...OTHERWISE];

function stricter(
  verdict: number,
  reason: string,
  when: (opinions: Opinions) => boolean = () => true,
): Difference {
  const explains = (opinions: Opinions) =>
    opinions.verdict === verdict && opinions.linux.length > 0 && when(opinions);
  return { reason, explains };
}

function isUfo({ gsoType }: VnetHeader, ours: readonly Uint8Array[]): boolean {
  return (gsoType & ~ECN) === UFO && ours.length > 1;
}

/** True when the frames are the same but for `length` bytes at `at` in each. */
function same(
  ours: readonly Uint8Array[],
  linux: readonly Uint8Array[],
  at: number,
  length: number,
) {
  return ours.length === linux.length &&
    ours.every((frame, i) =>
      frame.length === linux[i].length &&
      frame.every((byte, k) => byte === linux[i][k] || (k >= at && k < at + length))
    );
}
