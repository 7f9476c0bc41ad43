/**
 * The frame queue against an array.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HEADROOM, RECORD_BYTES } from "../../src/port/batch.ts";
import { MAX_FRAME } from "../../src/port/config.ts";
import { Fixture } from "./queue_fixture.ts";

/** A frame of the model: a stretch of the source. */
interface Stretch {
  readonly from: number;
  readonly length: number;
}

/** Applies steps to a queue and to an array. */
class Model {
  readonly #fixture: Fixture;
  readonly #frames: Stretch[] = [];
  readonly #at = new Int32Array(64);
  readonly #length = new Int32Array(64);
  #bytes = 0;

  constructor(capacity: number) {
    this.#fixture = new Fixture(capacity);
  }

  put(frame: Stretch): void {
    const { queue, source } = this.#fixture;
    const record = frame.length + HEADROOM;
    const fits = this.#bytes + record <= queue.capacity;
    assertEquals(queue.put(source + frame.from, frame.length), fits, `put ${frame.length}`);
    if (fits) {
      this.#frames.push(frame);
      this.#bytes += record;
    }
    this.#check();
  }

  drop(count: number): void {
    const dropped = this.#frames.splice(0, count);
    this.#bytes -= dropped.reduce((sum, { length }) => sum + length + HEADROOM, 0);
    this.#fixture.queue.drop(dropped.length);
    this.#check();
  }

  peek(most: number): void {
    const { queue, arena, source } = this.#fixture;
    const count = queue.peek(this.#at, this.#length, most);
    assertEquals(count, Math.min(most, this.#frames.length));
    for (let i = 0; i < count; i++) {
      const { from, length } = this.#frames[i];
      const at = this.#at[i];
      assertEquals(this.#length[i], length);
      assertEquals(arena.view.getUint32(at - HEADROOM), length, "length in front");
      const same = equal(arena.u8, at, source + from, length);
      assert(same, `bytes of frame ${i} of ${count}, ${length} long`);
    }
  }

  finish(): void {
    this.peek(64);
    this.drop(64);
    this.#fixture.checkCanaries();
  }

  #check(): void {
    const { queue } = this.#fixture;
    assertEquals([queue.frames, queue.bytes], [this.#frames.length, this.#bytes]);
  }
}

function equal(u8: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (u8[a + i] !== u8[b + i]) return false;
  }
  return true;
}

type Step =
  | { readonly put: Stretch }
  | { readonly drop: number }
  | { readonly peek: number };

/** Lengths that matter: small ones, whole ones, and those that end at or near the ring's end. */
const length = fc.oneof(
  fc.integer({ min: 0, max: 2000 }),
  fc.integer({ min: 0, max: MAX_FRAME }),
  fc.constantFrom(0, 1, 14, 60, 1514, 9014, 65_550, MAX_FRAME - 1, MAX_FRAME),
);
const stretch = length.chain((bytes) =>
  fc.record({ from: fc.nat(MAX_FRAME - bytes), length: fc.constant(bytes) })
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ put: stretch }) },
  { weight: 3, arbitrary: fc.record({ drop: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ peek: fc.nat(64) }) },
);

Deno.test("FrameQueue keeps to the model, byte for byte, inside its own memory", () => {
  const capacity = fc.integer({ min: 128 << 10, max: 300 << 10 });
  fc.assert(
    fc.property(capacity, fc.array(step, { maxLength: 80 }), (bytes, steps) => {
      const model = new Model(bytes);
      for (const each of steps) {
        if ("put" in each) model.put(each.put);
        else if ("drop" in each) model.drop(each.drop);
        else model.peek(each.peek);
      }
      model.finish();
    }),
    { numRuns: 120 },
  );
});

Deno.test("FrameQueue goes round its ring at every distance from the end", () => {
  const capacity = 128 << 10;
  // One long frame stays queued, so that the ring never starts over; others go round it.
  for (let over = -6; over <= 6; over++) {
    const model = new Model(capacity);
    const frame = (bytes: number) => ({ from: (bytes * 7) % 64, length: bytes });
    let tail = 0;
    const size = capacity + RECORD_BYTES;
    model.put(frame(30_000));
    tail += 30_000 + HEADROOM;
    while (size - tail > 60_000) {
      model.put(frame(30_000));
      model.drop(1);
      tail += 30_000 + HEADROOM;
    }
    model.put(frame(size - tail - HEADROOM - 4 - over)); // now 4 + over bytes are left at the end
    for (const bytes of [0, 1, 100, 20_000]) model.put(frame(bytes));
    model.peek(64);
    model.drop(1);
    model.finish();
  }
});
