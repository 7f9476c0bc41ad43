/**
 * Merging at the edges of memory: one frame of the batch begins where memory does, one ends where memory ends,
 * so that a read or write outside a frame throws. Up to 12 connections take turns, with everything between
 * their segments that may come there.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import { Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Merger } from "../../src/offload/merge.ts";
import { filler, l3Of, tcpFrame, type TcpShape, udpFrame, viewOf } from "./frames.ts";
import { type MergeRules, naiveMerge } from "./naive_merge.ts";
import { assertFrames } from "./segment_lab.ts";

const FLOWS = 12, MSS = 100;

/** A frame, which connection it is of, and whether it has to go out alone; -1: of none. */
interface Sent {
  readonly flow: number;
  readonly frame: Uint8Array;
  readonly excluded: boolean;
}

/** What a segment may be instead of what the connection would have next. */
const ODD: Record<string, Partial<TcpShape>> = {
  options: { ipOptions: [1], extensions: [{ protocol: 60, data: [] }] },
  tcpOptions: { tcpOptions: [1, 1, 1, 1] },
  acknowledgment: { payload: [] },
  trailer: { trailer: [0, 0, 0] },
  corrupt: { checksum: "bad" },
  push: { flags: 0x18 },
  end: { flags: 0x11 },
  congested: { flags: 0x90 },
  urgent: { flags: 0x30 },
  window: { window: 7 },
  short: { payload: filler(MSS - 1) },
  long: { payload: filler(MSS + 1) },
  again: { seq: 1 },
  late: { ttl: 9, tos: 3, flow: 5 },
  tagged: { tags: [0x8100_0003] },
};
const OTHERS = ["none", "fragment", "large", "datagram", "mangled"] as const;
const kinds = fc.oneof(
  { weight: 3, arbitrary: fc.constant("none") },
  { weight: 1, arbitrary: fc.constantFrom(...Object.keys(ODD), ...OTHERS) },
);

const pieces = fc.array(
  fc.record({ turn: fc.nat(3), kind: kinds, bytes: fc.array(fc.tuple(fc.nat(90), fc.nat(255))) }),
  { minLength: 2, maxLength: 100, size: "max" },
);
type Piece = typeof pieces extends fc.Arbitrary<(infer T)[]> ? T : never;

/** The frames of `flows` connections that take turns, now and then out of turn. */
function send(all: readonly Piece[], flows: number): Sent[] {
  const next = Array.from({ length: flows }, () => ({ seq: 4_294_967_000, id: 65_533 }));
  return all.map(({ turn, kind, bytes }, i) => {
    const flow = (turn === 3 ? i + 1 : i) % flows, at = next[flow];
    const version = flow % 3 === 0 ? 6 : 4;
    // Some differ in their ports only, some in their hosts.
    const usual = { version, from: 1 + (flow >> 2), fromPort: 1000 + flow % 4, ...at } as const;
    const shape: TcpShape = { ...usual, payload: filler(MSS, i), ...ODD[kind] };
    at.seq = (at.seq + (shape.payload?.length ?? 0)) % 2 ** 32;
    at.id = (at.id + 1) % 65_536;
    const excluded = kind === "large";
    if (kind === "datagram") return { flow: -1, frame: udpFrame(shape), excluded };
    const frame = tcpFrame(shape);
    if (kind === "fragment") fragment(frame, shape);
    if (kind !== "mangled") return { flow, frame, excluded };
    for (const [place, byte] of bytes) frame[place] = byte;
    return { flow: -1, frame, excluded };
  });
}

/** Make it a fragment: more are to follow, or of unknown protocol. */
function fragment(frame: Uint8Array, shape: TcpShape): void {
  const l3 = l3Of(shape);
  if (shape.version === 6) frame[l3 + 6] = 44;
  else viewOf(frame).setUint16(l3 + 6, 0x2000);
}

/** Memory that begins with frame `head` and ends with frame `tail`; the others are between them, and the scratch memory. */
class Edges {
  readonly u8: Uint8Array;
  readonly at: Int32Array;
  readonly length: Int32Array;
  readonly scratch: number;

  constructor(frames: readonly Uint8Array[], head: number, tail: number) {
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    const order = frames.map((_, i) => i).filter((i) => i !== head && i !== tail);
    if (head !== tail) order.unshift(head);
    this.u8 = new Uint8Array(bytes + GATHER_SCRATCH);
    this.at = new Int32Array(frames.length);
    this.length = Int32Array.from(frames, ({ length }) => length);
    let at = 0;
    for (const i of order) at = this.#lay(frames[i], i, at);
    this.scratch = at;
    this.#lay(frames[tail], tail, at + GATHER_SCRATCH);
  }

