/**
 * Policies: what two of them need of each other, against the rules said one frame at a time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { clients } from "../../src/offload/clients.ts";
import { Feature, LARGE, OFFLOAD_ON, TSO } from "../../src/offload/features.ts";
import {
  accepted,
  frameLimit,
  mtuOf,
  Need,
  needs,
  NO_OFFLOAD,
  type Policy,
  policyOf,
  type VnetBytes,
} from "../../src/offload/policy.ts";
import { PORT_DEFAULTS } from "../../src/port/config.ts";

const { CSUM, TSO4, TSO6, UFO, USO, ECN } = Feature;
const { PASS, HEADER, FILL, SEGMENT, MERGE, CLAMP } = Need;

const port = (policy: Partial<Policy>): Policy => ({ ...NO_OFFLOAD, ...policy });
const on = port({ sends: OFFLOAD_ON, accepts: OFFLOAD_ON });
const { sends, accepts, finish } = clients["krunkit-offload"];
const krunkit = port({ sends, accepts, finish });

const policy: fc.Arbitrary<Policy> = fc.record({
  sends: fc.nat(63),
  accepts: fc.nat(63),
  vnetHdr: fc.constantFrom<VnetBytes>(0, 10, 12),
  mtu: fc.oneof(fc.constant(0), fc.integer({ min: 68, max: 65_535 })),
  maxFrame: fc.integer({ min: 60, max: 69_632 }),
  finish: fc.boolean(),
  forwardSafe: fc.boolean(),
  clampMss: fc.boolean(),
});

Deno.test("NO_OFFLOAD is the policy of a port that was not asked for one", () => {
  assertEquals(policyOf(PORT_DEFAULTS), NO_OFFLOAD);
  assertEquals(needs(NO_OFFLOAD, NO_OFFLOAD), PASS);
});

Deno.test("policyOf() takes the policy out of more, and all of it", () => {
  fc.assert(fc.property(policy, (policy) => {
    assertEquals(policyOf({ ...policy, name: "a" } as Policy), policy);
  }));
});

Deno.test("needs() between ports of every sort", () => {
  const safe = port({ accepts: OFFLOAD_ON, forwardSafe: true });
  for (
    const [ingress, egress, need] of [
      [on, on, PASS],
      [on, NO_OFFLOAD, FILL | SEGMENT],
      [NO_OFFLOAD, on, MERGE],
      [port({ sends: CSUM }), NO_OFFLOAD, FILL],
      [port({ sends: CSUM }), port({ accepts: CSUM }), PASS],
      [port({ sends: CSUM }), port({ accepts: CSUM, finish: true }), FILL],
      [port({ sends: CSUM | TSO4 }), on, MERGE],
      [port({ sends: CSUM | TSO6 }), port({ accepts: CSUM | TSO4 }), SEGMENT | MERGE],
      [port({ sends: CSUM | UFO }), on, SEGMENT | MERGE],
      [port({ sends: CSUM | USO }), port({ accepts: CSUM | USO }), PASS],
      [port({ sends: CSUM | TSO4 | ECN }), port({ accepts: CSUM | TSO4 }), SEGMENT],
      [on, port({ accepts: OFFLOAD_ON, maxFrame: 32_768 }), SEGMENT],
      [port({ maxFrame: 69_632 }), NO_OFFLOAD, PASS],
      [NO_OFFLOAD, safe, SEGMENT],
      [on, safe, SEGMENT],
      [krunkit, krunkit, FILL],
      [krunkit, NO_OFFLOAD, FILL | SEGMENT],
      [NO_OFFLOAD, krunkit, MERGE],
      [port({ vnetHdr: 12 }), NO_OFFLOAD, HEADER],
      [port({ vnetHdr: 10 }), port({ vnetHdr: 12 }), HEADER],
      [port({ vnetHdr: 12 }), port({ vnetHdr: 12 }), PASS],
      [port({ clampMss: true }), NO_OFFLOAD, CLAMP],
      [NO_OFFLOAD, port({ clampMss: true }), CLAMP],
    ] as const
  ) assertEquals(needs(ingress, egress), need, JSON.stringify({ ingress, egress }));
});

Deno.test("needs() is PASS only if no frame could need anything", () => {
  fc.assert(
    fc.property(policy, policy, (ingress, egress) => {
      const need = needs(ingress, egress), takes = accepted(egress);
      for (const feature of [CSUM, TSO4, TSO6, UFO, USO, ECN]) {
        if ((ingress.sends & feature) === 0 || (takes & feature) !== 0) continue;
        // ECN says something of large TCP frames only.
        if (feature === ECN && (ingress.sends & LARGE) === 0) continue;
        assert(need !== PASS, `feature ${feature} is left to a VM that does not take it`);
      }
      assertEquals((need & HEADER) !== 0, ingress.vnetHdr !== egress.vnetHdr);
      if ((need & MERGE) !== 0) assert((takes & TSO) !== 0);
      if (egress.forwardSafe) assert((need & SEGMENT) !== 0 && (takes & LARGE) === 0);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("accepted() takes back what finish and forward-safe do", () => {
  const all = { accepts: 63 };
  assertEquals(accepted(port(all)), 63);
  assertEquals(accepted(port({ ...all, finish: true })), 63 & ~CSUM);
  assertEquals(accepted(port({ ...all, forwardSafe: true })), CSUM);
  assertEquals(accepted(port({ ...all, finish: true, forwardSafe: true })), 0);
});

Deno.test("frameLimit() is max-frame, and for a VM that forwards what the mtu needs with two tags", () => {
  assertEquals(mtuOf(NO_OFFLOAD), 1500);
  assertEquals(frameLimit(NO_OFFLOAD), 65_550);
  assertEquals(mtuOf(port({ maxFrame: 1014 })), 1000);
  assertEquals(frameLimit(port({ mtu: 1500, maxFrame: 9014 })), 9014);
  assertEquals(frameLimit(port({ forwardSafe: true })), 1522);
  assertEquals(frameLimit(port({ forwardSafe: true, mtu: 1400 })), 1422);
});
