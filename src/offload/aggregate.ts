/**
 * Segments of a TCP connection, one behind the other, as one large frame: the headers of the first, with the
 * length of all, and the payload of each where it lies.
 *
 * A VM without a vnet header gets a finished checksum, and no payload is read for it. Each segment's own
 * checksum tells the sum of its payload: what is missing to 0xffff beside its headers. Those sums added up
 * give the checksum of the whole, right if all were right, and wrong if one was wrong. A VM with a vnet
 * header gets the seed, which it takes on trust; the segments were verified before.
 *
 * @module
 */
import { atOffset, fold, pseudoSum, replace, sum } from "../frame/checksum.ts";
import { type Headers, IPV6_BYTES, TCP_CHECKSUM } from "../frame/headers.ts";
import { Gso, Vnet } from "../frame/vnet.ts";
import { FIN, PSH, TCP_ACK, TCP_SEQUENCE, TCP_WORD3 } from "./flow.ts";
import type { Gather } from "./gather.ts";
import type { VnetBytes } from "./policy.ts";
import { copyHeaders } from "./rewrite.ts";

/** Offsets in an IPv4 header (RFC 791 3.1). */
const IPV4_LENGTH = 2, IPV4_CHECKSUM = 10;
/** Offset of the payload length in an IPv6 header (RFC 8200 3). */
const IPV6_LENGTH = 4;
const TCP_WINDOW = 14, TCP_URGENT = 18;

/**
 * Put an aggregate into the gather, which has room for it.
 *
 * @param headers of its first frame, `k` counted from `from`
 * @param next the frame behind each, -1 behind the last
 * @returns how many frames it has
 */
export function emitAggregate(
  view: DataView,
  gather: Gather,
  headers: Headers,
  next: Int32Array,
  at: Int32Array,
  length: Int32Array,
  from: number,
  k: number,
  vnetBytes: VnetBytes,
): number {
  const first = at[from + k], { l4, payload } = headers;
  const l4At = l4 - first, payloadAt = payload - first;
  const to = gather.open(payloadAt);
  const constant = constantSum(view, headers);
  let frames = 0, bytes = 0, flags = 0, payloads = 0;
  for (let j = k; j >= 0; j = next[j]) {
    const frame = at[from + j], body = length[from + j] - payloadAt, tcp = frame + l4At;
    const word3 = view.getInt32(tcp + TCP_WORD3);
    flags |= word3 & (FIN | PSH);
    const known = constant + wordsOf(view, tcp, word3, payloadAt - l4At + body) +
      view.getUint16(tcp + TCP_CHECKSUM);
    payloads += atOffset(fold(known) ^ 0xffff, bytes);
    gather.body(frame + payloadAt, body);
    bytes += body;
    frames++;
  }
  copyHeaders(view, first, to, payloadAt);
  writeLength(view, headers, to + headers.l3 - first, payload - headers.l3 + bytes);
  const tcp = to + l4At, word3 = view.getInt32(tcp + TCP_WORD3) | flags;
  view.setInt32(tcp + TCP_WORD3, word3);
  const total = payload - l4 + bytes;
  if (vnetBytes === 0) {
    const all = constant + wordsOf(view, tcp, word3, total) + payloads;
    view.setUint16(tcp + TCP_CHECKSUM, fold(all) ^ 0xffff);
  } else {
    view.setUint16(tcp + TCP_CHECKSUM, pseudoSum(view, headers, total));
    describe(view, gather.vnet, headers.version, l4At, payloadAt, length[from + k] - payloadAt);
  }
  gather.close();
  return frames;
}

/** Sum of what all segments have in common: pseudo header and TCP header without length, sequence, flags, checksum. */
function constantSum(view: DataView, headers: Headers): number {
  const { l4, payload } = headers;
  const rest = sum(view, l4 + TCP_URGENT, payload - l4 - TCP_URGENT);
  return pseudoSum(view, headers, 0) + sum(view, l4, TCP_SEQUENCE) + sum(view, l4 + TCP_ACK, 4) +
    view.getUint16(l4 + TCP_WINDOW) + rest;
}

/** Sum of what differs: the sequence number at `tcp`, the flags, the length of header and payload. */
function wordsOf(view: DataView, tcp: number, word3: number, bytes: number): number {
  return view.getUint16(tcp + TCP_SEQUENCE) + view.getUint16(tcp + TCP_SEQUENCE + 2) +
    (word3 >>> 16) + bytes;
}

/** Write the length of the IP packet, `bytes`, into its header at `ip`. */
function writeLength(view: DataView, headers: Headers, ip: number, bytes: number): void {
  if (headers.version === 6) return view.setUint16(ip + IPV6_LENGTH, bytes - IPV6_BYTES);
  const checksum = view.getUint16(ip + IPV4_CHECKSUM), old = view.getUint16(ip + IPV4_LENGTH);
  view.setUint16(ip + IPV4_LENGTH, bytes);
  view.setUint16(ip + IPV4_CHECKSUM, replace(checksum, old, bytes));
}

/** Say in the vnet header at `hdr` how the frame is to be cut. */
function describe(
  view: DataView,
  hdr: number,
  version: number,
  l4: number,
  payload: number,
  size: number,
): void {
  view.setUint8(hdr + Vnet.FLAGS, Vnet.NEEDS_CSUM);
  view.setUint8(hdr + Vnet.GSO_TYPE, version === 4 ? Gso.TCPV4 : Gso.TCPV6);
  view.setUint16(hdr + Vnet.HDR_LEN, payload, true);
  view.setUint16(hdr + Vnet.GSO_SIZE, size, true);
  view.setUint16(hdr + Vnet.CSUM_START, l4, true);
  view.setUint16(hdr + Vnet.CSUM_OFFSET, TCP_CHECKSUM, true);
}
