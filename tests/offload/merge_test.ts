/**
 * What may be put together, rule by rule, as Linux has it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { filler, tcpFrame, type TcpShape, udpFrame, viewOf } from "./frames.ts";
import { MergeLab, RULES } from "./merge_lab.ts";
import type { MergeRules } from "./naive_merge.ts";

const lab = new MergeLab();
const ACK = 0x10, FIN = 0x11, SYN = 0x12, RST = 0x14, PSH = 0x18, URG = 0x30, ECE = 0x50;
const CWR = 0x90, AE = 0x110;
const TIMESTAMPS = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
const SIZE = 100;

/** Segment `i` of a flow. */
function segment(i: number, shape: TcpShape = {}): Uint8Array {
  return tcpFrame({
    seq: 1000 + SIZE * i,
    id: 50 + i,
    payload: filler(SIZE, i + 1),
    flags: ACK,
    ...shape,
  });
}

/** The indexes of frames that go out together, in the order they go out. */
function groups(frames: readonly Uint8Array[], rules: Partial<MergeRules> = {}): number[][] {
  return lab.run(frames, { ...RULES, ...rules }).map(({ of }) => [...of]);
}

/** Three segments; each has a shape of its own. */
function three(a: TcpShape, b: TcpShape, c: TcpShape): number[][] {
  return groups([a, b, c].map((shape, i) => segment(i, shape)));
}

const ALL = [[0, 1, 2]],
  NONE = [[0], [1], [2]],
  LAST_TWO = [[0], [1, 2]],
  FIRST_TWO = [[0, 1], [2]];

for (const version of [4, 6] as const) {
  const test = (name: string, expected: number[][], ...shapes: readonly TcpShape[]) =>
    Deno.test(`Merger, IPv${version}: ${name}`, () => {
      const [a, b, c] = [0, 1, 2].map((i) => ({ ...shapes[i % shapes.length], version }));
      assertEquals(three(a, b, c), expected);
    });
  const other = (shape: TcpShape) => [{}, shape, {}] as const;

  test("segments in order become one", ALL, {});
  test("PSH ends it", FIRST_TWO, ...other({ flags: PSH }));
  test("FIN ends it", FIRST_TWO, ...other({ flags: FIN }));
  test("nothing follows PSH", LAST_TWO, { flags: PSH }, {}, {});
  test("nothing follows CWR", LAST_TWO, { flags: CWR }, {}, {});
  test("CWR follows nothing", NONE, ...other({ flags: CWR }));
  test("a flow of CWR stays as it is", NONE, { flags: CWR });
  test("SYN, RST and URG stay alone", NONE, { flags: SYN }, { flags: RST }, { flags: URG });
  test("ECE on all is no obstacle", ALL, { flags: ECE });
  test("ECE on one is", NONE, ...other({ flags: ECE }));
  test("the flag AE on all is no obstacle", ALL, { flags: AE });
  test("no flag at all is no obstacle", ALL, { flags: 0 });
  test("another acknowledgment", NONE, ...other({ ack: 2 }));
  test("another window", NONE, ...other({ window: 2 }));
  test("an urgent pointer without URG means nothing", ALL, ...other({ urgent: 7 }));
  test("the same options", ALL, { tcpOptions: TIMESTAMPS });
  test("other options", NONE, { tcpOptions: TIMESTAMPS }, {
    tcpOptions: [...TIMESTAMPS.slice(0, 11), 9],
  }, { tcpOptions: TIMESTAMPS });
  test("options on one", NONE, ...other({ tcpOptions: TIMESTAMPS }));
  test("a gap", LAST_TWO, { seq: 900 }, {}, {});
  test("a segment again", NONE, ...other({ seq: 1000 }));
  test("an acknowledgment without payload", NONE, ...other({ payload: [] }));
  test("another type of service", NONE, ...other({ tos: 4 }));
  test("another TTL", NONE, ...other({ ttl: 63 }));
  test("an Ethernet trailer", NONE, ...other({ trailer: [0] }));
  test("trailers everywhere", NONE, { trailer: [0] });
  test("the same tags", ALL, { tags: [0x88a8_0001, 0x8100_2002] });
  test("another priority", NONE, { tags: [0x8100_0002] }, { tags: [0x8100_2002] });
  test("three tags", NONE, { tags: [0x8100_0001, 0x8100_0001, 0x8100_0001] });
  test("a short segment is the last", FIRST_TWO, ...other({ payload: filler(SIZE - 1) }));
  test("a longer segment begins anew", LAST_TWO, { payload: filler(SIZE - 1), seq: 1001 }, {}, {});
  for (const wrap of [2 ** 31, 2 ** 32]) {
    const at = (from: number) => ({ seq: (wrap + from) % 2 ** 32 });
    test(`sequence numbers pass ${wrap}`, ALL, at(-SIZE), at(0), at(SIZE));
  }
}

