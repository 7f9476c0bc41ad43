/**
 * What the arena's model does not ask of the free list: other units, and ranges that begin elsewhere.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { FreeList } from "../../src/platform/free_list.ts";

Deno.test("FreeList hands out whole units, and never what is left over", () => {
  const list = new FreeList(300, 250, 100);
  assertEquals(list.available, 200);
  assertEquals([list.round(1), list.round(100), list.round(101)], [100, 100, 200]);
  assertEquals([list.fits(200), list.fits(201)], [true, false]);
  assertEquals([list.take(1), list.take(100), list.take(1)], [300, 400, -1]);
  assertEquals(list.available, 0);
});

Deno.test("FreeList of nothing has room for nothing", () => {
  const list = new FreeList(2 ** 31, 0, 2 ** 30);
  assertEquals([list.available, list.take(1), list.take(2 ** 40)], [0, -1, -1]);
});

Deno.test("FreeList.give() has blocks far above 2^32 back, and merges them", () => {
  const list = new FreeList(2 ** 31, 2 ** 42, 2 ** 30);
  const first = list.take(2 ** 41), second = list.take(2 ** 40 + 1), third = list.take(2 ** 30);
  assertEquals([first, second, third], [
    2 ** 31,
    2 ** 31 + 2 ** 41,
    2 ** 31 + 2 ** 41 + 2 ** 40 + 2 ** 30,
  ]);
  assertEquals([list.bytesAt(first), list.bytesAt(second)], [2 ** 41, 2 ** 40 + 2 ** 30]);
  for (const at of [second, first]) list.give(at);
  assertEquals(list.take(2 ** 41 + 2 ** 40 + 2 ** 30), 2 ** 31);
  assertThrows(() => list.give(second), RangeError, "it was not taken");
  assertThrows(() => list.bytesAt(0), RangeError, "it was not taken");
});
