/**
 * Frames in the memory of guests on their way to ports of all kinds: every VM gets what it would get had
 * they come by a socket, now or later, and everything is counted the same.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Feature } from "../../src/offload/features.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { lies } from "../frame/guest.ts";
import { filler, tcpFrame } from "../offload/frames.ts";
import { tcpWire } from "../offload/wire.ts";
import { Lab } from "./lab.ts";
import { assertTaken, drain, TSO_VNET } from "./offload_lab.ts";
import { ScatterLab } from "./scatter_lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const RUNS = 150, PORTS = 4;
const { CSUM, TSO4, TSO6, ECN } = Feature;
const features = fc.constantFrom(0, CSUM, CSUM | TSO4, CSUM | TSO4 | TSO6 | ECN);

const configs = fc.record({
  sends: features,
  accepts: features,
  vnetHdr: fc.constantFrom(0 as const, 10 as const, 12 as const, 12 as const),
  mtu: fc.constantFrom(0, 0, 1280, 9000),
  forwardSafe: fc.boolean(),
  finish: fc.boolean(),
  clampMss: fc.boolean(),
  maxFrame: fc.constantFrom(65_550, 65_550, 65_550, 1000),
  queue: fc.constantFrom(80_000, 400_000),
});

/** What happens next: a burst of one connection, after which its receiver takes this many frames. */
const steps = fc.record({
  from: fc.nat(PORTS - 1),
  to: fc.nat(PORTS), // one of them is nobody: a flood
  sizes: fc.array(fc.nat(20_000), { minLength: 1, maxLength: 6 }),
  syn: fc.boolean(),
  room: fc.constantFrom(0, 1, 7, Infinity, Infinity),
});
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

/** The frames of a step: as large and as unfinished as the sender's policy lets them be. */
function framesOf({ from, to, sizes, syn }: Step, { config }: ScriptedPort): Uint8Array[] {
  const version = sizes[0] % 2 === 0 ? 4 as const : 6 as const;
  const isLarge = (config.sends & (version === 4 ? TSO4 : TSO6)) !== 0;
  const checksum = (config.sends & CSUM) !== 0 ? "partial" as const : "full" as const;
  let seq = 1;
  return sizes.map((size, id) => {
    const bytes = syn ? 0 : isLarge ? size : Math.min(size, 1200);
    const options = syn ? { flags: 2, tcpOptions: [2, 4, 9, 0] } : { flags: 0x10 };
    const shape = {
      version,
      from,
      to,
      seq,
      id,
      checksum,
      payload: filler(bytes, size),
      ...options,
    };
    seq += bytes;
    return tcpWire(shape, config.vnetHdr, bytes > 1200 ? 1200 : 0);
  });
}

/** Ports with these configurations; those with a vnet header take frames of guests, as `takers` says. */
function open(lab: Lab, all: readonly Partial<PortConfig>[], takers: readonly boolean[]): void {
  all.forEach((config, i) => {
    const port = lab.join(config);
    port.scatters = takers[i] && port.config.vnetHdr !== 0;
    port.framed = !port.scatters && i % 2 === 1;
    lab.fdb.learn(0x0200, port.row, port.row, lab.seconds);
  });
}

Deno.test("Egress gives every VM what it would get if guests had sockets: random ports, and a flood", () => {
  const seen = { passed: 0, filled: 0, segmented: 0, merged: 0, oversize: 0, "queue-full": 0 };
  fc.assert(
    fc.property(
      fc.array(configs, { minLength: PORTS, maxLength: PORTS }),
      fc.array(fc.boolean(), { minLength: PORTS, maxLength: PORTS }),
      fc.array(steps, { maxLength: 15 }),
      fc.array(lies, { minLength: 1, maxLength: 8 }),
      (all, takers, story, lies) => {
        const sockets = new Lab(), guests = new ScatterLab(lies);
        for (const lab of [sockets, guests]) open(lab, all, takers);
        for (const step of story) {
          for (const lab of [sockets, guests]) {
            const port = lab.ports[step.from];
            lab.ports[step.to % PORTS].room = step.room;
            lab.ingress(
              port,
              framesOf({ ...step, to: step.to === step.from ? PORTS : step.to }, port),
            );
            lab.wait(lab.now + 1);
            lab.checkBalance();
          }
        }
        guests.ports.forEach((port, i) => {
          drain(sockets, sockets.ports[i]);
          drain(guests, port);
          assertTaken(port, sockets.ports[i].taken);
          for (const key of Object.keys(seen) as (keyof typeof seen)[]) {
            seen[key] += guests.count(port, key);
          }
        });
        assertEquals(guests.cells, sockets.cells);
      },
    ),
    { seed: SEED, numRuns: RUNS },
  );
  const never = Object.entries(seen).filter(([, count]) => count === 0);
  assertEquals(never, [], "what the test is about does happen");
});

Deno.test("Egress queues what was in a guest's memory before the guest has it back", () => {
  const whole = { cuts: [], head: 0 }, pieces = { cuts: [30, 700, 5000], head: 0 };
  for (const lie of [whole, pieces]) {
    for (const scatters of [true, false]) {
      const lab = new ScatterLab([lie]), sender = lab.join(TSO_VNET), port = lab.join(TSO_VNET);
      port.scatters = scatters;
      port.room = 1;
      const frames = [60, 9000, 30].map((bytes, id) =>
        tcpWire({ from: 0, to: 1, id, payload: filler(bytes), checksum: "partial" }, 12)
      );
      lab.fdb.learn(0x0200, 1, 1, lab.seconds);
      lab.ingress(sender, frames);
      assertEquals([port.taken.length, lab.count(port, "queued")], [1, 2]);
      assertEquals(
        lab.planner.gather.frames > 0,
        !scatters,
        "only who cannot take pieces needs a gather",
      );
      drain(lab, port);
      for (const frame of frames) frame[10] = 1; // as judged: one buffer
      assertTaken(port, frames);
    }
  }
});

Deno.test("Egress completes the checksum of a guest's frame once, for the whole of a flood", () => {
  const lab = new ScatterLab([{ cuts: [100], head: 0 }]), sender = lab.join(TSO_VNET);
  const plain = [lab.join(), lab.join()], legacy = lab.join({ ...TSO_VNET, vnetHdr: 10 });
  const shape = { from: 0, to: 9, payload: filler(500) };
  lab.ingress(sender, [tcpWire({ ...shape, checksum: "partial" }, 12)]);
  for (const port of plain) assertTaken(port, [tcpFrame(shape)]);
  // It comes last, and so gets it finished, too.
  assertTaken(legacy, [tcpWire(shape, 10)]);
  assertEquals(plain.map((port) => lab.count(port, "filled")), [1, 0]);
});
