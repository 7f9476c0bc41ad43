/**
 * An egress whose VM takes nothing, and one whose VM is gone.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { FITS, upTo, Way } from "./way.ts";

Deno.test("Egress waits for a port that is in the middle of a frame though its queue is empty", () => {
  const way = new Way();
  way.port.unfinished = 1;
  way.send(1);
  assertEquals([way.egress.isBlocked, way.port.writeWanted, way.egress.queued], [true, true, 0]);
  way.egress.retry();
  assertEquals([way.egress.isBlocked, way.port.offers], [true, [1, 0]]);
  way.port.unfinished = 0;
  way.egress.retry();
  assertEquals([way.egress.isBlocked, way.port.writeWanted], [false, false]);
});

Deno.test("Egress tries again after 50 us, doubling to 1 ms, and to 16 ms after a second", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(1);
  const started = way.lab.now, delays: number[] = [];
  while (way.lab.now < started + 1100) {
    delays.push(way.egress.retryAt - way.lab.now);
    way.lab.wait(way.egress.retryAt);
  }
  const first = [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1];
  first.forEach((delay, i) => assertAlmostEquals(delays[i], delay, 1e-6));
  const late = delays.findIndex((delay) => delay > 1.5);
  const tail = delays.slice(late);
  [2, 4, 8, 16, 16].forEach((delay, i) => assertAlmostEquals(tail[i], delay, 1e-6));
  assert(delays.slice(6, late).every((delay) => Math.abs(delay - 1) < 1e-6));
  const before = delays.slice(0, late).reduce((sum, delay) => sum + delay, 0);
  assert(before > 1000 && before < 1003, `${before} ms until the VM counts as stuck`);
});

Deno.test("Egress starts over with 50 us when the VM took something", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(3);
  for (let i = 0; i < 5; i++) way.lab.wait(way.egress.retryAt);
  way.port.room = 1;
  way.lab.wait(way.egress.retryAt);
  assertAlmostEquals(way.egress.retryAt - way.lab.now, 0.05, 1e-6);
  way.lab.wait(way.egress.retryAt);
  assertAlmostEquals(way.egress.retryAt - way.lab.now, 0.1, 1e-6);
});

Deno.test("Egress.retry() tells the host when half of the credit is back", () => {
  const way = new Way();
  way.port.room = 0;
  way.fill(FITS);
  way.port.room = FITS / 2 - 1;
  way.egress.retry();
  assertEquals(way.lab.relievedOnes.length, 0);
  way.port.room = 1;
  way.egress.retry();
  assertEquals(way.lab.relievedOnes.length, 1);
});

Deno.test("Egress.retry() offers a long queue until the VM is full", () => {
  const way = new Way();
  way.port.room = 0;
  way.fill(1000);
  way.port.room = 700;
  way.egress.retry();
  assertEquals([way.taken, way.egress.queued], [upTo(700), 300]);
});

Deno.test("Egress counts every frame when the peer is found gone by a flush", () => {
  const way = new Way();
  way.port.room = 4;
  way.send(10);
  way.port.gone = true;
  way.push(5); // blocked: they join the queue at the next flush
  way.lab.flush();
  way.egress.retry();
  assertEquals(way.lab.drops(way.port), { "peer-gone": 11 });
  assertEquals([way.lab.goneOnes.length, way.egress.closed], [1, true]);
  assertEquals([way.push(3), way.lab.drops(way.port)["peer-gone"]], [3, 14]);
  assertEquals(way.lab.count(way.port, "queued"), 0);
});

Deno.test("Egress counts the frames of the turn when the peer is gone in the middle of it", () => {
  const way = new Way();
  way.port.gone = true;
  // Credit runs out after 130 frames: they are sent, the peer is found gone, the rest is lost too.
  assertEquals(way.push(200, 1000), 200);
  assertEquals(way.lab.drops(way.port), { "peer-gone": 200 });
  way.lab.flush();
  assertEquals(way.lab.drops(way.port), { "peer-gone": 200 });
  assertEquals([way.port.offers.length, way.lab.goneOnes.length], [1, 1]);
});

Deno.test("Egress.close() counts what was pending and queued, once, and frees its memory", () => {
  const way = new Way();
  const before = way.lab.arena.available;
  way.port.room = 0;
  way.send(3);
  way.push(2);
  way.egress.close();
  way.egress.close();
  way.egress.retry();
  way.lab.flush();
  assertEquals(way.lab.drops(way.port), { "peer-gone": 5 });
  assertEquals([way.lab.count(way.port, "queued"), way.port.offers], [0, [3]]);
  assert(way.lab.arena.available > before);
});

Deno.test("Egress: a try that an event was the reason for puts off no timer", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(1);
  const { retryAt } = way.egress;
  way.lab.now += 0.01;
  for (let i = 0; i < 5; i++) way.egress.retry(true);
  assertEquals([way.egress.retryAt, way.port.offers.length], [retryAt, 6]);
  way.lab.wait(retryAt);
  assertAlmostEquals(way.egress.retryAt - way.lab.now, 0.1, 1e-6);
});

Deno.test("Egress: the end of a frame is progress, and relieves nobody: no room in the queue comes of it", () => {
  const way = new Way();
  way.port.unfinished = 5000;
  way.port.room = 0;
  way.send(1);
  for (let i = 0; i < 10; i++) {
    way.lab.wait(way.egress.retryAt);
    assert(way.egress.retryAt - way.lab.now > 0.09, "nothing was taken");
    way.port.finishes = 100;
    way.lab.wait(way.egress.retryAt);
    assertAlmostEquals(way.egress.retryAt - way.lab.now, 0.05, 1e-6);
  }
  assertEquals(way.lab.relievedOnes.length, 0);
  way.port.room = 1;
  way.lab.wait(way.egress.retryAt);
  assertEquals(way.lab.relievedOnes.length, 1);
});