Deno.test("Merger, IPv4: IDs count on, modulo 65536", () => {
  assertEquals(three({ id: 0xffff }, { id: 0 }, { id: 1 }), ALL);
  assertEquals(three({ id: 5 }, { id: 7 }, { id: 8 }), LAST_TWO);
  assertEquals(three({ id: 5 }, { id: 5 }, { id: 5 }), NONE);
});

Deno.test("Merger, IPv4: DF is the same, other bits of the fragment word are not there", () => {
  assertEquals(three({ df: false }, { df: false }, { df: false }), ALL);
  assertEquals(three({}, { df: false }, {}), NONE);
  for (const word of [0x8000, 0x2000, 0x0001, 0xc000]) {
    const frames = [0, 1, 2].map((i) => rewriteIp(segment(i), 6, word));
    assertEquals(groups(frames), NONE, `fragment word ${word}`);
  }
});

Deno.test("Merger, IPv4: packets with options stay alone", () => {
  for (const ipOptions of [[1, 1, 1, 1], [0, 0, 0, 0]]) {
    assertEquals(three({ ipOptions }, { ipOptions }, { ipOptions }), NONE);
  }
});

Deno.test("Merger, IPv4: a wrong header checksum keeps a frame alone", () => {
  for (const odd of [0, 1, 2]) {
    const frames = [0, 1, 2].map((i) => segment(i));
    frames[odd][24] ^= 1;
    assertEquals(groups(frames), [LAST_TWO, NONE, FIRST_TWO][odd], `frame ${odd}`);
  }
});

Deno.test("Merger, IPv6: flow labels and extension headers are the same", () => {
  const version = 6;
  assertEquals(three({ version }, { version, flow: 1 }, { version }), NONE);
  const header = (data: number[]): TcpShape => ({ version, extensions: [{ protocol: 60, data }] });
  const padding = header([1, 4, 0, 0, 0, 0]);
  assertEquals(three(padding, padding, padding), ALL);
  assertEquals(three(padding, header([1, 4, 0, 0, 0, 1]), padding), NONE);
  const long = header(Array.from({ length: 198 }, () => 0));
  assertEquals(three(long, long, long), NONE, "headers of 274 bytes");
});

Deno.test("Merger: only what the VM takes", () => {
  const both = [0, 1].flatMap((i) => [segment(i), segment(i, { version: 6 })]);
  assertEquals(groups(both), [[0, 2], [1, 3]]);
  assertEquals(groups(both, { tso6: false }), [[0, 2], [1], [3]]);
  assertEquals(groups(both, { tso4: false }), [[0], [1, 3], [2]]);
});

Deno.test("Merger: a bad checksum keeps a frame alone when it was read", () => {
  for (const odd of [0, 1, 2]) {
    const frames = [0, 1, 2].map((i) => segment(i, i === odd ? { checksum: "bad" } : {}));
    assertEquals(groups(frames), ALL);
    const expected = [LAST_TWO, NONE, FIRST_TWO][odd];
    assertEquals(groups(frames, { verify: true, vnet: 12 }), expected, `frame ${odd}`);
  }
});

Deno.test("Merger: a frame that must stay alone does, and ends the aggregate of its connection", () => {
  const frames = [0, 1, 2, 3].map((i) => segment(i));
  assertEquals(groups(frames, { excluded: [false, false, true] }), [[0, 1], [2], [3]]);
  const among = [frames[0], segment(0, { toPort: 9 }), frames[1]];
  assertEquals(groups(among, { excluded: [false, true] }), [[0, 2], [1]]);
});

