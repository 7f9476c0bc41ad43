/**
 * What the kernel has said, on any system and without root: the same comparison as in tests/kernel, with
 * recorded answers.
 *
 * @module
 */
import { assert } from "@std/assert";
import { assertMerged } from "./merged.ts";
import { compare, judge } from "./opinions.ts";
import { Ours } from "./ours.ts";
import { CUT_FILES, type CutVector, load, type MergeVector } from "./vector.ts";
import { expand } from "./wire_text.ts";

const ours = new Ours();

for (const file of CUT_FILES) {
  Deno.test(`recorded frames (${file}) become what Linux made of them`, () => {
    const vectors = load<CutVector>(file), wrong: string[] = [];
    assert(vectors.length > 50, "where are they?");
    vectors.forEach((vector, i) => {
      const wire = expand(vector.in), refused = vector.out === "refused";
      const out = vector.out === "refused" ? [] : vector.out;
      const linux = out.map((text) => expand(text, wire));
      try {
        judge(compare(ours, wire, { refused, linux }));
      } catch (error) {
        wrong.push(`line ${i + 1} ${vector.name ?? ""}: ${(error as Error).message}`);
      }
    });
    assert(wrong.length === 0, wrong.slice(0, 5).join("\n"));
  });
}

Deno.test("recorded bursts become what Linux made of them", () => {
  const vectors = load<MergeVector>("merge"), wrong: string[] = [];
  assert(vectors.length > 50, "where are they?");
  vectors.forEach((vector, i) => {
    try {
      const first = expand(vector.in[0]);
      const [wires, linux] = [vector.in, vector.out].map((texts) =>
        texts.map((text) => expand(text, first))
      );
      assertMerged(wires, ours.merge(wires), linux);
    } catch (error) {
      wrong.push(`line ${i + 1} ${vector.name ?? ""}: ${(error as Error).message}`);
    }
  });
  assert(wrong.length === 0, wrong.slice(0, 5).join("\n"));
});
