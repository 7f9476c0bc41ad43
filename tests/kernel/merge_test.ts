/**
 * MERGE: segments of a batch are put together as Linux's GRO puts together those of a poll.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { say } from "../support/time.ts";
import { assertMerged, COALESCED, DIFFERENCES, type Tally } from "../vectors/merged.ts";
import { Ours } from "../vectors/ours.ts";
import { BURSTS } from "./burst_table.ts";
import { bursts, wiresOf } from "./bursts.ts";
import { kernelTest } from "./judge.ts";
import { mergedByLinux } from "./linux.ts";
import { runs } from "./seed.ts";

const NUMBER = 800;
const ours = new Ours();

kernelTest(`the ${BURSTS.length} rows of the table are as they say`, async (judge) => {
  const wrong: string[] = [], tally: Tally = new Map();
  for (const row of BURSTS) {
    const wires = wiresOf(row.burst);
    const mine = ours.merge(wires), linux = await mergedByLinux(judge, row.burst);
    if (linux.length !== row.linux) wrong.push(`${row.name}: Linux ${linux.length}`);
    if (mine.length !== row.ours) wrong.push(`${row.name}: ours ${mine.length}`);
    assertMerged(wires, mine, linux, tally);
  }
  assertEquals(wrong, []);
  const unused = DIFFERENCES.filter(({ reason }) => !tally.has(reason));
  assertEquals(unused, [], "differences no row has");
});

kernelTest(`${NUMBER} bursts are coalesced as Linux coalesces them`, async (judge) => {
  const tally: Tally = new Map(), parameters = runs(NUMBER);
  let segments = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(bursts(12, 1460, 3), bursts(100, 1460, 50)), async (burst) => {
      const wires = wiresOf(burst);
      segments += wires.length;
      assertMerged(wires, ours.merge(wires), await mergedByLinux(judge, burst), tally);
    }),
    parameters,
  );
  say(`    ${segments} segments; connections:`);
  for (const [reason, times] of tally) say(`    ${String(times).padStart(6)}  ${reason}`);
  assert((tally.get(COALESCED) ?? 0) > parameters.numRuns / 2, "hardly anything is coalesced");
});
