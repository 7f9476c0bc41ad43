/**
 * The plan against hostile frames and policies: it neither throws nor writes where it must not, makes a
 * bounded number of frames, and accounts for every one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { filler, tcpFrame } from "./frames.ts";
import { ALL, policies, wires, withHeaders } from "./hostile_wires.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const RUNS = 1500;
/** Most frames that one becomes. */
const SEGMENTS = 256;

/** Every frame is dealt with in one way, and what is on the wire is what was counted. */
function checkCounts(lab: PlanLab, out: number): void {
  const { counts } = lab.planner;
  const { frames, passed, filled, segmented, segments, merged, merges } = counts;
  const dropped = counts.oversize + counts.unsegmentable + counts.badChecksum;
  counts.clear();
  assertEquals(frames, lab.count, "every frame is planned once");
  assertEquals(frames, passed + filled + segmented + merged + dropped, "in one way");
  assertEquals(out, passed + filled + segments + merges);
  assert(segments <= SEGMENTS * segmented && 2 * merges <= merged, "bounded");
}

const lab = new PlanLab();

Deno.test("Planner survives hostile frames and policies: random bytes, for several VMs in a row", () => {
  const seen = { segmented: 0, filled: 0, dropped: 0, refused: 0 };
  const egresses = fc.array(fc.tuple(policies, fc.boolean()), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(policies, egresses, wires, (ingress, all, list) => {
      seen.refused += lab.load(withHeaders(list, ingress), ingress);
      for (const [egress, framed] of all) {
        const out = lab.send(ingress, egress, framed), { counts } = lab.planner;
        seen.segmented += counts.segmented;
        seen.filled += counts.filled;
        seen.dropped += counts.oversize + counts.unsegmentable + counts.badChecksum;
        for (const wire of out) {
          assert(wire.length - egress.vnetHdr <= egress.maxFrame, "longer than the wire takes");
        }
        checkCounts(lab, out.length);
        lab.checkCanaries();
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  const few = Object.entries(seen).filter(([, count]) => count < RUNS / 10);
  assertEquals(few, [], "what the test is about does happen");
});

Deno.test("Planner rewrites the longest headers of a whole batch within its scratch memory", () => {
  const extensions = Array.from({ length: 8 }, () => ({ protocol: 60, data: filler(2038) }));
  const shape = { version: 6, extensions, payload: filler(30_000) } as const;
  const tags = [0x88a8_0001, 0x8100_0001], tcpOptions = filler(40);
  const batch = new Array(64).fill(tcpFrame({ ...shape, tags, tcpOptions, checksum: "partial" }));
  const ingress = policyOf({ sends: ALL });
  // Longer than its headers, so that the frame counts as one that is to be cut.
  const mtu = 20_000, accepts = { accepts: ALL, mtu } as const;
  const egresses = [{ ...accepts, finish: true }, { ...accepts, vnetHdr: 12 as const }, { mtu }];
  for (const egress of egresses.map(policyOf)) {
    for (const framed of [false, true]) {
      lab.load(batch, ingress);
      checkCounts(lab, lab.send(ingress, egress, framed).length);
      lab.checkCanaries();
    }
  }
});
