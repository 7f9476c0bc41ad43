/**
 * Frames that wait for long: they are given up, each counted, and the way back stays open.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { LOOK_MS } from "../../src/engine/backlog.ts";
import { FITS, upTo, Way } from "./way.ts";

/** Let time pass, with the retries that are due. */
function pass(way: Way, ms: number): void {
  const end = way.lab.now + ms;
  while (way.egress.isBlocked && way.egress.retryAt < end) way.lab.wait(way.egress.retryAt);
  way.lab.wait(end);
}

Deno.test("Backlog gives up frames that have waited 2.5 to 5 s, and no younger ones", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 20, maxLength: 40 }),
    (pauses) => {
      const way = new Way();
      way.port.room = 0;
      const ages: number[] = [], put: number[] = [];
      for (const pause of pauses) {
        way.send(1);
        put.push(way.lab.now);
        pass(way, pause);
        const expired = way.lab.count(way.port, "expired");
        assertEquals(way.egress.queued, put.length - expired);
        const oldest = put[expired] ?? way.lab.now, youngest = put[expired - 1];
        ages.push(way.lab.now - oldest);
        assert(way.lab.now - oldest < 2 * LOOK_MS + 20, `${way.lab.now - oldest} ms`);
        assert(expired === 0 || way.lab.now - youngest >= LOOK_MS);
      }
    },
  ));
});

Deno.test("Backlog: a VM that was paused hears what is sent then, and nothing old", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(10);
  pass(way, 60_000);
  assertEquals([way.egress.queued, way.egress.isBlocked], [0, true]);
  assertEquals(way.lab.drops(way.port), { expired: 10 });
  assertEquals(way.egress.retryAt, Infinity, "there is nothing to try");
  way.send(3); // blocked still: they wait for the next try
  way.port.room = Infinity;
  pass(way, 20);
  assertEquals([way.taken, way.egress.isBlocked], [[10, 11, 12], false]);
  assertEquals(way.lab.count(way.port, "fullsOver"), 1);
});

Deno.test("Backlog: the writable event ends the waiting of a VM for which nothing is left", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(10);
  pass(way, 60_000);
  assertEquals([way.egress.isBlocked, way.port.writeWanted], [true, true]);
  way.egress.retry(true);
  assertEquals([way.egress.isBlocked, way.port.writeWanted], [false, false]);
});

Deno.test("Backlog: a VM that reads slowly keeps what it can take in time", () => {
  const way = new Way();
  way.port.room = 0;
  way.fill(100);
  for (let second = 0; second < 10; second++) {
    way.port.room = 10;
    pass(way, 1000);
  }
  const { expired } = way.lab.drops(way.port);
  assert(expired! >= 40 && expired! <= 70, `${expired}`);
  assertEquals(way.taken, upTo(100 - expired!));
});

Deno.test("Backlog: what was given up is room again, without an event", () => {
  const way = new Way();
  way.port.room = 0;
  way.fill(FITS);
  assertEquals(way.push(1), 0, "it is full");
  pass(way, 20_000);
  assertEquals([way.egress.queued, way.send(10)], [0, 10]);
  way.port.room = Infinity;
  pass(way, 20);
  assertEquals(way.taken.length, 10);
});

Deno.test("Backlog: a VM that senders wait for gets everything, however long it was away", () => {
  const way = new Way({ full: "pause" });
  way.port.room = 0;
  way.send(10);
  pass(way, 600_000);
  way.port.room = Infinity;
  pass(way, 20);
  assertEquals([way.taken, way.lab.drops(way.port)], [upTo(10), {}]);
});

Deno.test("Backlog: a VM that never gets to the end of its queue is told of", () => {
  const way = new Way();
  way.port.room = 0;
  for (let ms = 0; ms < 3000; ms++) {
    way.send(1);
    way.port.room = ms % 2;
    pass(way, 1);
  }
  assertEquals(way.lab.told.length, 1);
  assertMatch(way.lab.told[0], /has been full for 1.0 s/);
});

Deno.test("Backlog: stopping is not taken for a VM that reads again", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(10);
  pass(way, 1500);
  way.egress.abandon();
  pass(way, 1500);
  assertEquals([way.egress.isBlocked, way.port.writeWanted, way.lab.told.length], [
    false,
    false,
    1,
  ]);
});
