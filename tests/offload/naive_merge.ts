/**
 * Putting segments together the slow way: take frames apart into strings, compare those, and build a new frame.
 *
 * The rules are Linux's (inet_gro_receive, ipv6_gro_receive, tcp_gro_receive), written from their description
 * and not from the code under test; and no frame overtakes another one of its connection.
 *
 * @module
 */
import { viewOf } from "./frames.ts";
import { onesSum } from "./naive_checksum.ts";

/** What a VM takes, and what is known of the frames. */
export interface MergeRules {
  readonly tso4: boolean;
  readonly tso6: boolean;
  /** Bytes of the longest frame. */
  readonly most: number;
  /** Frames with a bad checksum stay alone. */
  readonly verify: boolean;
  /** Bytes of the vnet header in front of what was put together. */
  readonly vnet: 0 | 10 | 12;
  /** By frame: it has to stay alone. */
  readonly excluded: readonly boolean[];
}

/** A frame that goes out, with its vnet header if it was put together; and of which frames, by index. */
export interface Outgoing {
  readonly of: readonly number[];
  readonly wire: Uint8Array;
}

/** Most aggregates at a time, and most segments of one. */
const OPEN = 16, SEGMENTS = 128;
const FIN = 1, SYN = 2, RST = 4, PSH = 8, URG = 32, CWR = 128;

/** A frame taken apart. */
interface Parsed {
  readonly kind: "tcp" | "udp" | "other";
  /** What says who talks to whom: MAC addresses only, and all of it. */
  readonly stations: string;
  readonly connection: string;
}

/** A TCP segment that may be put together with others. */
interface Segment extends Parsed {
  readonly bytes: Uint8Array;
  readonly version: 4 | 6;
  readonly l3: number;
  readonly l4: number;
  readonly body: number;
  /** All that does not change from one segment to the next. */
  readonly constant: string;
  readonly seq: number;
  readonly id: number;
  readonly flags: number;
  /** What is wrong with the checksum: 0, or by how much its sum is off, modulo 0xffff. */
  readonly error: number;
}

/** What goes out for these frames, in this order. */
export function naiveMerge(frames: readonly Uint8Array[], rules: MergeRules): Outgoing[] {
  const groups: number[][] = [];
  let open: { readonly group: number[]; readonly segments: Segment[] }[] = [];
  frames.forEach((frame, i) => {
    const parsed = parse(frame);
    const segment = rules.excluded[i] ? undefined : asSegment(frame, parsed);
    const grown = segment && open.find(({ segments }) => continues(segments, segment, rules));
    if (grown) {
      grown.group.push(i);
      grown.segments.push(segment);
      if (ends(grown.segments[0], segment)) open = open.filter((each) => each !== grown);
      return;
    }
    open = open.filter(({ segments: [first] }) => !mayBeOf(first, parsed));
    const group = [i];
    groups.push(group);
    if (segment && begins(segment, rules)) {
      open = [...open, { group, segments: [segment] }].slice(-OPEN);
    }
  });
  return groups.map((of) => ({
    of,
    wire: of.length === 1 ? frames[of[0]] : merge(of.map((i) => frames[i]), rules.vnet),
  }));
}

function begins({ version, flags }: Segment, { tso4, tso6 }: MergeRules): boolean {
  return (version === 4 ? tso4 : tso6) && (flags & (FIN | SYN | RST | PSH | URG | CWR)) === 0;
}

function continues(all: readonly Segment[], next: Segment, rules: MergeRules): boolean {
  const [first] = all, size = sizeOf(first);
  const bytes = all.reduce((sum, each) => sum + sizeOf(each), 0);
  const length = first.body + bytes + sizeOf(next);
  return next.constant === first.constant &&
    next.seq === (first.seq + bytes) % 2 ** 32 &&
    (first.version === 6 || next.id === (first.id + all.length) % 65_536) &&
    sizeOf(next) <= size &&
    all.length < SEGMENTS &&
    length - first.l3 <= 65_535 && length <= rules.most &&
    (!rules.verify || (first.error === 0 && next.error === 0));
}

function ends(first: Segment, last: Segment): boolean {
  return sizeOf(last) < sizeOf(first) || (last.flags & (FIN | PSH)) !== 0;
}

/** A frame that is no TCP or UDP header may belong to any connection of the same stations. */
function mayBeOf(first: Segment, { kind, stations, connection }: Parsed): boolean {
  if (kind === "tcp") return connection === first.connection;
  return kind === "other" && stations === first.stations;
}

function sizeOf({ bytes, body }: Segment): number {
  return bytes.length - body;
}

/** The frame of all of these, with a vnet header of `vnet` bytes in front. */
function merge(frames: readonly Uint8Array[], vnet: number): Uint8Array {
  const segments = frames.map((frame) => asSegment(frame, parse(frame))!);
  const [first] = segments, last = segments.at(-1)!, { l3, l4, body, version } = first;
  const payloads = segments.map((each) => each.bytes.subarray(each.body));
  const frame = Uint8Array.from(
    [first.bytes.subarray(0, body), ...payloads].flatMap((p) => [...p]),
  );
  const view = viewOf(frame);
  if (version === 4) {
    view.setUint16(l3 + 2, frame.length - l3);
    view.setUint16(l3 + 10, 0);
    view.setUint16(l3 + 10, 0xffff - onesSum(frame.subarray(l3, l4)));
  } else view.setUint16(l3 + 4, frame.length - l3 - 40);
  frame[l4 + 13] |= last.flags;
  view.setUint16(l4 + 16, 0);
  if (vnet !== 0) {
    view.setUint16(l4 + 16, onesSum(pseudoHeader(frame, l3, l4, version)));
    const type = version === 4 ? 1 : 4;
    return Uint8Array.from([...vnetHeader(vnet, type, body, sizeOf(first), l4), ...frame]);
  }
  // The new sum is wrong by all that the old ones were wrong by; at an odd offset a byte counts 256 times.
  const wrong = segments.map(({ error }, i) => error * (i * sizeOf(first) % 2 === 1 ? 256 : 1));
  const sum = onesSum(pseudoHeader(frame, l3, l4, version), frame.subarray(l4));
  const checksum = (wrong.reduce((a, b) => a + b) - sum) % 0xffff;
  view.setUint16(l4 + 16, (checksum + 0xffff) % 0xffff);
  return frame;
}

