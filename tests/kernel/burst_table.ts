/**
 * Bursts worth a name, and how many frames they become: at Linux, and here.
 *
 * @module
 */
import type { TcpShape } from "../offload/frames.ts";
import type { Burst, Segment } from "./bursts.ts";

/** A row of the table. */
export interface BurstRow {
  readonly name: string;
  readonly burst: Burst;
  readonly linux: number;
  readonly ours: number;
}

const FIN = 0x01,
  SYN = 0x02,
  RST = 0x04,
  PSH = 0x08,
  ACK = 0x10,
  URG = 0x20,
  ECE = 0x40,
  CWR = 0x80;
const NEXT: Segment = { flow: 0, bytes: 500, seed: 7, gap: 0, idStep: 1, changed: {} };

/** A burst of one connection whose segments are the next ones in order, but for `changed`; any `flow` beyond it. */
function row(
  name: string,
  changed: ReadonlyArray<Partial<Segment>>,
  linux: number,
  ours = linux,
  flow: TcpShape = {},
): BurstRow {
  const flows = [{ id: 100, seq: 1000, flags: ACK, ...flow }, { id: 7, fromPort: 7, flags: ACK }];
  const segments = changed.map((each) => ({ ...NEXT, ...each }));
  return { name, burst: { tags: [], flows, segments }, linux, ours };
}

/** The second of three segments is `shape`. */
const second = (shape: Partial<TcpShape>) => [{}, { changed: shape }, {}];
/** The first of three segments is. */
const first = (shape: Partial<TcpShape>) => [{ changed: shape }, {}, {}];
const times = (count: number, segment: Partial<Segment> = {}) => Array(count).fill(segment);
const OPTIONS = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

/** The table. */
export const BURSTS: readonly BurstRow[] = [
  row("in order", times(3), 1),
  row("in order, IPv6", times(3), 1, 1, { version: 6 }),
  row("in order, unfinished checksums", times(3), 1, 1, { checksum: "partial" }),
  row("two connections in turn", [{}, { flow: 1 }, {}, { flow: 1 }], 2),
  // lengths
  row("a shorter second", [{}, { bytes: 100 }, {}], 2),
  row("a shorter first", [{ bytes: 100 }, {}, {}], 2),
  row("a second without payload", [{}, { bytes: 0 }, {}], 3),
  row("no payload at all", times(3, { bytes: 0 }), 3),
  row("65,000 of 70,000 bytes", times(70, { bytes: 1000 }), 2),
  row("a frame of 65,535 bytes", times(3, { bytes: 21_827 }), 1),
  row("a frame of 65,536 bytes", times(2, { bytes: 32_741 }), 2, 1),
  row("an IP packet of 65,535 bytes", times(5, { bytes: 13_099 }), 5, 1),
  row("an IP packet of 65,540 bytes", times(5, { bytes: 13_100 }), 2),
  row("an IPv6 frame of 65,535 bytes", times(11, { bytes: 5951 }), 1, 1, { version: 6 }),
  row("an IPv6 packet of 65,535 bytes", times(5, { bytes: 13_095 }), 5, 1, { version: 6 }),
  row("an IPv6 packet of 65,540 bytes", times(5, { bytes: 13_096 }), 2, 2, { version: 6 }),
  row("128 segments", times(128, { bytes: 10 }), 1),
  row("129 segments", times(129, { bytes: 10 }), 1, 2),
  row("a trailer behind the second", second({ trailer: [1, 2] }), 3),
  // sequence
  row("a gap", [{}, { gap: 500 }, {}], 2),
  row("the same twice", [{}, { gap: -500 }, {}], 2),
  row("sequence numbers wrap", times(4), 1, 1, { seq: 0xffff_fb00 }),
  row("IDs wrap", times(4), 1, 1, { id: 0xfffe }),
  row("ID counts by two", times(3, { idStep: 2 }), 3),
  row("ID stays", times(3, { idStep: 0 }), 3),
  row("ID stays, and counts on", [{ idStep: 0 }, {}, {}], 3, 2),
  row("ID counts, and stays", [{}, { idStep: 0 }, {}], 2),
  // flags
  ...[FIN, PSH, FIN | PSH].map((flags) =>
    row(`flags ${flags} on the second`, second({ flags: ACK | flags }), 2)
  ),
  ...[FIN, SYN, RST, PSH, URG, CWR].map((flags) =>
    row(`flags ${flags} on the first`, first({ flags: ACK | flags }), 2)
  ),
  ...[SYN, RST, URG, ECE, CWR, 0x100, 0x200].map((flags) =>
    row(`flags ${flags} on the second`, second({ flags: ACK | flags }), 3)
  ),
  ...[ECE, 0x100, 0x200, 0x400, 0x800].map((flags) =>
    row(`flags ${flags} on all`, times(3), 1, 1, { flags: ACK | flags })
  ),
  row("no ACK", times(3), 1, 1, { flags: 0 }),
  // what has to be the same
  row("another window", second({ window: 7 }), 3),
  row("another acknowledgment", second({ ack: 7 }), 3),
  row("an urgent pointer without URG", second({ urgent: 7 }), 1),
  row("another type of service", second({ tos: 4 }), 3),
  row("another TTL", second({ ttl: 7 }), 3),
  row("another DF", second({ df: false }), 3),
  row("TCP options", times(3), 1, 1, { tcpOptions: OPTIONS }),
  row("other TCP options", second({ tcpOptions: OPTIONS }), 3),
  row("another timestamp", second({ tcpOptions: OPTIONS.toReversed() }), 3, 3, {
    tcpOptions: OPTIONS,
  }),
  row("IPv4 options", times(3), 3, 3, { ipOptions: [1, 1, 1, 1] }),
  row("IPv6 extension headers", times(3), 1, 1, {
    version: 6,
    extensions: [{ protocol: 60, data: [1, 4, 0, 0, 0, 0] }],
  }),
  row("another flow label", second({ flow: 7 }), 3, 3, { version: 6 }),
  row("another flow label in between", [...second({ flow: 7 }).slice(0, 2), { gap: -500 }], 2, 3, {
    version: 6,
  }),
  // checksums
  row("a bad checksum", second({ checksum: "bad" }), 3),
  row(
    "a bad checksum, and the segment again",
    [
      {},
      { changed: { checksum: "bad" }, idStep: 0 },
      { gap: -500 },
    ],
    2,
    3,
  ),
];
