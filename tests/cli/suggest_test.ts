/**
 * Suggestions: the distance against its definition, and words that people mistype.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { didYouMean, editDistance, suggest } from "../../src/cli/suggest.ts";

/** The definition, by recursion. */
function distance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const wrong = a.at(-1) === b.at(-1) ? 0 : 1;
  const [less, shorter] = [a.slice(0, -1), b.slice(0, -1)];
  const ways = [distance(less, b) + 1, distance(a, shorter) + 1, distance(less, shorter) + wrong];
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) {
    ways.push(distance(a.slice(0, -2), b.slice(0, -2)) + 1);
  }
  return Math.min(...ways);
}

Deno.test("editDistance() is the optimal string alignment distance", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });
  fc.assert(fc.property(word, word, (a, b) => assertEquals(editDistance(a, b), distance(a, b))));
});

Deno.test("suggest() finds the word that was meant, and guesses nothing wild", () => {
  const names = [
    "port",
    "stats-interval",
    "ready-fd",
    "quiet",
    "log-level",
    "log-json",
    "pid-file",
  ];
  for (
    const [word, meant] of [
      ["prot", "port"],
      ["ports", "port"],
      ["Port", "port"],
      ["stats", "stats-interval"],
      ["stat-interval", "stats-interval"],
      ["readyfd", "ready-fd"],
      ["qiuet", "quiet"],
      ["loglevel", "log-level"],
      ["log", "log-level"],
      ["pidfile", "pid-file"],
      ["p", undefined],
      ["", undefined],
      ["verbose", undefined],
      ["xxxx", undefined],
    ] as const
  ) assertEquals(suggest(word, names), meant, word);
  assertEquals(didYouMean("prot", names, (name) => `--${name}`), "; did you mean --port?");
  assertEquals(didYouMean("verbose", names), "");
});

Deno.test("suggest() finds every word with one letter wrong, and is quick about long ones", () => {
  const names = ["dgram", "stream", "clients", "max-frame"];
  fc.assert(fc.property(fc.constantFrom(...names), fc.nat(), fc.string(), (name, at, letter) => {
    const i = at % name.length;
    const typed = name.slice(0, i) + letter.slice(0, 1).toLowerCase() + name.slice(i + 1);
    assertEquals(suggest(typed, names), name);
  }));
  const start = performance.now();
  suggest("x".repeat(1 << 20), names);
  assert(performance.now() - start < 1000);
});
