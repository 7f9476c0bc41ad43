/**
 * The door: frames with a vnet header that Linux takes are taken, and others are not, but for the differences
 * that are meant.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { withVnet } from "../support/vnet_header.ts";
import { say } from "../support/time.ts";
import { DIFFERENCES } from "../vectors/differences.ts";
import { compare, judge as decide } from "../vectors/opinions.ts";
import { Ours } from "../vectors/ours.ts";
import { type Fate, TABLE } from "./accept_table.ts";
import { FRAMES, headersFor } from "./headers.ts";
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

/** Prints how often each reason was the reason, while it counts. */
class Reasons {
  readonly #times = new Map<string, number>();

  count(reason: string): void {
    this.#times.set(reason, (this.#times.get(reason) ?? 0) + 1);
  }

  say(): void {
    const sorted = [...this.#times].sort(([, a], [, b]) => b - a);
    for (const [reason, times] of sorted) say(`    ${String(times).padStart(6)}  ${reason}`);
  }
}

kernelTest(`${NUMBER} hostile frames have the same fate, or there is a reason`, async (judge) => {
  const reasons = new Reasons();
  await fc.assert(
    fc.asyncProperty(hostileCases, async (each) => {
      const wire = wireOf(each);
      reasons.count(decide(compare(ours, wire, await cutByLinux(judge, wire))));
    }),
    runs(NUMBER),
  );
  reasons.say();
});

kernelTest("all combinations of telling vnet headers have the same fate", async (judge) => {
  const reasons = new Reasons();
  for (const frame of FRAMES) {
    for (const header of headersFor(frame)) {
      const wire = withVnet(header, frame);
      try {
        reasons.count(decide(compare(ours, wire, await cutByLinux(judge, wire))));
      } catch (error) {
        throw new Error(`${JSON.stringify(header)} ${frame.toHex()}`, { cause: error });
      }
    }
  }
  reasons.say();
});
