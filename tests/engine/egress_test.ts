/**
 * One egress and its VM: order and credit.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { frameOf, mac } from "./frames.ts";
import { FITS, QUEUE, SIZE, upTo, Way } from "./way.ts";

Deno.test("Egress sends a turn's frames in one call and in order", () => {
  const way = new Way();
  way.push(3);
  assertEquals(way.port.offers, []);
  way.lab.flush();
  assertEquals(way.port.offers, [3]);
  assertEquals(way.taken, [0, 1, 2]);
  assertEquals(way.egress.isBlocked, false);
  assertEquals(way.port.writeWanted, false);
});

Deno.test("Egress.push() reports itself dirty once a turn", () => {
  const way = new Way();
  way.push(1);
  way.push(2);
  assertEquals(way.lab.dirtied.length, 1);
  way.lab.flush();
  way.push(1);
  assertEquals(way.lab.dirtied.length, 1);
});

Deno.test("Egress queues what the VM does not take and keeps the order through every retry", () => {
  const way = new Way();
  way.port.room = 2;
  way.send(5);
  assertEquals([way.egress.isBlocked, way.port.writeWanted, way.egress.queued], [true, true, 3]);
  way.send(4); // goes behind the three, without a call
  assertEquals([way.port.offers, way.egress.queued], [[5], 7]);
  way.port.room = 3;
  way.egress.retry();
  assertEquals([way.taken, way.egress.queued, way.egress.isBlocked], [upTo(5), 4, true]);
  way.port.room = Infinity;
  way.egress.retry();
  assertEquals([way.taken, way.egress.queued, way.egress.isBlocked], [upTo(9), 0, false]);
  assertEquals(way.port.writeWanted, false);
  way.send(2);
  assertEquals(way.taken, upTo(11));
});

Deno.test("Egress counts the queue's frames and its highest mark in bytes", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(5);
  way.port.room = 4;
  way.egress.retry();
  way.send(1);
  assertEquals(way.lab.count(way.port, "queued"), 2);
  assertEquals(way.lab.count(way.port, "queueHigh"), 5 * 64);
});

Deno.test("Egress.push() takes frames against credit to the byte, 4 bytes each included", () => {
  const way = new Way();
  way.port.room = 0;
  way.fill(FITS);
  assertEquals([way.egress.queued, way.send(1), way.send(1, 22)], [FITS, 0, 0]);
  way.port.room = 1;
  way.egress.retry();
  assertEquals(way.send(1, SIZE + 1), 0, "one byte more than is free");
  assertEquals(way.send(1, SIZE), 1);
  assertEquals(way.send(1, 22), 0);
  assertEquals(way.lab.drops(way.port), {}, "who could not push decides what becomes of the frame");
});

Deno.test("Egress.push() counts the turn's own frames against credit", () => {
  const way = new Way();
  way.port.room = 0;
  way.send(1);
  for (let left = FITS; left > 256; left -= 256) assertEquals(way.push(256), 256);
  assertEquals(way.push(256), 255);
  way.lab.flush();
  assertEquals([way.egress.queued, way.send(1)], [FITS, 0]);
});

Deno.test("Egress.push() sends early when credit runs out and the VM takes frames", () => {
  const way = new Way();
  for (let i = 0; i < 12; i++) assertEquals(way.push(200, 1000), 200);
  way.lab.flush();
  assertEquals(way.taken, upTo(2400));
  assert(way.port.offers.every((frames) => frames <= Math.floor(QUEUE / 1004)));
  assertEquals([way.egress.queued, way.egress.isBlocked], [0, false]);
});

Deno.test("Egress.push() answers the first frame without credit when the VM fills up in the turn", () => {
  const way = new Way();
  way.port.room = 10;
  const fits = Math.floor(QUEUE / 1004);
  // The first flush finds the VM full after ten; the queue holds the rest of that flush and ten more.
  assertEquals([way.push(100, 1000), way.push(100, 1000)], [100, fits + 10 - 100]);
  way.lab.flush();
  assertEquals([way.taken, way.egress.queued], [upTo(10), fits]);
});

Deno.test("Egress.push() of a whole run equals pushing its frames one by one", () => {
  const runs = [1, 7, 100, 256, 30, 256, 256, 256, 256, 256, 256, 256, 256, 40];
  const whole = new Way(), single = new Way();
  whole.port.room = single.port.room = 50;
  for (const frames of runs) {
    const done = whole.send(frames);
    let each = 0;
    for (let i = 0; i < frames; i++) each += single.push(1);
    single.lab.flush();
    assertEquals(done, each, `run of ${frames}`);
  }
  assertEquals([whole.taken, whole.egress.queued], [single.taken, single.egress.queued]);
  assertEquals(whole.egress.queued, FITS, "the last runs met a full queue");
});

Deno.test("Egress.push() drops what is longer than its port's max-frame and goes on", () => {
  const way = new Way({ maxFrame: 1514 });
  const frames = [1514, 1515, 60, 9014].map((bytes, number) =>
    frameOf(mac(1), mac(2), { number, bytes })
  );
  way.lab.load(frames);
  assertEquals(way.egress.push(0, 4, 1514 + 1515 + 60 + 9014, 9014), 4);
  way.lab.flush();
  assertEquals(way.taken, [0, 2]);
  assertEquals(way.lab.drops(way.port), { oversize: 2 });
});

Deno.test("Egress.push() cannot take a frame larger than its whole queue", () => {
  const way = new Way({ queue: 4096 });
  assertEquals([way.push(1, 4093), way.push(1, 4092)], [0, 1]);
});

Deno.test("Egress sends more frames in a turn than its lists have room for at first", () => {
  for (const frames of [127, 128, 129, 255, 256, 257, 4096]) {
    const way = new Way({ queue: 1 << 20 });
    for (let left = frames; left > 0; left -= 250) way.push(Math.min(left, 250));
    way.lab.flush();
    assertEquals(way.taken, upTo(frames));
    const single = new Way({ queue: 1 << 20 });
    // A run of unknown size is looked at frame by frame.
    for (let i = 0; i < frames; i++) single.push(1, SIZE, 1 << 20);
    single.lab.flush();
    assertEquals(single.taken, upTo(frames));
  }
});
