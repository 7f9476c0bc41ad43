/**
 * The gather: pieces of frames, and the scratch memory in front of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Gather, GATHER_FRAMES, GATHER_PIECES, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { type Lead, LEADS } from "./segment_lab.ts";

const CANARY = 0xa5, GUARD = 64;
const SCRATCH_END = GUARD + GATHER_SCRATCH, BODIES = SCRATCH_END + GUARD;
/** Bytes that stand for what was received. */
const BODY_BYTES = 2000;

/** A gather with guards around its scratch memory, and bytes to be sent behind it. */
class Lab {
  readonly u8 = new Uint8Array(BODIES + BODY_BYTES).fill(CANARY);
  readonly view = new DataView(this.u8.buffer);
  readonly gather = new Gather(this.view, GUARD);

  constructor() {
    for (let i = 0; i < BODY_BYTES; i++) this.u8[BODIES + i] = i * 7;
  }

  /** Frame `i` as it is on the wire. */
  frame(i: number): number[] {
    const { first, pieceAt, pieceLength } = this.gather;
    const bytes: number[] = [];
    for (let piece = first[i]; piece < first[i + 1]; piece++) {
      bytes.push(...this.u8.subarray(pieceAt[piece], pieceAt[piece] + pieceLength[piece]));
    }
    return bytes;
  }

  checkGuards(): void {
    const guards = [this.u8.subarray(0, GUARD), this.u8.subarray(SCRATCH_END, BODIES)];
    assert(guards.every((guard) => guard.every((byte) => byte === CANARY)), "a guard was written");
  }
}

/** What stands in front of a frame of `bytes` bytes whose vnet header says nothing. */
function front({ framed, vnet }: Lead, bytes: number): number[] {
  const length = vnet + bytes;
  const prefix = framed
    ? [length >>> 24, length >>> 16 & 255, length >>> 8 & 255, length & 255]
    : [];
  return [...prefix, ...Array.from({ length: vnet }, (_, i) => i === 10 ? 1 : 0)];
}

Deno.test("Gather makes a frame of a prefix and bodies, behind what its port wants in front", () => {
  for (const lead of LEADS) {
    const lab = new Lab(), { gather, u8 } = lab;
    u8.fill(0xee, GUARD, SCRATCH_END); // left over from the last time
    gather.begin(lead.framed, lead.vnet);
    const at = gather.open(3);
    u8.set([1, 2, 3], at);
    gather.body(BODIES, 2);
    gather.body(BODIES + 100, 1);
    gather.close();
    const expected = [...front(lead, 6), 1, 2, 3, 0, 7, 700 & 255];
    assertEquals(lab.frame(0), expected);
    assertEquals([gather.frames, gather.pieces], [1, 3]);
    assertEquals(
      gather.size[0],
      lead.vnet + 6,
      "bytes of the frame, without the length of a stream",
    );
    if (lead.vnet > 0) assertEquals(gather.vnet, at - lead.vnet);
    lab.checkGuards();
  }
});

Deno.test("Gather makes no piece of nothing", () => {
  for (const lead of LEADS) {
    const lab = new Lab(), { gather } = lab;
    gather.begin(lead.framed, lead.vnet);
    gather.open(0);
    gather.body(BODIES, 5);
    gather.close();
    assertEquals(gather.pieces, lead.framed || lead.vnet > 0 ? 2 : 1);
    assertEquals(lab.frame(0), [...front(lead, 5), 0, 7, 14, 21, 28]);
  }
});

Deno.test("Gather.asIs() takes a frame with all that lies in front of it", () => {
  for (const lead of LEADS) {
    const lab = new Lab(), { gather, u8 } = lab;
    gather.begin(lead.framed, lead.vnet);
    gather.asIs(BODIES + 100, 30);
    const bytes = lead.vnet + (lead.framed ? 4 : 0);
    assertEquals(lab.frame(0), [...u8.subarray(BODIES + 100 - bytes, BODIES + 130)]);
    assertEquals([gather.frames, gather.pieces, gather.size[0]], [1, 1, lead.vnet + 30]);
  }
});

