/**
 * Asks the kernel and writes down what it says, for tests/vectors: `deno run -A tests/kernel/record.ts`, as root.
 *
 * The same seed gives the same files. IPv6 fragments are left out: they have random numbers in them.
 *
 * @module
 */
import fc from "fast-check";
import { splitVnet } from "../support/vnet_header.ts";
import { say } from "../support/time.ts";
import { versionOf } from "../vectors/layout.ts";
import { settled } from "../vectors/merged.ts";
import { type CutVector, type MergeVector, save } from "../vectors/vector.ts";
import { Condenser, type Payload } from "../vectors/wire_text.ts";
import { TABLE, TABLE_PAYLOAD } from "./accept_table.ts";
import { BURSTS } from "./burst_table.ts";
import { type Burst, bursts, wiresOf } from "./bursts.ts";
import { Gso, largeTcp, largeUfo, largeUso, unfinished, wireOf } from "./cases.ts";
import { hostileCases, wireOf as hostileWireOf } from "./hostile.ts";
import { Judge } from "./judge.ts";
import { cutByLinux, mergedByLinux } from "./linux.ts";
import { SEED } from "./seed.ts";

/** Most segments, and bytes of payload, of a recorded frame. */
const SEGMENTS = 8, BYTES = 6000;
/** Most segments of a recorded burst, and most bytes of each. */
const BURST_SEGMENTS = 10, SEGMENT_BYTES = 600;
/** Most frames that come of a recorded one: hundreds are not worth their lines. */
const MOST_FRAMES = 60;

async function cut(
  judge: Judge,
  wire: Uint8Array,
  payload: Payload,
  name?: string,
): Promise<CutVector[]> {
  const { refused, linux } = await cutByLinux(judge, wire), { header, frame } = splitVnet(wire);
  const isRandom = (header.gsoType & ~Gso.ECN) === Gso.UFO && versionOf(frame) === 6;
  if ((isRandom && linux.length > 1) || linux.length > MOST_FRAMES) return [];
  const condenser = new Condenser([payload]);
  const text = (each: Uint8Array) => condenser.condense(each);
  return [{ ...(name && { name }), in: text(wire), out: refused ? "refused" : linux.map(text) }];
}

async function merge(judge: Judge, burst: Burst, name?: string): Promise<MergeVector[]> {
  const condenser = new Condenser(
    burst.segments.map(({ seed, bytes }) => ({ seed, length: bytes })),
  );
  const linux = await mergedByLinux(judge, burst);
  return [{
    ...(name && { name }),
    in: wiresOf(burst).map((wire) => condenser.condense(wire)),
    out: linux.map((wire) => condenser.condense(settled(wire))),
  }];
}

function sample<T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] {
  return fc.sample(arbitrary, { numRuns, seed: SEED });
}

/** One after the other: there is one judge. */
async function collect<T, U>(cases: readonly T[], ask: (each: T) => Promise<U[]>): Promise<U[]> {
  const answers: U[] = [];
  for (const each of cases) answers.push(...await ask(each));
  return answers;
}

await using judge = await Judge.start();
const large = [
  ...sample(largeTcp(SEGMENTS, BYTES), 160),
  ...sample(largeUso(SEGMENTS, BYTES), 50),
  ...sample(largeUfo(SEGMENTS, BYTES), 50),
];
const files = {
  segment: await collect(large, (each) => cut(judge, wireOf(each), each.payload)),
  fill: await collect(
    sample(unfinished(BYTES), 120),
    (each) => cut(judge, wireOf(each), each.payload),
  ),
  accept: [
    ...await collect(TABLE, ({ wire, name }) => cut(judge, wire, TABLE_PAYLOAD, name)),
    ...await collect(
      sample(hostileCases, 150),
      (each) => cut(judge, hostileWireOf(each), each.payload),
    ),
  ],
  merge: [
    ...await collect(BURSTS, ({ burst, name }) => merge(judge, burst, name)),
    ...await collect(
      sample(bursts(BURST_SEGMENTS, SEGMENT_BYTES, 5), 100),
      (burst) => merge(judge, burst),
    ),
  ],
};
for (const [name, vectors] of Object.entries(files)) {
  save(name, vectors);
  say(`${name}: ${vectors.length} vectors`);
}
