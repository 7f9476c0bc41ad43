/**
 * A front-end that says anything at all: nothing is thrown, nothing stays open, nobody else notices.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Kernel } from "../../../src/platform/kernel.ts";
import { Request } from "../../../src/port/vhost_user/requests.ts";
import {
  descriptors,
  FrontEnd,
  GIB,
  longs,
  message,
  MIB,
  plainRegion,
  run,
  table,
  USER,
  withKernel,
  words,
} from "./session_lab.ts";

/** One thing that a front-end does. */
interface Act {
  readonly bytes: Uint8Array;
  /** Kinds of descriptors that come along: 0 memory, 1 unsealed memory, 2 an eventfd, 3 a socket. */
  readonly fds: readonly number[];
  /** Bytes of it that are sent; the rest never comes, and what follows takes its place. */
  readonly cut: number;
}

const number = fc.oneof(
  fc.nat(3),
  fc.constantFrom(0, 1, 2, 256, 0x100, 4096, 32_768, MIB, USER, USER + 4096, 4 * GIB),
  fc.constantFrom(2 ** 53 - 1, 2 ** 53, 2n ** 64n - 1n, 2n ** 63n, 2 ** 32 - 1, 2 ** 48),
);
const ring = fc.oneof({ weight: 20, arbitrary: fc.nat(1) }, { weight: 1, arbitrary: fc.nat(300) });
const amount = fc.oneof(fc.nat(1), fc.constantFrom(2, 256, 300, 32_768, 65_536, 0xffff_ffff));
const region = fc.record({
  guest: fc.constantFrom(0, 4096, MIB, 4 * GIB, 2 ** 52),
  size: fc.constantFrom(MIB, MIB, MIB, 4096, 0, 1, MIB + 1, 2 ** 50),
  user: fc.constantFrom(USER, USER, 0, USER + MIB),
  offset: fc.constantFrom(0, 0, 0, 0, 4096, 1, 2 ** 52),
});
const place = fc.oneof(
  { weight: 9, arbitrary: fc.nat(MIB / 4096).map((page) => USER + 4096 * page) },
  { weight: 1, arbitrary: number },
);

/** A message without its flags. */
const said = (request: number, payload: Uint8Array) => ({ request, payload });

/** Messages of the right form, mostly of sense. */
const fitting = fc.oneof(
  fc.constantFrom(1, 3, 4, 15, 17, 34).map((request) => said(request, new Uint8Array())),
  fc.array(region, { maxLength: 2 }).map((regions) => said(5, table(...regions))),
  fc.tuple(fc.constantFrom(8, 10, 11, 18), ring, amount)
    .map(([request, index, value]) => said(request, words(index, value))),
  fc.tuple(ring, place, place, place)
    .map(([index, ...at]) => said(9, new Uint8Array([...words(index, 0), ...longs(...at, 0)]))),
  fc.tuple(fc.constantFrom(12, 13, 14), ring)
    .map(([request, index]) => said(request, longs(index))),
  fc.tuple(fc.constantFrom(2, 16, 20), number)
    .map(([request, value]) => said(request, longs(value))),
);
const anything = fc.tuple(
  fc.oneof(fc.nat(45), fc.nat(0xffff_ffff)),
  fc.oneof(fc.uint8Array({ maxLength: 300 }), number.map((value) => longs(value))),
).map(([request, payload]) => said(request, payload));
const flags = fc.oneof(
  { weight: 60, arbitrary: fc.constant(9) },
  { weight: 2, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
);
const whole = fc.tuple(
  fc.oneof({ weight: 15, arbitrary: fitting }, { weight: 1, arbitrary: anything }),
  flags,
).map(([{ request, payload }, flags]) => message(request, payload, flags));
const act: fc.Arbitrary<Act> = fc.record({
  bytes: fc.oneof(
    { weight: 60, arbitrary: whole },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 100 }) },
  ),
  fds: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom([0], [0], [2], [2], [2], [0, 0], []) },
    { weight: 10, arbitrary: fc.array(fc.nat(3), { maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(3), { maxLength: 20 }) },
  ),
  cut: fc.oneof(
    { weight: 60, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.nat(40) },
  ),
});