function vnetHeader(bytes: number, type: number, headers: number, size: number, l4: number) {
  const little = (word: number) => [word & 255, word >> 8];
  const fields = [1, type, ...little(headers), ...little(size), ...little(l4), ...little(16)];
  return bytes === 12 ? [...fields, 1, 0] : fields;
}

/** What may be put together with others, of frames that are TCP. */
function asSegment(bytes: Uint8Array, parsed: Parsed): Segment | undefined {
  const place = placeOf(bytes);
  if (parsed.kind !== "tcp" || place === undefined) return undefined;
  const { l3, l4, version } = place, view = viewOf(bytes);
  const body = l4 + (bytes[l4 + 12] >> 4) * 4, flags = bytes[l4 + 13];
  const says = version === 4 ? view.getUint16(l3 + 2) : 40 + view.getUint16(l3 + 4);
  if (l3 + says !== bytes.length || body >= bytes.length || body > 256) return undefined;
  const hex = (from: number, to: number) => bytes.slice(from, to).toHex();
  const flagsLeft = view.getUint16(l4 + 12) & ~(FIN | PSH);
  const tcp = [
    hex(l4, l4 + 4),
    hex(l4 + 8, l4 + 12),
    flagsLeft,
    hex(l4 + 14, l4 + 16),
    hex(l4 + 20, body),
  ];
  let ip = [hex(l3, l3 + 4), hex(l3 + 6, l4)];
  if (version === 4) {
    const fragment = view.getUint16(l3 + 6);
    if (l4 !== l3 + 20 || (fragment !== 0 && fragment !== 0x4000)) return undefined;
    if (onesSum(bytes.subarray(l3, l4)) !== 0xffff) return undefined;
    ip = [hex(l3, l3 + 2), hex(l3 + 6, l3 + 10), hex(l3 + 12, l3 + 20)];
  }
  const sum = onesSum(pseudoHeader(bytes, l3, l4, version), bytes.subarray(l4));
  return {
    ...parsed,
    ...{ bytes, version, l3, l4, body, flags },
    constant: [hex(0, l3), ...ip, ...tcp].join(" "),
    seq: view.getUint32(l4 + 4),
    id: version === 4 ? view.getUint16(l3 + 4) : 0,
    error: sum % 0xffff,
  };
}

function pseudoHeader(bytes: Uint8Array, l3: number, l4: number, version: 4 | 6): number[] {
  const [from, to] = version === 4 ? [l3 + 12, l3 + 20] : [l3 + 8, l3 + 40];
  const length = bytes.length - l4;
  return [...bytes.subarray(from, to), 0, 6, length >> 8, length & 255];
}

function parse(bytes: Uint8Array): Parsed {
  // Too short to be a frame: nobody's.
  const stations = bytes.length < 14 ? "?" : bytes.slice(0, 12).toHex();
  const other: Parsed = { kind: "other", stations, connection: "" };
  const place = placeOf(bytes);
  if (place === undefined) return other;
  const { l3, l4, version, protocol } = place;
  const header = protocol === 17 ? 8 : protocol === 6 ? (bytes[l4 + 12] >> 4) * 4 : Infinity;
  if (l4 + header > bytes.length || (protocol === 6 && header < 20)) return other;
  const [from, to] = version === 4 ? [l3 + 12, l3 + 20] : [l3 + 8, l3 + 40];
  const ports = bytes.slice(l4, l4 + 4).toHex();
  const connection = [stations, version, bytes.slice(from, to).toHex(), ports].join(" ");
  return { kind: protocol === 6 ? "tcp" : "udp", stations, connection };
}

/** Where the transport header begins, if there is a whole packet that is no fragment. */
function placeOf(bytes: Uint8Array) {
  let l3 = 14;
  const typeAt = (at: number) => bytes[at] * 256 + bytes[at + 1];
  for (let tags = 0; tags < 2 && l3 + 4 <= bytes.length; tags++) {
    if (typeAt(l3 - 2) === 0x8100 || typeAt(l3 - 2) === 0x88a8) l3 += 4;
  }
  const type = typeAt(l3 - 2), version = bytes[l3] >> 4;
  if (type === 0x0800 && version === 4) {
    const l4 = l3 + (bytes[l3] & 15) * 4;
    if (l4 < l3 + 20 || l4 > bytes.length || (typeAt(l3 + 6) & 0x3fff) !== 0) return undefined;
    return { l3, l4, version, protocol: bytes[l3 + 9] } as const;
  }
  if (type !== 0x86dd || version !== 6 || l3 + 40 > bytes.length) return undefined;
  let l4 = l3 + 40, protocol = bytes[l3 + 6];
  for (let headers = 0; [0, 43, 60].includes(protocol); headers++) {
    const left = protocol === 43 ? bytes[l4 + 3] : 0, length = 8 + bytes[l4 + 1] * 8;
    // not in the frame, or to a destination that is not in the IP header
    if (headers === 8 || !(l4 + length <= bytes.length) || left > 0) return undefined;
    protocol = bytes[l4];
    l4 += length;
  }
  return { l3, l4, version, protocol } as const;
}