Deno.test("Merger: frames of other connections are overtaken, and no others", () => {
  const between = (frame: Uint8Array) => groups([segment(0), frame, segment(1)]);
  const together = [[0, 2], [1]];
  assertEquals(between(segment(0, { fromPort: 1 })), together);
  assertEquals(between(segment(0, { toPort: 1 })), together);
  assertEquals(between(segment(0, { from: 2, to: 1, fromPort: 5201, toPort: 40_000 })), together);
  assertEquals(between(segment(0, { version: 6 })), together);
  for (const offset of [12, 16]) {
    const elsewhere = rewriteIp(segment(0), offset, 0x0a01);
    assertEquals(between(elsewhere), together, `another IPv4 address, at ${offset}`);
  }
  assertEquals(between(udpFrame({})), together);
  assertEquals(between(udpFrame({ from: 9 })), together);
  assertEquals(between(segment(0, { from: 9, ipOptions: [1] })), together);

  assertEquals(between(segment(7, { flags: RST })), NONE);
  assertEquals(between(segment(7, { tags: [0x8100_0007] })), NONE);
  assertEquals(between(segment(7, { ipOptions: [1] })), NONE);
  assertEquals(between(rewriteIp(segment(1), 6, 0x2000)), NONE, "a fragment");
  assertEquals(between(segment(1).subarray(0, 40)), NONE, "no whole TCP header");
  assertEquals(between(segment(1).subarray(0, 13)), together, "no frame");
});

Deno.test("Merger: IPv6 addresses tell connections apart to the last byte", () => {
  for (const offset of [8, 23, 24, 39]) {
    const frames = [0, 0, 1].map((i) => segment(i, { version: 6 }));
    frames[1][14 + offset] ^= 1;
    assertEquals(groups(frames), [[0, 2], [1]], `offset ${offset}`);
  }
});

Deno.test("Merger: what cannot grow takes no place of what can", () => {
  const all16 = Array.from({ length: 16 }, (_, fromPort) => segment(0, { fromPort }));
  const others = [segment(0, { payload: [] }), segment(0, { flags: PSH }), udpFrame({})];
  const all = groups([
    ...all16,
    ...others,
    ...all16.map((_, fromPort) => segment(1, { fromPort })),
  ]);
  assertEquals(all.filter((of) => of.length === 2).length, 16);
});

Deno.test("Merger: sixteen aggregates grow side by side; a seventeenth ends the oldest", () => {
  const round = (flows: number, i: number) =>
    Array.from({ length: flows }, (_, fromPort) => segment(i, { fromPort }));
  const all16 = groups([0, 1, 2].flatMap((i) => round(16, i)));
  assertEquals(all16, Array.from({ length: 16 }, (_, flow) => [flow, flow + 16, flow + 32]));
  const all17 = groups([0, 1].flatMap((i) => round(17, i)));
  assertEquals(all17, Array.from({ length: 34 }, (_, i) => [i]));
  const oldest = groups([...round(17, 0), ...round(17, 1).slice(1)]);
  assertEquals(oldest.filter((of) => of.length === 2).length, 16);
  assertEquals(oldest[0], [0]);
});

Deno.test("Merger: no packet of more than 65,535 bytes, no frame longer than the VM takes", () => {
  const size = 1000,
    segments = (count: number, shape: TcpShape) =>
      Array.from(
        { length: count },
        (_, i) => segment(i, { seq: i * size, payload: filler(size, i), ...shape }),
      );
  const counts = (frames: Uint8Array[], most = RULES.most) =>
    groups(frames, { most }).map(({ length }) => length);
  assertEquals(counts(segments(70, {})), [65, 5]);
  assertEquals(counts(segments(70, { version: 6 })), [65, 5]);
  assertEquals(counts(segments(70, {}), 20 * size + 54), [20, 20, 20, 10]);
  assertEquals(counts(segments(70, {}), 20 * size + 53), [19, 19, 19, 13]);
  // to the byte: 54 + 65,481 + 14 of Ethernet in front, of which 20 and 20 are headers
  const full = [...segments(65, {}), segment(65, { seq: 65 * size, payload: filler(495) })];
  assertEquals(counts(full), [66]);
  full[65] = segment(65, { seq: 65 * size, payload: filler(496) });
  assertEquals(counts(full), [65, 1]);
});

Deno.test("Merger: no more than 128 segments", () => {
  const tiny = Array.from({ length: 300 }, (_, i) => segment(i, { seq: i, payload: [i & 255] }));
  assertEquals(groups(tiny).map(({ length }) => length), [128, 128, 44]);
});

Deno.test("Merger: nothing is kept for the next batch", () => {
  assertEquals(groups([segment(0)]), [[0]]);
  assertEquals(groups([segment(1), segment(2)]), [[0, 1]]);
  assertEquals(groups([]), []);
});

/** Write a word into the IPv4 header, and make its checksum right again. */
function rewriteIp(frame: Uint8Array, offset: number, word: number): Uint8Array {
  const view = viewOf(frame), field = 14 + 10, at = 14 + offset;
  const sum = (0xffff - view.getUint16(field)) + (0xffff - view.getUint16(at)) + word;
  view.setUint16(at, word);
  view.setUint16(field, 0xffff - (sum % 0xffff || 0xffff));
  return frame;
}
