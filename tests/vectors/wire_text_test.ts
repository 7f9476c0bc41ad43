import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Condenser, contents, expand } from "./wire_text.ts";

const payload = fc.record({ seed: fc.nat(50), length: fc.nat(200) });

Deno.test("a frame that was written as text is the same frame", () => {
  fc.assert(fc.property(
    fc.array(payload, { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.tuple(fc.nat(2), fc.nat(150), fc.nat(60))),
    ),
    (payloads, parts) => {
      const bytes = parts.flatMap((part) => {
        if (part instanceof Uint8Array) return [...part];
        const [which, from, length] = part;
        return [...contents(payloads[which % payloads.length]).subarray(from, from + length)];
      });
      const frame = Uint8Array.from(bytes);
      const condenser = new Condenser(payloads), again = frame.slice(frame.length / 3);
      assertEquals(expand(condenser.condense(frame)), frame);
      assertEquals(expand(condenser.condense(again), frame), again);
    },
  ));
});

Deno.test("slices of payload are named, and mean today what they meant when they were recorded", () => {
  const frame = Uint8Array.of(1, 2, 3, ...contents({ seed: 7, length: 40 }).subarray(3), 4);
  const condenser = new Condenser([{ seed: 7, length: 40 }]);
  assertEquals(condenser.condense(frame), "010203[7:3:37]04");
  assertEquals(condenser.condense(frame.subarray(1)), "<1:40>");
  assertEquals(expand("[7:0:8][0:0:2][1:5:2]").toHex(), "90f81c4c623840290000ffff");
});
