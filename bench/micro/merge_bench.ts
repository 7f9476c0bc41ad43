/**
 * Putting segments together, planner included: what a VM that takes large frames costs, with and without a
 * vnet header. Time is per iteration; the name says of how many segments. Towards a vnet header each segment
 * is read once, to verify it: that is a row of its own, and so are segments that cannot be put together.
 *
 * @module
 */
import { sum } from "../../src/frame/checksum.ts";
import { Feature } from "../../src/offload/features.ts";
import { GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Planner } from "../../src/offload/plan.ts";
import { needs, NO_OFFLOAD, type Policy, type VnetBytes } from "../../src/offload/policy.ts";
import { filler, tcpFrame } from "../../tests/offload/frames.ts";

const TIMESTAMPS = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
const SEGMENTS = 48, MSS = 1448;
/** Where frames lie, and how far from one another. */
const READ = GATHER_SCRATCH, SLOT = 1600;
const sums = new Int32Array(1);

/** A batch of segments of `flows` connections that take turns. */
class Batch {
  readonly view = new DataView(new ArrayBuffer(READ + SEGMENTS * SLOT));
  readonly planner = new Planner(this.view, 0, SEGMENTS);
  readonly at = new Int32Array(SEGMENTS);
  readonly length = new Int32Array(SEGMENTS);

  /** @param step how far the sequence numbers of a connection are apart; those of {@linkcode MSS} follow one another */
  constructor(version: 4 | 6, flows: number, step = MSS) {
    const u8 = new Uint8Array(this.view.buffer), payload = filler(MSS);
    for (let i = 0; i < SEGMENTS; i++) {
      const turn = Math.floor(i / flows), fromPort = 1000 + i % flows;
      const place = { fromPort, seq: turn * step, id: turn };
      const frame = tcpFrame({ version, tcpOptions: TIMESTAMPS, payload, ...place });
      this.at[i] = READ + i * SLOT + 32;
      this.length[i] = frame.length;
      u8.set(frame, this.at[i]);
    }
  }

  /** Plan the batch for a VM with `egress`. */
  send(egress: Policy): void {
    const { planner, at, length } = this;
    planner.begin(NO_OFFLOAD, egress, needs(NO_OFFLOAD, egress), at, length, 0, SEGMENTS);
    while (planner.fill(false));
  }
}

function taker(vnetHdr: VnetBytes): Policy {
  return { ...NO_OFFLOAD, accepts: Feature.CSUM | Feature.TSO4 | Feature.TSO6, vnetHdr };
}

const rows = [
  { name: "one connection over IPv4", batch: new Batch(4, 1) },
  { name: "one connection over IPv6", batch: new Batch(6, 1) },
  { name: "8 connections that take turns", batch: new Batch(4, 8) },
  { name: "one connection that has lost every second segment", batch: new Batch(4, 1, 2 * MSS) },
];
for (const { name, batch } of rows) {
  for (const vnetHdr of [0, 12] as const) {
    const egress = taker(vnetHdr), to = vnetHdr === 0 ? "without a header" : "with a vnet header";
    Deno.bench(`${name}, ${to}: ${SEGMENTS} segments`, () => batch.send(egress));
  }
}

Deno.bench(`Sum of ${SEGMENTS} times ${MSS} bytes`, () => {
  const { view, at } = rows[0].batch;
  for (let i = 0; i < SEGMENTS; i++) sums[0] += sum(view, at[i] + 66, MSS);
});
