/**
 * Short writes: a stream port leaves no cut frame behind.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { concat, frame, record } from "../switch/frames.ts";
import { expected, start } from "./wide_stream_lab.ts";

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 80 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1000, max: 2000 }) },
);

// fault list 20, 31
Deno.test("StreamPort leaves no cut frame behind, however short its writes: random short writes", () => {
  fc.assert(
    fc.property(
      fc.array(lengths, { minLength: 1, maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 60 }),
      (sizes, shorts) => {
        const { lab, a, b } = start();
        shorts.forEach((short, i) => lab.kernel.faults.on("write", { nth: i + 1, short }));
        const bytes = concat(sizes.map((size, i) => record(frame(1, 2, i, size))));
        a.send(bytes);
        lab.run(70); // a short write waits for the timer, at most 1 ms
        assertEquals(b.receive(), expected(bytes));
        lab.stop();
      },
    ),
    { numRuns: 150 },
  );
});

// fault list 20, 31
Deno.test("StreamPort writes on after a cut at each byte of two frames", () => {
  const { lab, a, b } = start();
  const bytes = concat([record(frame(1, 2, 1, 20)), record(frame(1, 2, 2, 30))]);
  for (let short = 1; short <= bytes.length; short++) {
    lab.kernel.faults.clear();
    lab.kernel.faults.on("write", { nth: 1, short });
    lab.kernel.faults.on("write", { nth: 2, short: 1 });
    a.send(bytes);
    lab.run(5);
    assertEquals(b.receive(), bytes, `after ${short} bytes`);
  }
  lab.stop();
});
