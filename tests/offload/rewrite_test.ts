/**
 * Headers are copied to the byte.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { copyHeaders } from "../../src/offload/rewrite.ts";
import { filler, viewOf } from "./frames.ts";

Deno.test("copyHeaders() copies any number of bytes from 4 on, and none more", () => {
  for (let bytes = 4; bytes <= 160; bytes++) {
    for (const [from, to] of [[0, 400], [3, 401], [402, 6]]) {
      const memory = filler(600, bytes), expected = memory.slice();
      expected.set(memory.subarray(from, from + bytes), to);
      copyHeaders(viewOf(memory), from, to, bytes);
      assertEquals(memory, expected, `${bytes} bytes from ${from} to ${to}`);
    }
  }
});
