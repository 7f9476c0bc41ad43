/**
 * Frames in the memory of a guest leave as they would had they been read from a socket, for ports of any
 * policy; and what a guest changes once its frames were looked at changes nothing that was decided.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Policy } from "../../src/offload/policy.ts";
import { lies } from "../frame/guest.ts";
import { filler, tcpFrame } from "./frames.ts";
import { ALL, burst, bursts, policies, wires, withHeaders } from "./hostile_wires.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";
import { ScatterLab } from "./scatter_lab.ts";
import { tcpWire } from "./wire.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const RUNS = 800;

/** Both labs give the fragments they make the same numbers. */
function openLabs(): { socket: PlanLab; memory: ScatterLab } {
  const random = crypto.getRandomValues;
  crypto.getRandomValues = <T>(array: T): T => array;
  try {
    return { socket: new PlanLab(), memory: new ScatterLab() };
  } finally {
    crypto.getRandomValues = random;
  }
}

const { socket, memory } = openLabs();
const guests: fc.Arbitrary<Policy> = fc.tuple(policies, fc.constantFrom(10 as const, 12 as const))
  .map(([policy, vnetHdr]) => ({ ...policy, vnetHdr }));
const egresses = fc.array(fc.tuple(policies, fc.boolean()), { minLength: 1, maxLength: 4 });
/** Frames as a guest with this policy sends them: noise, and connections. */
const batches = fc.tuple(guests, wires, fc.array(bursts, { maxLength: 5 })).map((
  [ingress, noise, all],
) => ({
  ingress,
  sent: [...all.flatMap((each) => burst(each, ingress)), ...withHeaders(noise, ingress)],
}));
const places = fc.array(lies, { minLength: 1, maxLength: 8 });

function assertSame(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  assertEquals(actual.length, expected.length, "frames");
  actual.forEach((bytes, i) => {
    const other = expected[i];
    const isSame = bytes.length === other.length && bytes.every((byte, at) => byte === other[at]);
    if (!isSame) assertEquals(bytes, other, `frame ${i}`);
  });
}

Deno.test("Planner makes the same of frames in a guest as of frames from a socket: random bytes, for several VMs in a row", () => {
  const seen = { passed: 0, filled: 0, segmented: 0, merged: 0, dropped: 0, refused: 0, left: 0 };
  fc.assert(
    fc.property(batches, egresses, places, ({ ingress, sent }, all, lies) => {
      const refused = socket.load(sent, ingress);
      assertEquals(memory.load(sent, ingress, lies), refused, "refused");
      seen.refused += refused;
      memory.guest.forget();
      for (const [egress, framed] of all) {
        const expected = socket.send(ingress, egress, framed);
        assertSame(memory.send(ingress, egress, framed), expected);
        const { counts } = memory.planner;
        assertEquals({ ...counts }, { ...socket.planner.counts });
        seen.passed += counts.passed;
        seen.filled += counts.filled;
        seen.segmented += counts.segmented;
        seen.merged += counts.merged;
        seen.dropped += counts.oversize + counts.unsegmentable + counts.badChecksum;
        counts.clear();
        socket.planner.counts.clear();
        memory.checkCanaries();
      }
      for (let i = 0; i < memory.count; i++) {
        if (memory.scatter.head[i] < memory.length[i]) seen.left++;
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
  const few = Object.entries(seen).filter(([, count]) => count < RUNS / 20);
  assertEquals(few, [], "what the test is about does happen");
});

Deno.test("Planner survives a guest that changes frames at any moment: random bytes and policies", () => {
  fc.assert(
    fc.property(
      batches,
      egresses,
      places,
      fc.array(fc.tuple(fc.nat(), fc.nat(40)), { maxLength: 20 }),
      ({ ingress, sent }, all, lies, changes) => {
        memory.load(sent, ingress, lies);
        const { counts } = memory.planner;
        // Between any two reads of the planner.
        let next = 0, reads = 0;
        memory.moment = () => {
          if (next === changes.length || reads++ < changes[next][1]) return;
          reads = 0;
          memory.guest.change(changes[next++][0]);
        };
        for (const [egress, framed] of all) {
          const out = memory.send(ingress, egress, framed);
          const { passed, filled, segmented, segments, merged, merges } = counts;
          const dropped = counts.oversize + counts.unsegmentable + counts.badChecksum;
          assertEquals(counts.frames, memory.count, "every frame is planned once");
          assertEquals(counts.frames, passed + filled + segmented + merged + dropped);
          assertEquals(out.length, passed + filled + segments + merges);
          for (const wire of out) assert(wire.length - egress.vnetHdr <= egress.maxFrame);
          counts.clear();
          memory.checkCanaries();
        }
        memory.moment = () => {};
      },
    ),
    { seed: SEED, numRuns: RUNS },
  );
});

Deno.test("Planner copies nothing of a frame that passes, and all of one that is cut, once", () => {
  const guest = policyOf({ sends: ALL, accepts: ALL, vnetHdr: 12 }), plain = policyOf({});
  const legacy = policyOf({ accepts: ALL, vnetHdr: 10 });
  const payload = filler(9000), whole = tcpFrame({ payload, checksum: "partial" });
  const sent = tcpWire({ payload, checksum: "partial" }, 12, 1448), lie = { cuts: [3000], head: 0 };
  const { scatter } = memory;
  memory.load([sent], guest, [lie]);
  memory.guest.forget();
  assertSame(memory.send(guest, guest), [canonical(sent)]);
  const shown = scatter.head[0];
  assert(shown < 300);
  assertSame(memory.send(guest, legacy).map((wire) => wire.slice(10)), [whole]);
  assertEquals(scatter.head[0], shown);
  const segments = memory.send(guest, plain);
  assertEquals([segments.length, scatter.head[0]], [7, whole.length]);
  memory.guest.wipe();
  assertSame(memory.send(guest, plain), segments);
  assertSame(memory.send(guest, guest), [canonical(sent)]);
  memory.planner.counts.clear();
});

/** What a port makes of the header: one buffer. */
function canonical(wire: Uint8Array): Uint8Array {
  const bytes = wire.slice();
  bytes[10] = 1;
  return bytes;
}

Deno.test("Planner sends a frame of very many pieces as one", () => {
  const guest = policyOf({ sends: ALL, accepts: ALL, vnetHdr: 12 });
  const frames = new Array(20).fill(tcpWire({ payload: filler(1000) }, 12));
  const cuts = Array.from({ length: 255 }, (_, i) => 4 * i + 1);
  for (const few of [cuts, cuts.slice(0, 63)]) {
    memory.load(frames, guest, [{ cuts: few, head: 0 }, { cuts: [], head: 0 }]);
    assertSame(memory.send(guest, guest, true), frames.map(canonical));
    memory.planner.counts.clear();
    const isPulled = memory.scatter.head[0] === memory.length[0];
    assertEquals(isPulled, few.length > 63);
    memory.checkCanaries();
  }
});
