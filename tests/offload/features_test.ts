/**
 * Feature sets: names and bits are the same thing, written differently.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  Feature,
  FEATURE_NAMES,
  featureOf,
  formatFeatures,
  LARGE,
  namesOf,
  OFFLOAD_ON,
  parseFeatures,
} from "../../src/offload/features.ts";

Deno.test("featureOf() has a bit for every name, and for nothing else", () => {
  assertEquals(
    FEATURE_NAMES.map((name) => [name.toUpperCase(), featureOf(name)]),
    Object.entries(Feature),
  );
  for (const name of ["", "none", "CSUM", "tso", "toString", "__proto__", "csum+tso4"]) {
    assertEquals(featureOf(name), 0, name);
  }
});

Deno.test("formatFeatures() writes every set as parseFeatures() reads it", () => {
  for (let set = 0; set < 1 << FEATURE_NAMES.length; set++) {
    const text = formatFeatures(set);
    assertEquals(parseFeatures(text), set);
    assertEquals(parseFeatures(text.split("+").reverse().join("+")), set);
    assertEquals(namesOf(set).join("+") || "none", text);
  }
  assertEquals(formatFeatures(OFFLOAD_ON), "csum+tso4+tso6");
  assertEquals(formatFeatures(LARGE), "tso4+tso6+ufo+uso");
});

Deno.test("parseFeatures() reads nothing else", () => {
  for (const text of ["", "+", "csum+", "none+csum", "csum, tso4", " csum", "off", "tso", "0"]) {
    assertEquals(parseFeatures(text), undefined, text);
  }
});
