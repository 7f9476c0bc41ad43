/**
 * Values: what is read, what is not, and how they are described.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  describeValue,
  formatSize,
  formatValue,
  nearValue,
  readValue,
  type Value,
} from "../../src/cli/value.ts";
import { Feature } from "../../src/offload/features.ts";
import { WORLD } from "./world.ts";

const read = (value: Value, text: string) => readValue(value, text, WORLD.groupId);

Deno.test("readValue() takes exactly the spellings of each value", () => {
  const size = { kind: "size", min: 0, max: 64 << 20 } as const;
  const integer = { kind: "integer", min: 0, max: 100 } as const;
  const decimal = { kind: "decimal", min: 0.1, max: 100 } as const;
  const octal = { kind: "octal", min: 0, max: 0o777 } as const;
  for (
    const [value, text, expected] of [
      [size, "0", 0],
      [size, "1k", 1024],
      [size, "64M", 64 << 20],
      [size, "1.5M", undefined],
      [size, "1KB", undefined],
      [size, "K", undefined],
      [size, "99999999999999999999", undefined],
      [integer, "007", 7],
      [integer, "100", 100],
      [integer, "101", undefined],
      [integer, "+1", undefined],
      [integer, " 1", undefined],
      [integer, "1 ", undefined],
      [integer, "1\n", undefined],
      [integer, "٣", undefined],
      [integer, "0x1", undefined],
      [decimal, "0.1", 0.1],
      [decimal, "100.0", 100],
      [decimal, ".5", undefined],
      [decimal, "5.", undefined],
      [decimal, "1e1", undefined],
      [decimal, "Infinity", undefined],
      [octal, "0600", 0o600],
      [octal, "8", undefined],
      [octal, "0o600", undefined],
      [{ kind: "group" }, "kvm", 108],
      [{ kind: "group" }, "42", 42],
      [{ kind: "group" }, "wheel", undefined],
      [{ kind: "choice", values: ["a", "b"] }, "a", "a"],
      [{ kind: "choice", values: ["a", "b"] }, "A", undefined],
      [{ kind: "text", what: "" }, " any ", " any "],
      [{ kind: "flag" }, "true", undefined],
      [{ kind: "features" }, "none", 0],
      [{ kind: "features" }, "csum", Feature.CSUM],
      [{ kind: "features" }, "ecn+csum+tso4", Feature.CSUM | Feature.TSO4 | Feature.ECN],
      [{ kind: "features" }, "csum+csum", Feature.CSUM],
      [{ kind: "features" }, "csum+none", undefined],
      [{ kind: "features" }, "csum,tso4", undefined],
      [{ kind: "features" }, "csum tso4", undefined],
      [{ kind: "features" }, "+csum", undefined],
      [{ kind: "features" }, "toString", undefined],
      [{ kind: "features" }, "", undefined],
    ] as const
  ) assertEquals(read(value, text), expected, `${value.kind} ${JSON.stringify(text)}`);
});

Deno.test("formatValue() writes sizes, modes and features as readValue() reads them", () => {
  const size = { kind: "size", min: 0, max: 2 ** 31 - 1 } as const;
  const octal = { kind: "octal", min: 0, max: 0o777 } as const;
  fc.assert(fc.property(fc.nat(), fc.nat(0o777), (bytes, mode) => {
    assertEquals(read(size, formatSize(bytes)), bytes);
    assertEquals(read(octal, formatValue(octal, mode)), mode);
  }));
  const features = { kind: "features" } as const;
  for (let set = 0; set < 64; set++) assertEquals(read(features, formatValue(features, set)), set);
  assertEquals([0, 1, 1024, 1 << 20, 131_072].map(formatSize), ["0", "1", "1K", "1M", "128K"]);
});

Deno.test("describeValue() is a phrase that follows the word give", () => {
  for (
    const [value, phrase] of [
      [{ kind: "flag" }, "no value"],
      [{ kind: "text", what: "a path" }, "a path"],
      [{ kind: "choice", values: ["drop", "pause"] }, "drop or pause"],
      [{ kind: "integer", min: 1, max: 9 }, "a whole number from 1 to 9"],
      [{ kind: "decimal", min: 1, max: 9 }, "a number from 1 to 9"],
      [{ kind: "group" }, "the name or number of a group of this machine"],
      [
        { kind: "features" },
        "none, or any of csum tso4 tso6 ufo uso ecn with + between them",
      ],
    ] as const
  ) assertEquals(describeValue(value), phrase);
});

Deno.test("nearValue() finds the word that was mistyped", () => {
  const choice = { kind: "choice", values: ["drop", "pause"] } as const;
  for (
    const [value, text, hint] of [
      [choice, "puase", "; did you mean pause?"],
      [choice, "x", ""],
      [{ kind: "features" }, "csmu", "; did you mean csum?"],
      [{ kind: "features" }, "csum+tso5+ecn", "; did you mean tso4?"],
      [{ kind: "features" }, "nome", "; did you mean none?"],
      [{ kind: "features" }, "csum+x", ""],
      [{ kind: "group" }, "kvn", ""],
    ] as const
  ) assertEquals(nearValue(value, text), hint, text);
});
