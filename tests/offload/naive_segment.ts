/**
 * Cutting frames the slow way: copy everything, set the fields, sum up byte by byte.
 *
 * The rules are those of Linux (tcp_gso_segment, __udp_gso_segment, udp4_ufo_fragment, udp6_ufo_fragment,
 * inet_gso_segment, ipv6_gso_segment), written from their description and not from the code under test.
 *
 * @module
 */
import { viewOf } from "./frames.ts";
import { complement, onesSum } from "./naive_checksum.ts";

/** A frame and where its headers are. */
interface Parsed {
  readonly l3: number;
  readonly l4: number;
  readonly version: number;
  /** Offset of the byte that names the header at `l4`. */
  readonly nextAt: number;
}

const FIN = 0x01, PSH = 0x08, CWR = 0x80;

/** What a TCP frame whose payload ends at `end` becomes when it is cut into pieces of `mss` bytes. */
export function naiveTcp(frame: Uint8Array, mss: number, end = frame.length): Uint8Array[] {
  const parsed = parse(frame), { l4 } = parsed;
  const payload = l4 + (frame[l4 + 12] >> 4) * 4;
  const seq = viewOf(frame).getUint32(l4 + 4);
  return cut(frame, payload, mss, end).map((segment, i, all) => {
    const view = viewOf(segment);
    view.setUint32(l4 + 4, (seq + i * mss) % 2 ** 32);
    if (i < all.length - 1) segment[l4 + 13] &= ~(FIN | PSH);
    if (i > 0) segment[l4 + 13] &= ~CWR;
    finishIp(segment, parsed, i);
    view.setUint16(l4 + 16, 0);
    view.setUint16(l4 + 16, complement(transportSum(segment, parsed, 6)));
    return segment;
  });
}

/** What a UDP frame becomes when each `size` bytes of its payload are to be a datagram of their own. */
export function naiveUdp(frame: Uint8Array, size: number, end = frame.length): Uint8Array[] {
  const parsed = parse(frame), { l4 } = parsed;
  return cut(frame, l4 + 8, size, end).map((datagram, i) => {
    viewOf(datagram).setUint16(l4 + 4, datagram.length - l4);
    finishIp(datagram, parsed, i);
    finishUdp(datagram, parsed);
    return datagram;
  });
}

/** What a UDP frame becomes when its datagram is cut into IP fragments. */
export function naiveFragments(
  frame: Uint8Array,
  size: number,
  id: number,
  end = frame.length,
): Uint8Array[] {
  const whole = frame.slice(0, end), parsed = parse(whole), { version, l3, l4, nextAt } = parsed;
  finishUdp(whole, parsed);
  const step = Math.floor(size / 8) * 8;
  return cut(whole, l4, step, end).map((piece, i) => {
    const more = l4 + (i + 1) * step < end ? 1 : 0;
    if (version === 4) {
      viewOf(piece).setUint16(l3 + 6, (more << 13) + i * step / 8);
      finishIp(piece, parsed, 0);
      return piece;
    }
    const fragment = new Uint8Array(piece.length + 8), view = viewOf(fragment);
    fragment.set(piece.subarray(0, l4));
    fragment.set(piece.subarray(l4), l4 + 8);
    fragment[nextAt] = 44;
    fragment[l4] = 17;
    view.setUint16(l4 + 2, i * step + more);
    view.setUint32(l4 + 4, id);
    finishIp(fragment, parsed, 0);
    return fragment;
  });
}

/** True when the checksum of a TCP or UDP frame that ends at `end` is right. */
export function verifies(frame: Uint8Array, protocol: number, end = frame.length): boolean {
  const whole = frame.subarray(0, end);
  return transportSum(whole, parse(whole), protocol) === 0xffff;
}

/** Copies of the headers, which end at `from`, each with the next `size` bytes of what is behind them. */
function cut(frame: Uint8Array, from: number, size: number, end: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = from; at < end; at += size) {
    const body = frame.subarray(at, Math.min(at + size, end));
    const piece = new Uint8Array(from + body.length);
    piece.set(frame.subarray(0, from));
    piece.set(body, from);
    pieces.push(piece);
  }
  return pieces;
}

function parse(frame: Uint8Array): Parsed {
  const view = viewOf(frame);
  let l3 = 14;
  while ([0x8100, 0x88a8].includes(view.getUint16(l3 - 2))) l3 += 4;
  if (view.getUint16(l3 - 2) === 0x0800) {
    return { l3, l4: l3 + (frame[l3] & 15) * 4, version: 4, nextAt: l3 + 9 };
  }
  let l4 = l3 + 40, nextAt = l3 + 6;
  while ([0, 43, 60].includes(frame[nextAt])) {
    nextAt = l4;
    l4 += 8 + frame[l4 + 1] * 8;
  }
  return { l3, l4, version: 6, nextAt };
}

/** Set the lengths, and for IPv4 add `number` to the ID and set the checksum. */
function finishIp(frame: Uint8Array, { l3, l4, version }: Parsed, number: number): void {
  const view = viewOf(frame);
  if (version === 6) return view.setUint16(l3 + 4, frame.length - l3 - 40);
  view.setUint16(l3 + 2, frame.length - l3);
  view.setUint16(l3 + 4, (view.getUint16(l3 + 4) + number) % 65_536);
  view.setUint16(l3 + 10, 0);
  view.setUint16(l3 + 10, complement(onesSum(frame.subarray(l3, l4))));
}

function finishUdp(frame: Uint8Array, parsed: Parsed): void {
  const view = viewOf(frame), field = parsed.l4 + 6;
  view.setUint16(field, 0);
  const checksum = complement(transportSum(frame, parsed, 17));
  view.setUint16(field, checksum === 0 ? 0xffff : checksum);
}

/** Sum of the pseudo header and of everything from the transport header on. */
function transportSum(frame: Uint8Array, parsed: Parsed, protocol: number): number {
  const { l3, l4, version } = parsed, length = frame.length - l4;
  const addresses = version === 4
    ? frame.subarray(l3 + 12, l3 + 20)
    : frame.subarray(l3 + 8, l3 + 40);
  return onesSum(addresses, [0, protocol, length >> 8, length & 255], frame.subarray(l4));
}
