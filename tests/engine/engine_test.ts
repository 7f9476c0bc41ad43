/**
 * What the engine adds to its parts. Most ports are scripted; where a socket matters it is a real kind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Column,
  COLUMNS,
  dropColumn,
  PUBLISH_MS,
  readCounters,
  ROWS,
} from "../../src/engine/counters.ts";
import { Errno } from "../../src/platform/errno.ts";
import { DgramPort } from "../../src/port/dgram.ts";
import type { FakeKernel } from "../support/fake_kernel.ts";
import { EngineLab, thousands } from "./engine_lab.ts";
import { BROADCAST, frameOf, mac, numbersOf, range } from "./frames.ts";
import { configOf } from "./scripted_port.ts";

Deno.test("Engine.ingress() sends a batch together, whether its frames are one run or many", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b");
  lab.ingress(a, thousands(BROADCAST, mac(1), 0, 6));
  // Two senders behind one port: their runs follow each other; a frame for nobody is between the others.
  lab.ingress(b, thousands(BROADCAST, mac(2), 0, 1));
  lab.ingress(a, [...thousands(mac(2), mac(1), 6, 2), ...thousands(mac(2), mac(5), 8, 2)]);
  lab.ingress(a, [
    ...thousands(mac(2), mac(1), 10, 1),
    ...thousands(mac(1), mac(5), 0, 1),
    ...thousands(mac(2), mac(1), 11, 1),
  ]);
  assertEquals([b.offers, numbersOf(b.taken)], [[6, 4, 2], range(0, 12)]);
  lab.checkBalance();
});

Deno.test("Engine.ingress() keeps the frames of a long read apart from the next one when it pauses", () => {
  const lab = new EngineLab();
  const a = lab.join("a"),
    b = lab.join("b", { full: "pause", queue: 4096 }),
    c = lab.join("c");
  lab.ingress(b, thousands(BROADCAST, mac(2), 0, 1));
  lab.ingress(c, thousands(BROADCAST, mac(3), 0, 1));
  for (const port of [a, b, c]) port.taken.length = 0;
  b.room = 0;
  lab.ingress(a, [...thousands(mac(3), mac(1), 10, 2), ...thousands(mac(2), mac(1), 0, 6)]);
  lab.ingress(a, [...thousands(mac(2), mac(1), 6, 2), ...thousands(mac(3), mac(1), 12, 2)]);
  b.room = Infinity;
  lab.pass(50);
  assertEquals(numbersOf(b.taken), range(0, 8));
  assertEquals(numbersOf(c.taken), range(10, 14));
  assertEquals(a.readWanted, true);
  lab.checkBalance();
});

Deno.test("Engine retries a full port by its timer alone", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b");
  b.room = 0;
  lab.ingress(a, thousands(BROADCAST, mac(1), 0, 5));
  lab.pass(3);
  b.room = 2;
  lab.pass(2);
  b.room = Infinity;
  lab.pass(2);
  assertEquals([numbersOf(b.taken), b.writeWanted], [range(0, 5), false]);
  lab.checkBalance();
});

Deno.test("Engine tells a port whose VM was found gone, between batches", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b");
  b.gone = true;
  lab.ingress(a, thousands(BROADCAST, mac(1), 0, 5));
  assertEquals(b.losses, []);
  lab.pass(1);
  assertEquals(b.losses.length, 1);
  lab.engine.leave(b);
  assertEquals(lab.states.at(-1), "1 b waiting");
  lab.checkBalance();
});

Deno.test("Engine does not blame a new VM for its predecessor", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b");
  b.gone = true;
  lab.ingress(a, thousands(BROADCAST, mac(1), 0, 1));
  // Before the turn is over its process is seen to end, and the next VM is there already.
  lab.engine.leave(b);
  b.gone = false;
  lab.engine.join(b);
  lab.pass(1);
  assertEquals(b.losses, []);
});

Deno.test("Engine.leave() forgets the port's stations and floods to it no more", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b"), c = lab.join("c");
  lab.ingress(b, thousands(BROADCAST, mac(2), 0, 1));
  lab.engine.leave(b);
  lab.engine.leave(b);
  lab.ingress(a, thousands(mac(2), mac(1), 1, 1));
  assertEquals([numbersOf(b.taken), numbersOf(c.taken)], [[], [0, 1]]);
  assertEquals(lab.engine.members.length, 2);
});

Deno.test("Engine.enroll() gives the lowest free row, and -1 when all are taken", () => {
  const { engine, states } = new EngineLab();
  for (let row = 0; row < ROWS; row++) assertEquals(engine.enroll(`p${row}`), row);
  assertEquals(engine.enroll("one more"), -1);
  engine.dismiss(500, 0);
  engine.dismiss(7, 0);
  assertEquals(engine.enroll("too early"), -1); // their counts are not published yet
  engine.publish();
  assertEquals([engine.enroll("x"), engine.enroll("y"), engine.enroll("z")], [7, 500, -1]);
  assertEquals(states.slice(-4), [
    "500 p500 closed",
    "7 p7 closed",
    "7 x waiting",
    "500 y waiting",
  ]);
});

Deno.test("Engine.dismiss() adds the counts of a row to its listener's and publishes both", () => {
  const lab = new EngineLab();
  const listener = lab.engine.enroll("lan");
  const a = lab.join("lan.1");
  lab.join("other");
  lab.ingress(a, thousands(BROADCAST, mac(1), 0, 5));
  lab.engine.leave(a);
  lab.engine.dismiss(a.row, listener);
  lab.engine.publish();
  const cells = readCounters(lab.shared, 3);
  assertEquals(cells[listener * COLUMNS + Column.rxFrames], 5);
  assertEquals(cells[a.row * COLUMNS + Column.rxFrames], 0);
  lab.checkBalance();
});

Deno.test("Engine publishes what its retries changed while no descriptor was ready", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b");
  b.room = 0;
  lab.ingress(a, thousands(BROADCAST, mac(1), 0, 5));
  lab.pass(100);
  b.room = Infinity;
  lab.pass(10 * PUBLISH_MS);
  const cells = readCounters(lab.shared, 2);
  assertEquals(cells[b.row * COLUMNS + Column.txFrames], 5);
  assertEquals(cells[b.row * COLUMNS + Column.queued], 0);
});

Deno.test("Engine forgets a silent station after 300 s and at most a sweep", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b"), c = lab.join("c");
  lab.ingress(b, thousands(BROADCAST, mac(2), 0, 1));
  lab.pass(299_000);
  lab.ingress(a, thousands(mac(2), mac(1), 1, 1));
  assertEquals(numbersOf(c.taken), [0]);
  lab.pass(12_000);
  lab.ingress(a, thousands(mac(2), mac(1), 2, 1));
  assertEquals(numbersOf(c.taken), [0, 2]);
});

Deno.test("Engine says once in ten seconds that two ports claim an address", () => {
  const lab = new EngineLab();
  const a = lab.join("a"), b = lab.join("b");
  for (let second = 0; second < 25; second++) {
    for (const port of [a, b]) lab.ingress(port, thousands(BROADCAST, mac(1), 0, 1));
    lab.pass(1000);
  }
  const mine = lab.logs.filter((line) => line.startsWith("warning b: "));
  assertEquals(mine.length, 3);
  assertEquals(mine[0], `warning b: ${mac(1)} moved here from port a`);
  assertEquals(lab.cell(b.row, Column.macMoves), 25);
});

/** A datagram port with a VM, in an engine. */
function withDgram(): { lab: EngineLab; port: DgramPort; vm: ReturnType<FakeKernel["peerDgram"]> } {
  const lab = new EngineLab();
  const port = DgramPort.open(lab.engine, configOf("vm", { kind: "dgram", target: "/run/vm" }));
  assert(port instanceof DgramPort);
  const vm = lab.kernel.peerDgram("/run/vm", { bind: "/run/vm.peer" });
  vm.send(frameOf(BROADCAST, mac(9)));
  lab.pass(1);
  return { lab, port, vm };
}

Deno.test("Engine counts a frame once when its peer goes in the middle of a send", () => {
  const { lab, port } = withDgram();
  const a = lab.join("a");
  // Ten frames are taken, then the kernel says that nobody is there any more.
  lab.kernel.faults.on("send", { nth: 1, short: 10 });
  lab.kernel.faults.on("send", { error: Errno.ECONNREFUSED });
  lab.ingress(a, thousands(mac(9), mac(1), 0, 30));
  lab.pass(5);
  assertEquals(lab.cell(port.row, Column.txFrames), 10);
  assertEquals(lab.cell(port.row, dropColumn("peer-gone")), 20);
});

Deno.test("Engine does not spin when a VM goes whose socket was full", () => {
  const { lab, port, vm } = withDgram();
  const a = lab.join("a");
  vm.stopReading();
  for (let i = 0; i < 8; i++) lab.ingress(a, thousands(mac(9), mac(1), 0, 200));
  assert(lab.cell(port.row, Column.queued) > 0, "the socket was not full");
  vm.kill();
  lab.pass(20_000); // the fake kernel throws when the loop runs without time passing
  assertEquals(lab.states.at(-1), "0 vm waiting");
});
