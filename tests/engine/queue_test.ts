/**
 * The frame queue's capacity and edges.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HEADROOM, RECORD_BYTES } from "../../src/port/batch.ts";
import { Fixture, PAGE } from "./queue_fixture.ts";

Deno.test("FrameQueue.put() takes exactly its capacity, in one frame or many", () => {
  const capacity = 128 << 10;
  const fixture = new Fixture(capacity), { queue, source } = fixture;
  for (let i = 0; i < capacity / 64; i++) assert(queue.put(source, 64 - HEADROOM));
  assertEquals([queue.bytes, queue.put(source, 0)], [capacity, false]);
  queue.drop(1);
  assertEquals([queue.put(source, 61), queue.put(source, 60), queue.bytes], [
    false,
    true,
    capacity,
  ]);
  queue.drop(queue.frames);
  assertEquals([queue.bytes, queue.frames], [0, 0]);
  fixture.checkCanaries();
});

Deno.test("FrameQueue.put() refuses a frame larger than an empty queue of the smallest size", () => {
  const { queue, source } = new Fixture(4096);
  assertEquals([queue.put(source, 4093), queue.put(source, 4092)], [false, true]);
  assertEquals([queue.put(source, 0), queue.bytes], [false, 4096]);
});

Deno.test("FrameQueue.peek() does not remove, and answers 0 when empty", () => {
  const { queue, source } = new Fixture(128 << 10);
  const at = new Int32Array(8), lengths = new Int32Array(8);
  assertEquals(queue.peek(at, lengths, 8), 0);
  queue.put(source, 100);
  queue.put(source, 0);
  assertEquals([queue.peek(at, lengths, 1), queue.peek(at, lengths, 8), queue.frames], [1, 2, 2]);
  assertEquals([lengths[0], lengths[1]], [100, 0]);
  assertEquals(at[1] - at[0], 100 + HEADROOM, "frames in a row are one piece");
  queue.drop(0);
  assertEquals(queue.frames, 2);
});

Deno.test("FrameQueue.dispose() gives the memory back", () => {
  const { queue, arena } = new Fixture(128 << 10);
  const before = arena.available;
  queue.dispose();
  assertEquals(arena.available - before, Math.ceil(((128 << 10) + RECORD_BYTES) / PAGE) * PAGE);
});
