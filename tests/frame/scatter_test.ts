/**
 * Frames in the memory of a guest: what is taken from the slot, what from the guest, and when.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Headers, Kind } from "../../src/frame/headers.ts";
import {
  FRAME_PIECES,
  NO_SCATTER,
  Scatter,
  SCATTER_BYTES,
  SCATTER_SLOTS,
} from "../../src/frame/scatter.ts";
import { filler, tcpFrame, udpFrame } from "../offload/frames.ts";
import { payloads, tcpShapes, udpShapes } from "../offload/shapes.ts";
import { Guest, type Lie, lies } from "./guest.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const GUARD = 4096, CANARY = 0xa5;
/** Room in front of a frame, and what of it has its length. */
const LEAD = 16, LENGTH_BYTES = 4;
/** Longest frame. */
const MOST = 69_632;
/** How far from a frame a stray write is looked for. */
const NEAR = 300;
const SLOTS = GUARD, MEMORY = SLOTS + SCATTER_BYTES + GUARD, MEMORY_BYTES = 1 << 20;
const COPY = MEMORY + MEMORY_BYTES, COPY_BYTES = MOST + 2 * NEAR;

/** Slots and a guest between guards, with room to copy frames to. */
class Lab {
  readonly u8 = new Uint8Array(COPY + COPY_BYTES).fill(CANARY);
  readonly view = new DataView(this.u8.buffer);
  readonly scatter = new Scatter(this.view, this.u8, SLOTS);
  readonly guest = new Guest(this.view, this.u8, this.scatter, MEMORY);
  #shown: number[] = [];

  /** Show these frames, without anything in front; `lie` says how they lie. */
  show(frames: readonly Uint8Array[], lie: (i: number) => Lie): void {
    this.#shown.forEach((length, i) => {
      const at = this.scatter.at(i);
      this.u8.fill(CANARY, at - LEAD, at + length);
    });
    this.#shown = frames.map(({ length }) => length);
    this.guest.begin();
    frames.forEach((frame, i) => this.guest.place(i, frame, 0, lie(i)));
  }

  /** The frame of a slot as a copy shows it. */
  copy(slot: number, length: number): Uint8Array {
    const to = COPY + NEAR;
    this.u8.fill(CANARY, COPY, to + length + NEAR);
    this.scatter.copy(to, this.scatter.at(slot), length);
    this.checkCanaries(COPY, to);
    this.checkCanaries(to + length, to + length + NEAR);
    return this.u8.slice(to, to + length);
  }

  /** What is in the slot where the frame belongs. */
  slot(slot: number, length: number): Uint8Array {
    const at = this.scatter.at(slot);
    return this.u8.slice(at, at + length);
  }

  /** Fails when a byte next to a frame was written. */
  checkSlots(): void {
    this.#shown.forEach((length, i) => {
      const at = this.scatter.at(i);
      this.checkCanaries(at - LEAD, at - LENGTH_BYTES);
      this.checkCanaries(at + length, at + MOST);
    });
  }

  checkCanaries(from: number, to: number): void {
    const end = Math.min(to, from + NEAR);
    for (let at = from; at < end; at++) {
      if (this.u8[at] !== CANARY) assert(false, `byte ${at} was written`);
    }
  }
}

const lab = new Lab();
const whole: Lie = { cuts: [], head: 0 };
const frames = fc.array(
  fc.tuple(fc.oneof(fc.nat(100), fc.integer({ min: 1, max: 3000 })), fc.nat(), lies),
  { minLength: 1, maxLength: 12 },
).map((list) =>
  list.map(([length, seed, lie]) => ({ frame: filler(Math.max(1, length), seed), lie }))
);

Deno.test("Scatter has a slot for each frame: they do not overlap, and only they are held", () => {
  const { scatter } = lab;
  for (let i = 0; i < SCATTER_SLOTS; i++) {
    const at = scatter.at(i);
    assert(at - LEAD >= SLOTS && at + MOST <= SLOTS + SCATTER_BYTES);
    if (i > 0) assert(at - LEAD >= scatter.at(i - 1) + MOST);
    for (const each of [at - LEAD, at, at + 1, at + MOST - 1]) {
      assertEquals([scatter.holds(each), scatter.slotOf(each)], [true, i]);
    }
  }
  for (const at of [0, 1, SLOTS - 1, SLOTS + SCATTER_BYTES, MEMORY, 2 ** 31 - 1]) {
    assertEquals([scatter.holds(at), NO_SCATTER.holds(at)], [false, false]);
  }
});

Deno.test("Scatter puts heads into different sets of a cache of 64 sets", () => {
  const sets = new Map<number, number>();
  for (let i = 0; i < SCATTER_SLOTS; i++) {
    const first = (lab.scatter.at(i) - LEAD) >> 6, last = (lab.scatter.at(i) + 19) >> 6;
    assertEquals(first, last, "a head is one line");
    sets.set(first & 63, (sets.get(first & 63) ?? 0) + 1);
  }
  assertEquals(Math.max(...sets.values()), SCATTER_SLOTS / 64);
});

