/**
 * Random traffic, faults, and VMs that come, hang and go, all at once; and what must hold nevertheless:
 * nothing throws, what is delivered was sent, once, whole and in order, nothing comes back to where it
 * came from, every frame is accounted for, streams stay readable, nobody stalls, nothing leaks.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FakeSwitch } from "../support/fake_switch.ts";
import { neighbourhood, type Sent, type Station } from "./station.ts";

const station = fc.integer({ min: 0, max: 7 });
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      station,
      to: fc.option(station, { nil: undefined }),
      length: fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 18, max: 1514 }) },
        { weight: 1, arbitrary: fc.integer({ min: 1514, max: 65_550 }) },
      ),
      count: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 1, max: 40 }) },
        { weight: 1, arbitrary: fc.integer({ min: 300, max: 900 }) }, // more than a batch in one read
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "start" as const,
        "start" as const,
        "kill" as const,
        "hang" as const,
        "recover" as const,
      ),
      station,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("faults" as const),
      seed: fc.integer(),
      probability: fc.constantFrom(0, 0.02, 0.2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      ms: fc.constantFrom(0.1, 1, 25, 1100),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(lab: FakeSwitch, stations: readonly Station[], each: Step): void {
  switch (each.kind) {
    case "send": {
      const to = each.to === undefined || each.to === each.station ? undefined : each.to + 1;
      for (let i = 0; i < each.count; i++) stations[each.station].send(to, each.length);
      return lab.run(0.05);
    }
    case "faults":
      return lab.kernel.faults.random(each.seed, each.probability);
    case "run":
      return lab.run(each.ms);
    default:
      stations[each.station][each.kind]();
      return lab.run(0.02);
  }
}

/** Every life heard only frames of others that were sent, each once, those of one sender in order. */
function checkHeard(stations: readonly Station[], tags: ReadonlyMap<number, Sent>): number {
  let delivered = 0;
  for (const { by, life, tags: heard } of stations.flatMap((each) => each.heard)) {
    const last = new Map<string, number>();
    for (const tag of heard) {
      const sent = tags.get(tag);
      assert(sent !== undefined, `station ${by} heard frame ${tag}, which nobody sent`);
      assert(sent.from !== by, `frame ${tag} came back to station ${by}`);
      const sender = `${sent.from}.${sent.life}`;
      const before = last.get(sender) ?? 0;
      assert(tag > before, `station ${by}.${life} heard frame ${tag} of ${sender} after ${before}`);
      last.set(sender, tag);
      delivered++;
    }
  }
  return delivered;
}

/** All faults end and everybody reads again: within 20 ms nothing waits any more. */
function settle(lab: FakeSwitch, stations: readonly Station[]): void {
  lab.kernel.faults.clear();
  for (const each of stations) each.recover();
  lab.run(1100); // whoever has died is noticed
  const waiting = () => {
    for (const each of stations) {
      each.finish();
      each.listen();
    }
    return lab.sum("queued") > 0 || stations.some(({ isSending }) => isSending);
  };
  lab.until(() => !waiting(), 20);
  lab.run(1);
  for (const each of stations) each.listen();
}

// fault list 14, 19, 23, 24, 25, 26, 27, 28, 31
Deno.test("the switch keeps its promises whatever happens: random traffic, faults and VMs", () => {
  let delivered = 0, sent = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const lab = new FakeSwitch();
      const { stations, tags } = neighbourhood(lab);
      for (const each of stations) each.start();
      lab.run(0.1);
      for (const each of steps) {
        take(lab, stations, each);
        lab.assertBalanced();
        for (const one of stations) one.listen();
      }
      settle(lab, stations);
      for (const each of stations) assertEquals(each.unparsed, 0, `station ${each.n}'s stream`);
      delivered += checkHeard(stations, tags);
      sent += tags.size;
      lab.stop();
    }),
    { numRuns: 150 },
  );
  assert(
    sent > 5000 && delivered > sent / 2,
    `${delivered} delivered of ${sent}: too few to mean anything`,
  );
});

// fault list 25, 26
Deno.test("the switch loses nothing and stalls nobody under transient faults, while VMs keep reading", () => {
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(0.05, 0.3), (seed, probability) => {
      const lab = new FakeSwitch();
      const { stations, tags } = neighbourhood(lab);
      for (const each of stations) each.start();
      // Everybody is known, so that what follows is unicast.
      for (let i = 0; i < 2; i++) {
        for (const each of stations) each.send(undefined, 60);
        lab.run(1);
      }
      for (const each of stations) each.listen();
      const before = new Map(stations.map((each) => [each.n, each.heard[0].tags.length]));
      lab.kernel.faults.random(seed, probability);
      let expected = 0;
      for (let round = 0; round < 50; round++) {
        stations.forEach((each, i) => {
          const count = tags.size;
          each.send((i + round % 7 + 1) % 8 + 1, 18 + 29 * round);
          expected += tags.size - count;
        });
        lab.run(0.2);
      }
      const heard = () => {
        let sum = 0;
        for (const each of stations) {
          each.finish();
          each.listen();
          sum += each.heard[0].tags.length - before.get(each.n)!;
        }
        return sum;
      };
      lab.kernel.faults.clear();
      lab.until(() => heard() === expected, 2);
      checkHeard(stations, tags);
      lab.stop();
    }),
    { numRuns: 60 },
  );
});
