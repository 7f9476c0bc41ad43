/**
 * What a front-end says of its rings leads to the same state in whatever order it says it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Request } from "../../../src/port/vhost_user/requests.ts";
import {
  FrontEnd,
  longs,
  MIB,
  places,
  plainRegion,
  table,
  USER,
  withKernel,
  words,
} from "./session_lab.ts";

/** One step of the set-up. */
type Step = readonly [name: string, say: (front: FrontEnd) => void];

function ringSteps(index: number): Step[] {
  const at = USER + index * 0x8000, counter = (front: FrontEnd) => [front.counter()];
  return [
    ["NUM", (front) => front.say(Request.SET_VRING_NUM, words(index, 128))],
    ["BASE", (front) => front.say(Request.SET_VRING_BASE, words(index, 99))],
    ["ADDR", (front) =>
      front.say(
        Request.SET_VRING_ADDR,
        places(index, at + 0x1000, at + 0x2000, at + 0x3000),
      )],
    ["KICK", (front) => front.say(Request.SET_VRING_KICK, longs(index), counter(front))],
    ["CALL", (front) => front.say(Request.SET_VRING_CALL, longs(index), counter(front))],
    ["ERR", (front) => front.say(Request.SET_VRING_ERR, longs(index), counter(front))],
    ["ENABLE", (front) => front.say(Request.SET_VRING_ENABLE, words(index, 1))],
  ];
}

const FEATURES = longs(2 ** 32 + 2 ** 30 + 2 ** 15);
const STEPS: readonly Step[] = [
  ["TABLE", (front) =>
    front.say(Request.SET_MEM_TABLE, table(plainRegion()), [
      front.memory(),
    ])],
  ["FEATURES", (front) => front.say(Request.SET_FEATURES, FEATURES)],
  ["OWNER", (front) => front.say(Request.SET_OWNER)],
  ...ringSteps(0),
  ...ringSteps(1),
];

/** A state without what differs between runs: descriptor numbers, and where in the arena the memory is. */
function stateOf({ session }: FrontEnd) {
  const start = session.memory.locate(0, MIB);
  const rings = session.rings.map((ring) => ({
    size: ring.size,
    base: ring.base,
    at: [ring.desc, ring.avail, ring.used].map((at) => at < 0 ? -1 : at - start),
    open: [ring.kick, ring.call, ring.err].map((fd) => fd >= 0),
    enabled: ring.enabled,
    ready: ring.ready,
  }));
  return { rings, features: session.features, reason: session.reason };
}

const shuffled = fc.shuffledSubarray([...STEPS.keys()], { minLength: STEPS.length });

Deno.test("Session ends up in the same state after every order of the set-up, and is ready with its last step", () =>
  withKernel((kernel) => {
    const expected = new FrontEnd(kernel);
    for (const [, say] of STEPS) say(expected);
    const state = stateOf(expected);
    assertEquals(state.rings.map(({ ready }) => ready), [true, true]);
    assertEquals(state.rings[1].at, [0x9000, 0xa000, 0xb000]);
    expected.end();
    const needed = new Set(["TABLE", "NUM", "ADDR", "KICK", "ENABLE"]);
    fc.assert(
      fc.property(shuffled, (order) => {
        const steps = order.map((i) => STEPS[i]);
        const front = new FrontEnd(kernel);
        const missing = steps.map(([name]) => name).filter((name) => needed.has(name)).length;
        let said = 0;
        for (const [name, say] of steps) {
          say(front);
          if (needed.has(name)) said++;
          if (said < missing) assert(!front.session.rings.every(({ ready }) => ready));
        }
        assertEquals(stateOf(front), state);
        front.end();
      }),
      { numRuns: 200 },
    );
  }));

Deno.test("Session ends up in the same state when the set-up is repeated in another order, on top of the first", () =>
  withKernel((kernel) => {
    const front = new FrontEnd(kernel);
    for (const [, say] of STEPS) say(front);
    const state = stateOf(front);
    fc.assert(
      fc.property(shuffled, (order) => {
        for (const i of order) STEPS[i][1](front);
        assertEquals(stateOf(front), state);
        for (const fd of front.own.splice(0)) kernel.close(fd);
      }),
      { numRuns: 50 },
    );
    front.end();
  }));
