/**
 * The door: frames with a vnet header that Linux takes are taken, and others are not, but for the differences
 * that are meant.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { say } from "../support/time.ts";
import { DIFFERENCES } from "../vectors/differences.ts";
import { compare, judge as decide } from "../vectors/opinions.ts";
import { Ours } from "../vectors/ours.ts";
import { type Fate, TABLE } from "./accept_table.ts";
import { hostileCases, wireOf } from "./hostile.ts";
import { kernelTest } from "./judge.ts";
import { cutByLinux } from "./linux.ts";
import { runs } from "./seed.ts";

const NUMBER = 30_000;
const ours = new Ours();
kernelTest(`the ${TABLE.length} rows of the table are as they say`, async (judge) => {
  const wrong: string[] = [], reasons = new Set<string>();
  for (const row of TABLE) {
    const opinions = compare(ours, row.wire, await cutByLinux(judge, row.wire));
    const linux: Fate = opinions.refused ? "refused" : opinions.linux.length || "dropped";
    const fate: Fate = opinions.verdict !== 0 ? "refused" : opinions.ours.length || "dropped";
    if (linux !== row.linux) wrong.push(`${row.name}: Linux ${linux}, not ${row.linux}`);
    if (fate !== row.ours) wrong.push(`${row.name}: ours ${fate}, not ${row.ours}`);
    reasons.add(decide(opinions));
  }
  assertEquals(wrong, []);
  const unused = DIFFERENCES.filter(({ reason }) => !reasons.has(reason));
  assertEquals(unused, [], "differences no row has");
});

kernelTest(`${NUMBER} hostile frames have the same fate, or there is a reason`, async (judge) => {
  const reasons = new Map<string, number>();
  const count = (reason: string) => reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(hostileCases, async (each) => {
      const wire = wireOf(each);
      count(decide(compare(ours, wire, await cutByLinux(judge, wire))));
    }),
    runs(NUMBER),
  );
  for (const [reason, times] of reasons) say(`    ${String(times).padStart(6)}  ${reason}`);
});
