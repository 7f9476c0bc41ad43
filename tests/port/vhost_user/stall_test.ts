/**
 * A VM that takes nothing for a while, or gives nothing to take: who sends to it waits no longer than was
 * agreed, and is heard again afterwards.
 *
 * Ports poll for no time at all here, so every turn is a look at everything.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Column, COLUMNS } from "../../../src/engine/counters.ts";
import type { Egress } from "../../../src/engine/egress.ts";
import { boot, startRing, stop } from "../../support/vhost_frontend/qemu.ts";
import { TrafficLab } from "./traffic_lab.ts";
import { introduction, numbered, type Station } from "./traffic_station.ts";

const KIND = "vhost-user";
const EVENTS = { plan: { acks: "all" } } as const;
/** Turns after which something would have happened. */
const LONG = 3000;

function open(...names: string[]): TrafficLab {
  const lab = new TrafficLab();
  for (const name of names) lab.open(name, KIND, { pollUs: 0 });
  return lab;
}

function memberOf(lab: TrafficLab, name: string): Egress {
  return lab.engine.members.find(({ port }) => port.name === name)!;
}

function pausesOf(lab: TrafficLab, name: string): number {
  return lab.engine.cells[memberOf(lab, name).row * COLUMNS + Column.pauses];
}

/** A turn, after which the sender has its buffers back; the others look at nothing. */
function turn(lab: TrafficLab, from: Station): void {
  lab.turn();
  from.front!.guest.transmit.reclaim();
}

Deno.test("vhost-user traffic: a guest that is stopped while it is paused is heard when it starts again", () => {
  const lab = open("a", "b"), a = lab.guest("a"), b = lab.guest("b");
  let seq = 0;
  for (; pausesOf(lab, "a") === 0; turn(lab, a)) {
    assert(seq < LONG, "b takes nothing, and nobody waits for it");
    lab.list(a, b, ++seq, 1000);
  }
  lab.list(a, b, ++seq, 1000);
  for (const step of [...stop(a.front!), ...startRing(a.front!, 1), ...startRing(a.front!, 0)]) {
    step.run();
  }
  lab.finish();
  assertEquals(b.arrived, seq);
  lab.close();
});

Deno.test("vhost-user traffic: each buffer that is still too few is told of by a kick", () => {
  const lab = open("a", "b"), a = lab.guest("a", EVENTS);
  const front = lab.front("b", EVENTS), b = { n: 7 } as Station;
  boot(front);
  const { receive, transmit } = front.guest;
  assert(transmit.transmit(introduction(b.n)));
  receive.post(3, 1600);
  receive.ring.kick();
  lab.settle();
  const frame = numbered(a, b, 1, 9014);
  assert(a.send(frame));
  lab.settle();
  assert(memberOf(lab, "b").isBlocked, "six buffers are needed");
  for (let have = 4; have <= 6; have++) {
    receive.post(1, 1600);
    assert(receive.ring.kick(), `${have} buffers`);
    lab.settle();
  }
  assertEquals(receive.next()?.frame, frame);
  front.close();
  lab.close();
});

Deno.test("vhost-user traffic: a guest that gives a few buffers at a time is asked each time", () => {
  const lab = open("a", "b"), a = lab.guest("a", EVENTS), b = lab.guest("b", EVENTS);
  const { receive } = b.front!.guest;
  for (let seq = 1; seq <= 500; seq++) {
    a.send(numbered(a, b, seq, 1000));
    turn(lab, a);
  }
  lab.settle();
  while (receive.next() !== undefined);
  let rounds = 0, kicks = 0, frames = 0;
  for (; memberOf(lab, "b").isBlocked && rounds < 100; rounds++) {
    receive.post(8, 1600);
    if (receive.ring.kick()) kicks++;
    lab.settle();
    while (receive.next() !== undefined) frames++;
  }
  assert(rounds >= 20, `${rounds} rounds`);
  assertEquals(kicks, rounds);
  assert(frames > (rounds - 1) * 8, `${frames} frames in ${rounds} rounds`);
  lab.close();
});

Deno.test("vhost-user traffic: a look at chains of nothing ends", () => {
  const lab = open("a", "b"), a = lab.guest("a");
  lab.guest("b");
  const { ring } = a.front!.guest.transmit, { pool } = a.front!.guest.memory;
  lab.settle();
  a.poll();
  const nothing = Array.from({ length: 250 }, () => ({ ...pool.take(16), length: 0 }));
  const { head } = ring.add(nothing, false)!;
  for (let i = 1; i < 127; i++) ring.offer(head);
  ring.kick();
  const end = ring.available;
  for (let turns = 0, most = 0; ring.usedIndex !== end; turns++) {
    const before = ring.usedIndex;
    lab.turn();
    most = Math.max(most, (ring.usedIndex - before) & 0xffff);
    assert(most <= 10, `${most} chains of 250 descriptors in a turn`);
    assert(turns < LONG, "it goes on");
  }
  lab.close();
});