Deno.test("Gather.rewind() takes back frames, and those before stay as they are", () => {
  const lab = new Lab(), { gather, u8 } = lab;
  gather.begin(false, 10);
  for (let i = 0; i < 5; i++) {
    const at = gather.open(4);
    u8.fill(i, at, at + 4);
    gather.body(BODIES + i, 1);
    gather.close();
  }
  const before = [0, 1].map((i) => lab.frame(i));
  gather.rewind(2);
  assertEquals([gather.frames, gather.pieces], [2, 4]);
  const at = gather.open(4);
  u8.fill(9, at, at + 4);
  gather.close();
  assertEquals([0, 1].map((i) => lab.frame(i)), before);
  assertEquals([gather.frames, gather.first[3]], [3, 5]);
});

Deno.test("Gather.fits() says no at the last frame, the last piece and the last byte", () => {
  const { gather } = new Lab();
  gather.begin(true, 12);
  assert(gather.fits(GATHER_FRAMES, GATHER_PIECES, 0));
  assert(!gather.fits(GATHER_FRAMES + 1, 1, 0));
  assert(!gather.fits(1, GATHER_PIECES + 1, 0));
  assert(!gather.fits(1, 1, GATHER_SCRATCH));
  for (let i = 0; i < GATHER_FRAMES - 1; i++) gather.asIs(BODIES + 50, 10);
  assert(gather.fits(1, 3, 100) && !gather.fits(2, 2, 0));
  gather.begin(true, 12);
  assert(gather.fits(2, 2, 0), "begun anew");
});

/** One frame: bytes of its own headers (-1: as it lies), and of its bodies. */
const shapes = fc.record({
  headers: fc.oneof(fc.constant(-1), fc.nat(200), fc.nat(20_000)),
  bodies: fc.array(fc.nat(300), { maxLength: 6 }),
});

Deno.test("Gather holds whatever it says fits, and writes nowhere else: random frames", () => {
  const lab = new Lab();
  let full = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...LEADS),
      fc.array(shapes, { maxLength: 80, size: "max" }),
      (lead, all) => {
        const { gather } = lab, expected: number[][] = [];
        gather.begin(lead.framed, lead.vnet);
        for (const { headers, bodies } of all) {
          if (!gather.fits(1, 1 + bodies.length, Math.max(headers, 0))) {
            full++;
            continue;
          }
          expected.push(add(lab, lead, headers, bodies));
        }
        assertEquals(gather.frames, expected.length);
        assertEquals(gather.first[gather.frames], gather.pieces);
        expected.forEach((bytes, i) => {
          const actual = lab.frame(i);
          assertEquals(actual.length, bytes.length);
          assert(actual.every((byte, at) => byte === bytes[at]), `frame ${i}`);
          assertEquals(gather.size[i], bytes.length - (lead.framed ? 4 : 0));
        });
        lab.checkGuards();
      },
    ),
    { numRuns: 100 },
  );
  assert(full > 0, "it was never full");
});

/** Gather a frame of these pieces; what is on the wire then. */
function add(
  { gather, u8 }: Lab,
  lead: Lead,
  headers: number,
  bodies: readonly number[],
): number[] {
  if (headers < 0) {
    const bytes = lead.vnet + (lead.framed ? 4 : 0);
    gather.asIs(BODIES + 100, 1000);
    return [...u8.subarray(BODIES + 100 - bytes, BODIES + 1100)];
  }
  const at = gather.open(headers), tag = gather.frames & 0xff;
  u8.fill(tag, at, at + headers);
  for (const length of bodies) gather.body(BODIES + length, length);
  gather.close();
  const rest = bodies.flatMap((length) => [...u8.subarray(BODIES + length, BODIES + 2 * length)]);
  return [...front(lead, headers + rest.length), ...new Array(headers).fill(tag), ...rest];
}
