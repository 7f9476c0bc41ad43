/**
 * One batch for several VMs, one after the other, in every order: what is done for one must not harm the next.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Feature } from "../../src/offload/features.ts";
import type { Policy } from "../../src/offload/policy.ts";
import { filler, tcpFrame, type TcpShape, udpFrame } from "./frames.ts";
import { naiveFragments } from "./naive_segment.ts";
import { PlanLab, policyOf } from "./plan_lab.ts";
import { receive } from "./receiver.ts";
import { tcpWire } from "./wire.ts";

const { CSUM, TSO4, TSO6, UFO, ECN } = Feature;
const ALL = CSUM | TSO4 | TSO6 | ECN;

/** VMs of every kind. */
const EGRESSES: readonly Policy[] = [
  policyOf({ sends: ALL, accepts: ALL, mtu: 9000 }),
  policyOf({ mtu: 1280 }),
  policyOf({ accepts: ALL, vnetHdr: 12 }),
  policyOf({ accepts: ALL, finish: true }),
  policyOf({ accepts: CSUM, vnetHdr: 10 }),
];
const SENDERS: readonly Policy[] = [
  policyOf({ sends: ALL }),
  policyOf({ sends: ALL, vnetHdr: 10 }),
  policyOf({ sends: ALL, vnetHdr: 12 }),
];

/** Segments of two flows, small and large, finished and not. */
function shapes(): TcpShape[] {
  const seqs = [1, 1], sizes = [100, 3000, 600, 5000, 0, 1220];
  return sizes.flatMap((size, i) =>
    ([4, 6] as const).map((version, flow): TcpShape => {
      const seq = seqs[flow];
      seqs[flow] += size;
      return {
        version,
        fromPort: 1000 + flow,
        seq,
        id: 1000 + i * 100,
        flags: i === 3 ? 0x98 : 0x10,
        payload: filler(size, seq),
        // What is longer than any MTU, a VM with TSO leaves unfinished.
        checksum: size > 1220 || i % 2 === 0 ? "partial" : "full",
      };
    })
  );
}

/** The frame as the VM of a port with `policy` sends it. */
function wireOf(shape: TcpShape, { vnetHdr }: Policy): Uint8Array {
  return tcpWire(shape, vnetHdr, shape.payload!.length > 1220 ? 1220 : 0);
}

/** Bytes of both flows as a VM gets them; it complains about everything its policy does not allow. */
function streams(out: readonly Uint8Array[], egress: Policy): string[] {
  const bytes: number[][] = [[], []];
  for (const segment of out.flatMap((wire) => receive(wire, egress))) {
    const flow = segment.fromPort - 1000;
    assertEquals(segment.seq, 1 + bytes[flow].length, "in order, without a gap");
    bytes[flow].push(...segment.payload);
  }
  return bytes.map((flow) => flow.join());
}

function* permutations<T>(list: readonly T[]): Generator<T[]> {
  if (list.length < 2) return yield [...list];
  for (let i = 0; i < list.length; i++) {
    const rest = [...list.slice(0, i), ...list.slice(i + 1)];
    for (const others of permutations(rest)) yield [list[i], ...others];
  }
}

Deno.test("Planner makes a batch right for every VM, whoever had it before, in every order", () => {
  const lab = new PlanLab(), sent = shapes();
  const expected = [0, 1].map((flow) =>
    sent.filter(({ fromPort }) => fromPort === 1000 + flow).flatMap(({ payload }) => [...payload!])
      .join()
  );
  for (const ingress of SENDERS) {
    const wires = sent.map((shape) => wireOf(shape, ingress));
    // Every order of five for a VM without a header, of four for the others.
    const egresses = ingress.vnetHdr === 0 ? EGRESSES : EGRESSES.slice(1);
    for (const order of permutations(egresses)) {
      assertEquals(lab.load(wires, ingress), 0);
      for (const egress of order) {
        assertEquals(streams(lab.send(ingress, egress), egress), expected);
      }
      lab.checkCanaries();
    }
  }
});

Deno.test("Planner completes a checksum once for all VMs, and a large frame for each that wants it finished", () => {
  const lab = new PlanLab(), ingress = SENDERS[0], { counts } = lab.planner;
  const sent = shapes(), small = sent.filter(({ payload }) => payload!.length <= 1220);
  const unfinished = small.filter(({ checksum }) => checksum === "partial").length;
  const filledFor = (egress: Policy) => {
    counts.clear();
    lab.send(ingress, egress);
    return counts.filled;
  };
  const plain = policyOf({ mtu: 1500 }), finish = policyOf({ accepts: ALL, finish: true });
  const large = sent.length - small.length;
  lab.load(sent.map(tcpFrame), ingress);
  assertEquals([filledFor(plain), filledFor(plain), filledFor(finish)], [unfinished, 0, large]);
  lab.load(sent.map(tcpFrame), ingress);
  assertEquals([filledFor(finish), filledFor(finish)], [unfinished + large, large]);
  assertEquals(filledFor(plain), 0);
});

Deno.test("Planner leaves nothing to be finished in the vnet header of a frame that it has finished", () => {
  const lab = new PlanLab(), shape = { payload: filler(100), checksum: "partial" } as const;
  for (const ingress of SENDERS.slice(1)) {
    lab.load([tcpWire(shape, ingress.vnetHdr)], ingress);
    lab.send(ingress, policyOf({}));
    const [wire] = lab.send(ingress, policyOf({ accepts: ALL, vnetHdr: ingress.vnetHdr }));
    const finished = tcpWire({ ...shape, checksum: "full" }, ingress.vnetHdr);
    if (ingress.vnetHdr === 12) finished[10] = 1;
    assertEquals(wire, finished);
  }
});

Deno.test("Planner leaves a large frame as it came, whatever it becomes for one VM", () => {
  const lab = new PlanLab(), large = shapes().filter(({ payload }) => payload!.length > 1220);
  for (const ingress of SENDERS) {
    lab.load(large.map((shape) => wireOf(shape, ingress)), ingress);
    const before = large.map((_, i) => lab.loaded(i));
    for (const egress of EGRESSES) lab.send(ingress, egress, true);
    assertEquals(large.map((_, i) => lab.loaded(i)), before);
  }
});

Deno.test("Planner cuts a datagram for one VM that is whole for the next", () => {
  const shape = { payload: filler(5000), checksum: "partial" } as const, frame = udpFrame(shape);
  const lab = new PlanLab(), ingress = policyOf({ sends: CSUM | UFO });
  const finished = udpFrame({ ...shape, checksum: "full" });
  const fragments = naiveFragments(frame, 1480, 0);
  const cases: [Policy, Uint8Array[]][] = [
    [policyOf({}), fragments],
    [policyOf({ accepts: CSUM | UFO }), [frame]],
    [policyOf({ accepts: CSUM | UFO, finish: true }), [finished]],
  ];
  for (const order of permutations(cases)) {
    lab.load([frame], ingress);
    for (const [egress, expected] of order) assertEquals(lab.send(ingress, egress), expected);
  }
});