  #lay(frame: Uint8Array, i: number, at: number): number {
    this.u8.set(frame, at);
    this.at[i] = at;
    return at + frame.length;
  }
}

/** What goes out: the frames, and the indexes of what each was made of. */
function merge(sent: readonly Sent[], rules: MergeRules, framed: boolean, edges: Edges) {
  const { at, length, u8, scratch } = edges, view = new DataView(u8.buffer);
  const merger = new Merger(view, sent.length), gather = new Gather(view, scratch);
  const takes = (rules.tso4 ? Feature.TSO4 : 0) | (rules.tso6 ? Feature.TSO6 : 0);
  const excluded = Uint8Array.from(sent, (each) => each.excluded ? 1 : 0);
  merger.join(at, length, 0, sent.length, takes, rules.most, rules.verify, excluded);
  const out: { of: number[]; wire: Uint8Array }[] = [];
  for (let k = 0; k < sent.length; k++) {
    if (merger.follows[k] === 1) continue;
    const of: number[] = [];
    for (let i = k; i >= 0; i = merger.next[i]) of.push(i);
    gather.begin(framed, rules.vnet);
    if (of.length > 1) assertEquals(merger.emit(gather, at, length, 0, k, rules.vnet), of.length);
    const pieces = Array.from({ length: gather.pieces }, (_, piece) => {
      const from = gather.pieceAt[piece];
      return [...u8.subarray(from, from + gather.pieceLength[piece])];
    });
    const wire = of.length > 1 ? Uint8Array.from(pieces.flat()) : sent[k].frame;
    out.push({ of, wire: of.length > 1 && framed ? wire.subarray(4) : wire });
  }
  return out;
}

Deno.test("Merger keeps order, and within frames that lie at the edges of memory: random batches", () => {
  const rules: fc.Arbitrary<MergeRules> = fc.record({
    tso4: fc.constantFrom(true, true, true, false),
    tso6: fc.constantFrom(true, true, true, false),
    most: fc.constantFrom(65_550, 65_550, 1000),
    verify: fc.boolean(),
    vnet: fc.constantFrom(0, 10, 12),
    excluded: fc.constant([]),
  });
  const where = fc.tuple(fc.nat(99), fc.nat(99)), flows = fc.integer({ min: 1, max: FLOWS });
  let followers = 0;
  fc.assert(
    fc.property(pieces, flows, rules, where, fc.boolean(), (all, flows, any, [h, t], framed) => {
      const sent = send(all, flows), frames = sent.map(({ frame }) => frame);
      const rules = { ...any, excluded: sent.map(({ excluded }) => excluded) };
      const edges = new Edges(frames, h % frames.length, t % frames.length);
      const out = merge(sent, rules, framed, edges), order = out.flatMap(({ of }) => of);
      assertEquals(order.toSorted((a, b) => a - b), frames.map((_, i) => i), "each goes out once");
      for (let flow = 0; flow < flows; flow++) {
        const own = order.filter((i) => sent[i].flow === flow);
        assertEquals(own, own.toSorted((a, b) => a - b), `order of connection ${flow}`);
      }
      frames.forEach((frame, i) => {
        const now = edges.u8.subarray(edges.at[i], edges.at[i] + frame.length);
        assert(frame.every((byte, k) => byte === now[k]), `frame ${i} was written`);
      });
      const expected = naiveMerge(frames, rules);
      assertEquals(out.map(({ of }) => of), expected.map(({ of }) => of), "what goes together");
      assertFrames(
        out.map(({ wire }) => wire),
        expected.map(({ wire }) => wire),
        "as the slow way",
      );
      followers += frames.length - out.length;
    }),
    { numRuns: 800 },
  );
  assert(followers > 800, `only ${followers} frames followed another one`);
});

Deno.test("Merger reads nothing outside a frame that ends anywhere: all lengths of all kinds", () => {
  const rules = { tso4: true, tso6: true, most: 65_550, verify: true, vnet: 12, excluded: [] };
  for (const version of [4, 6] as const) {
    for (const odd of [{}, ...Object.values(ODD)]) {
      const [first, whole] = [0, MSS].map((seq, id) =>
        tcpFrame({ version, seq, id, payload: filler(MSS), ...(id === 0 ? {} : odd) })
      );
      for (let bytes = 0; bytes <= whole.length; bytes++) {
        for (const frames of [[first, whole.slice(0, bytes)], [whole.slice(0, bytes), first]]) {
          const sent = frames.map((frame) => ({ flow: 0, frame, excluded: false }));
          const edges = new Edges(frames, 0, frames[0] === first ? 1 : 0);
          merge(sent, { ...rules, vnet: 12 }, true, edges);
        }
      }
    }
  }
});
