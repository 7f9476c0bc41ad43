/**
 * Ports of random policies, VMs that are full, free and gone at random: the sum holds after each step, and
 * whatever a VM is given is right for it and in order.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { filler, type TcpShape } from "../offload/frames.ts";
import { receive } from "../offload/receiver.ts";
import { tcpWire } from "../offload/wire.ts";
import type { Lab } from "./lab.ts";
import { drain, openOffload } from "./offload_lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const RUNS = 100, PORTS = 4, STEPS = 40;
const { CSUM, TSO4, TSO6, ECN } = Feature;
const features = fc.constantFrom(0, CSUM, CSUM | TSO4, CSUM | TSO4 | TSO6 | ECN);

const configs = fc.record({
  sends: features,
  accepts: features,
  vnetHdr: fc.constantFrom(0 as const, 10 as const, 12 as const),
  mtu: fc.constantFrom(0, 1500, 9000),
  forwardSafe: fc.boolean(),
  queue: fc.constantFrom(80_000, 400_000),
  full: fc.constantFrom("drop" as const, "pause" as const),
});

/** What happens next; numbers choose ports. */
const steps = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      from: fc.nat(PORTS - 1),
      to: fc.nat(PORTS), // one of them is nobody: a flood
      sizes: fc.array(fc.nat(40_000), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("room" as const),
      at: fc.nat(PORTS - 1),
      frames: fc.constantFrom(0, 1, 7, 100, Infinity),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(150) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gone" as const), at: fc.nat(PORTS - 1) }) },
);
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

/** Connections: from each station to each and to nobody, over IPv4 and IPv6. */
const FLOWS = 2 * PORTS * (PORTS + 1), FIRST_PORT = 1000;
/** Sequence number each connection has come to. Frames are dropped, so gaps are fine. */
type Sequences = number[];

/** What a VM sends: as large as its policy lets it, unfinished where that may be. */
function frameOf(
  from: number,
  to: number,
  size: number,
  { config }: ScriptedPort,
  next: Sequences,
): Uint8Array {
  const version = size % 2 === 0 ? 4 as const : 6 as const;
  const tso = (config.sends & (version === 4 ? TSO4 : TSO6)) !== 0;
  const bytes = tso ? size : size % 1200;
  const flow = 2 * (from * (PORTS + 1) + to) + size % 2;
  const shape: TcpShape = {
    ...{ version, from, to, fromPort: FIRST_PORT + flow, seq: next[flow], id: size & 0xffff },
    flags: 0x10,
    payload: filler(bytes, size),
    checksum: (config.sends & CSUM) !== 0 ? "partial" : "full",
  };
  next[flow] += bytes;
  return tcpWire(shape, config.vnetHdr, bytes > 1200 ? 1200 : 0);
}

function play(step: Step, lab: Lab, p: readonly ScriptedPort[], next: Sequences): void {
  if (step.do === "wait") return lab.wait(lab.now + step.ms / 10);
  if (step.do === "room") return void (p[step.at].room = step.frames);
  if (step.do === "gone") return void (p[step.at].gone = true);
  if (lab.egress[p[step.from].row] === undefined) return;
  const to = step.to === step.from ? PORTS : step.to;
  lab.ingress(
    p[step.from],
    step.sizes.map((size) => frameOf(step.from, to, size, p[step.from], next)),
  );
}

/** As the engine at the end of a turn: whoever was found gone leaves. */
function bury(lab: Lab): void {
  for (let port = lab.goneOnes.pop(); port !== undefined; port = lab.goneOnes.pop()) {
    if (lab.egress[port.row] !== undefined) lab.leave(port);
  }
}

/** Every frame is right for its VM, and no connection has gone back. */
function checkTaken({ taken, config }: ScriptedPort): void {
  const last = new Array(FLOWS).fill(-1);
  for (const segment of taken.flatMap((wire) => receive(wire, config))) {
    const flow = segment.fromPort - FIRST_PORT;
    assert(segment.seq >= last[flow], "in order");
    last[flow] = segment.seq + segment.payload.length;
  }
}

Deno.test("Egress accounts for every frame between ports that do not agree: random VMs", () => {
  const seen = { segmented: 0, filled: 0, merged: 0, "queue-full": 0, "peer-gone": 0, pauses: 0 };
  fc.assert(
    fc.property(
      fc.array(configs, { minLength: PORTS, maxLength: PORTS }),
      fc.array(steps, { maxLength: STEPS, size: "max" }),
      fc.boolean(),
      (all, story, framed) => {
        const { lab, p } = openOffload(...all as Partial<PortConfig>[]);
        const next: Sequences = new Array(FLOWS).fill(1);
        for (const port of p) port.framed = framed;
        for (const step of story) {
          play(step, lab, p, next);
          lab.checkBalance();
          bury(lab);
          lab.checkBalance();
        }
        for (const port of p) if (lab.egress[port.row] !== undefined) drain(lab, port);
        lab.checkBalance();
        for (const port of p) {
          assertEquals(lab.count(port, "queued"), 0);
          checkTaken(port);
          for (const key of Object.keys(seen) as (keyof typeof seen)[]) {
            seen[key] += lab.count(port, key);
          }
        }
      },
    ),
    { seed: SEED, numRuns: RUNS },
  );
  const never = Object.entries(seen).filter(([, count]) => count === 0);
  assertEquals(never, [], "what the test is about does happen");
});