/** A front-end all is well with. */
function steady(kernel: Kernel): FrontEnd {
  const front = new FrontEnd(kernel).agree();
  front.ask(Request.SET_MEM_TABLE, table(plainRegion()), [front.memory()]);
  front.session.memory.locate(0, MIB);
  return front;
}

Deno.test("Session survives anything a front-end says: no throw, no descriptor, no memory, no harm to another", () =>
  withKernel((kernel) => {
    const other = steady(kernel), at = other.session.memory.locate(0, MIB);
    kernel.arena.u8.fill(0x5a, at, at + MIB);
    const pool = new FrontEnd(kernel);
    const fds = [pool.memory(), pool.memory(MIB, false), pool.counter(), pool.far];
    const before = descriptors(), available = kernel.arena.available;
    let agreed = 0, mapped = 0, placed = 0, ready = 0;
    fc.assert(
      fc.property(
        fc.array(act, { minLength: 1, maxLength: 60, size: "max" }),
        fc.boolean(),
        (acts, polite) => {
          const front = new FrontEnd(kernel, { unsealed: polite });
          if (polite) run(front);
          const own = front.own.length + 2;
          let going = true;
          for (const { bytes, fds: kinds, cut } of acts) {
            const some: Uint8Array = bytes.subarray(0, Math.max(1, cut));
            if (!going || front.send(some, kinds.map((kind) => fds[kind])) < 0) break;
            going = front.session.read();
            assert(!front.host.halted);
            // bounded: what rings and the memory table hold, and one message with its descriptors
            assert(descriptors() <= before + own + 6 + 8 + 8);
            if (front.session.memory.regions > 0) mapped++;
            if (front.session.rings.some((ring) => ring.desc >= 0)) placed++;
            if (front.session.rings.some((ring) => ring.ready)) ready++;
            if (front.replies().length > 0) agreed++;
          }
          assertEquals(going, front.session.reason === "");
          if (!going) assertEquals(descriptors(), before + own);
          front.end();
          assertEquals([descriptors(), kernel.arena.available], [before, available]);
        },
      ),
      { numRuns: 500 },
    );
    assert(
      agreed > 500 && mapped > 500 && placed > 300 && ready > 100,
      `it must get somewhere: ${agreed} ${mapped} ${placed} ${ready}`,
    );
    assertEquals(other.ask(Request.SET_OWNER), 0);
    assertEquals(other.session.memory.locate(0, MIB), at);
    assert(kernel.arena.u8.subarray(at, at + MIB).every((byte) => byte === 0x5a));
    pool.end();
    other.end();
  }));

Deno.test("Session handles a bounded number of messages in one call, and the rest in the next", () =>
  withKernel((kernel) => {
    const front = new FrontEnd(kernel), one = message(Request.SET_VRING_BASE, words(0, 0), 1);
    for (let i = 1; i <= 100; i++) {
      one.set(words(i), 16);
      front.send(one);
    }
    const bases: number[] = [];
    while (bases.at(-1) !== 100) {
      assert(front.session.read());
      bases.push(front.session.rings[0].base);
      assert(bases.length < 100);
    }
    assertEquals(bases, Array.from({ length: 25 }, (_, i) => 4 * (i + 1)));
    front.end();
  }));

Deno.test("Session takes a message apart at every cut into the same state, descriptors with the first byte", () =>
  withKernel((kernel) => {
    const front = steady(kernel), fd = front.counter();
    const bytes = message(Request.SET_VRING_KICK, longs(1), 9);
    for (let cut = 1; cut < bytes.length; cut++) {
      front.send(bytes.subarray(0, cut), [fd]);
      assert(front.session.read());
      assertEquals(front.replies(), []);
      front.send(bytes.subarray(cut));
      assert(front.session.read());
      assertEquals(front.replies(), [[12, 5, 0, 0]]);
    }
    front.end();
  }));
