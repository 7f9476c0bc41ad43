/**
 * The outbox: a turn's frames for one VM, as one run of the batch or as a list.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Outbox } from "../../src/engine/outbox.ts";
import { Batch, BATCH_FRAMES } from "../../src/port/batch.ts";

/** A batch whose frames are told from one another. */
function fullBatch(): Batch {
  const batch = new Batch();
  batch.count = BATCH_FRAMES;
  for (let i = 0; i < BATCH_FRAMES; i++) {
    batch.at[i] = 1_000_000 + 100 * i;
    batch.length[i] = 60 + i;
  }
  return batch;
}

/** Indices of the frames an outbox holds, in order. */
function held({ from, count, at, length }: Outbox): number[] {
  return Array.from({ length: count }, (_, k) => {
    const i = (at[from + k] - 1_000_000) / 100;
    assertEquals(length[from + k], 60 + i, "place and length belong together");
    return i;
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

Deno.test("Outbox keeps a run of the batch where it is", () => {
  const batch = fullBatch(), outbox = new Outbox(batch);
  outbox.add(10, 20);
  outbox.add(20, 21);
  outbox.add(21, 300);
  assert(outbox.at === batch.at && outbox.length === batch.length, "nothing was copied");
  assertEquals([outbox.from, outbox.count], [10, 290]);
  assertEquals(held(outbox), range(10, 300));
});

Deno.test("Outbox lists what is no run, in order, and grows with it", () => {
  const batch = fullBatch();
  for (const frames of [1, 127, 128, 129, 1000, BATCH_FRAMES - 2]) {
    const outbox = new Outbox(batch);
    outbox.add(0, 1);
    outbox.add(2, 2 + frames);
    assertEquals(held(outbox), [0, ...range(2, 2 + frames)]);
    outbox.add(1, 2);
    assertEquals(held(outbox), [0, ...range(2, 2 + frames), 1], "a run that comes back");
  }
});

Deno.test("Outbox.clear() begins anew, after a list, too", () => {
  const batch = fullBatch(), outbox = new Outbox(batch);
  outbox.add(5, 6);
  outbox.add(9, 200);
  outbox.clear();
  assertEquals([outbox.count, held(outbox)], [0, []]);
  outbox.add(200, 203);
  assertEquals([outbox.from, outbox.at === batch.at, held(outbox)], [200, true, [200, 201, 202]]);
});

Deno.test("Outbox holds what was added, however it came: random runs", () => {
  const run = fc.tuple(fc.nat(BATCH_FRAMES - 200), fc.integer({ min: 1, max: 200 }), fc.boolean());
  const batch = fullBatch(), outbox = new Outbox(batch);
  fc.assert(
    fc.property(fc.array(run, { maxLength: 18 }), (runs) => {
      const expected: number[] = [];
      outbox.clear();
      for (const [start, frames, goesOn] of runs) {
        const from = goesOn && expected.length > 0 ? expected.at(-1)! + 1 : start;
        const to = Math.min(from + frames, BATCH_FRAMES);
        if (from === to) continue;
        outbox.add(from, to);
        expected.push(...range(from, to));
      }
      assertEquals(held(outbox), expected);
    }),
  );
});
