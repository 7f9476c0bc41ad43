/**
 * MERGE: segments of a batch are put together as Linux's GRO puts together those of a poll.
 *
 * @module
 */
import { assert } from "@std/assert";
import fc from "fast-check";
import { say } from "../support/time.ts";
import { assertMerged, COALESCED, type Tally } from "../vectors/merged.ts";
import { Ours } from "../vectors/ours.ts";
import { bursts, wiresOf } from "./bursts.ts";
import { kernelTest } from "./judge.ts";
import { mergedByLinux } from "./linux.ts";
import { runs } from "./seed.ts";

const NUMBER = 800;

kernelTest(`${NUMBER} bursts are coalesced as Linux coalesces them`, async (judge) => {
  const ours = new Ours();
  const tally: Tally = new Map();
  let segments = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(bursts(12, 1460), bursts(100, 1460)), async (burst) => {
      const wires = wiresOf(burst);
      segments += wires.length;
      assertMerged(wires, ours.merge(wires), await mergedByLinux(judge, burst), tally);
    }),
    runs(NUMBER),
  );
  say(`    ${segments} segments; connections:`);
  for (const [reason, times] of tally) say(`    ${String(times).padStart(6)}  ${reason}`);
  assert((tally.get(COALESCED) ?? 0) > NUMBER / 2, "hardly anything is coalesced");
});