Deno.test("Scatter.copy() takes the head from the slot, and the rest from the guest: random frames", () => {
  fc.assert(
    fc.property(frames, fc.nat(), (list, seed) => {
      lab.show(list.map(({ frame }) => frame), (i) => list[i].lie);
      const heads = [...lab.scatter.head];
      lab.guest.forget();
      list.forEach(({ frame }, i) => assertEquals(lab.copy(i, frame.length), frame));
      assertEquals([...lab.scatter.head], heads, "copied, and not pulled");
      lab.guest.change(seed);
      list.forEach(({ frame }, i) =>
        assertEquals(
          lab.copy(i, frame.length).subarray(0, heads[i]),
          frame.subarray(0, heads[i]),
        )
      );
      lab.checkSlots();
    }),
    { seed: SEED, numRuns: 300 },
  );
});

Deno.test("Scatter.pull() has a frame in its slot for good: random frames, by parts", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(4000), { maxLength: 3 }), (list, parts) => {
      lab.show(list.map(({ frame }) => frame), (i) => list[i].lie);
      lab.guest.forget();
      const { scatter } = lab;
      list.forEach(({ frame }, i) => {
        for (const part of [...parts, frame.length, 1]) {
          scatter.pull(scatter.at(i), Math.min(part, frame.length));
          assertEquals(lab.slot(i, scatter.head[i]), frame.subarray(0, scatter.head[i]));
        }
        assertEquals(scatter.head[i], frame.length);
      });
      lab.guest.wipe();
      list.forEach(({ frame }, i) => {
        scatter.pull(scatter.at(i), frame.length);
        assertEquals(lab.slot(i, frame.length), frame, "pulled once");
        assertEquals(lab.copy(i, frame.length), frame);
      });
      lab.checkSlots();
    }),
    { seed: SEED, numRuns: 300 },
  );
});

Deno.test("Scatter takes the longest frame, in as many pieces as there are, at the last slot", () => {
  const frame = filler(MOST), cuts = Array.from({ length: 256 }, (_, i) => i * 250);
  assert(cuts.length > FRAME_PIECES);
  const all = new Array(SCATTER_SLOTS).fill(frame.subarray(0, 60));
  all[0] = all[SCATTER_SLOTS - 1] = frame;
  lab.show(all, (i) => i === SCATTER_SLOTS - 1 ? { cuts, head: 0 } : whole);
  for (const i of [0, SCATTER_SLOTS - 1]) {
    assertEquals(lab.copy(i, MOST), frame);
    lab.scatter.pull(lab.scatter.at(i), MOST);
    assertEquals(lab.slot(i, MOST), frame);
  }
  lab.checkSlots();
});

/** What a walk found, relative to the frame. */
function found(headers: Headers, at: number): number[] {
  const { kind, version, l3, l4, payload, end, frameEnd, protocol, fragment } = headers;
  const places = [l3, l4, end, frameEnd, kind === Kind.OTHER ? at : payload].map((n) => n - at);
  return [kind, version, protocol, Number(fragment), ...places];
}

const packets = fc.oneof(
  fc.tuple(tcpShapes, payloads(0, 3000)).map(([shape, payload]) => tcpFrame({ ...shape, payload })),
  fc.tuple(udpShapes, payloads(0, 3000)).map(([shape, payload]) => udpFrame({ ...shape, payload })),
);
const spoilt = fc.tuple(packets, fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }))
  .map(([frame, list]) => {
    for (const [at, value] of list) frame[at % frame.length] = value;
    return frame;
  });

Deno.test("Scatter.expose() shows a walk what it would find in the whole frame: random frames", () => {
  const headers = new Headers(), seen = { parts: 0, wholes: 0 };
  fc.assert(
    fc.property(spoilt, lies, fc.nat(300), (frame, lie, cut) => {
      const bytes = frame.subarray(0, Math.max(1, frame.length - cut)), { length } = bytes;
      lab.u8.set(bytes, COPY);
      headers.walk(lab.view, COPY, length);
      const expected = found(headers, COPY);
      lab.show([bytes], () => lie);
      const at = lab.scatter.at(0);
      lab.scatter.expose(at, length, headers);
      // Whatever the guest does from now on, the walk sees what was shown.
      lab.guest.wipe();
      headers.walk(lab.view, at, length);
      assertEquals(found(headers, at), expected);
      const own = lab.scatter.head[0];
      if (headers.kind !== Kind.OTHER) assert(headers.payload - at <= own);
      if (own < length) seen.parts++;
      else seen.wholes++;
      assertEquals(lab.slot(0, own), bytes.subarray(0, own));
      lab.checkSlots();
    }),
    { seed: SEED, numRuns: 2000 },
  );
  assert(seen.parts > 200 && seen.wholes > 200, JSON.stringify(seen));
});
