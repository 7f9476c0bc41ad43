/**
 * FILL: an unfinished checksum is completed as Linux completes it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { AGREED, compare, judge as decide } from "../vectors/opinions.ts";
import { Ours } from "../vectors/ours.ts";
import { unfinished, wireOf } from "./cases.ts";
import { kernelTest } from "./judge.ts";
import { cutByLinux } from "./linux.ts";
import { runs } from "./seed.ts";

const NUMBER = 3000;
const ours = new Ours();

kernelTest(`${NUMBER} frames get the checksum Linux gives them`, (judge) =>
  fc.assert(
    fc.asyncProperty(fc.oneof(unfinished(9000), unfinished(65_000)), async (each) => {
      const wire = wireOf(each);
      assertEquals(decide(compare(ours, wire, await cutByLinux(judge, wire))), AGREED.taken);
    }),
    runs(NUMBER),
  ));
