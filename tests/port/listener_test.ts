/**
 * Listening paths: who is let in, under what name, and what happens when the kernel has no room.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { BROADCAST, frame } from "../switch/frames.ts";
import { LAN, start } from "./listener_lab.ts";

Deno.test("Listener makes each connection a port and uses the smallest free number", () => {
  const { lab, vm } = start();
  const vms = [vm(), vm(), vm()];
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2", "lan.3"]);
  vms[1].close();
  lab.settle();
  assertEquals(lab.ports, ["lan", "lan.1", "lan.3"]);
  vm();
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2", "lan.3"]);
  assertMatch(lab.text("lan.2"), /VM connected: pid \d+; socket buffers: \d+/);
  lab.stop();
});

Deno.test("Listener with clients=replace gives the place to the newcomer", () => {
  const { lab, vm } = start({ clients: "replace" });
  const old = vm();
  old.sendFrame(frame(1, BROADCAST, 1));
  lab.settle();
  assertEquals(lab.engine.fdb.size, 1);
  old.sendFrame(frame(1, BROADCAST, 2)); // on its way when the newcomer comes
  const next = vm();
  assertEquals([old.ended, next.ended], [true, false]);
  assertEquals(lab.ports, ["lan"]);
  assertEquals(lab.count("lan", "rxFrames"), 2);
  assertEquals(lab.engine.fdb.size, 0, "its addresses are forgotten");
  assertMatch(lab.text("lan"), /VM disconnected: pid \d+ took its place/);
  lab.stop();
});

// fault list 22
Deno.test("Listener with clients=refuse turns newcomers away until its VM has gone", () => {
  const { lab, vm } = start({ clients: "refuse" });
  const first = vm(), second = vm();
  assertEquals([first.ended, second.ended], [false, true]);
  assertMatch(lab.text("lan"), /turned away pid \d+: the port has its VM \(clients=refuse\)/);
  first.kill();
  lab.settle();
  const third = vm();
  assertEquals(third.ended, false);
  assertEquals(lab.states.at(-1), "lan up");
  lab.stop();
});

Deno.test("Listener lets a VM that reconnects in before the old end is noticed", () => {
  for (const clients of ["replace", "refuse", "many"] as const) {
    const { lab, kernel, vm } = start({ clients });
    const old = vm();
    old.close();
    kernel.peerStream(LAN); // both events in one turn, either may come first
    lab.settle();
    lab.settle();
    const up = lab.engine.members.length;
    // With refuse the newcomer is turned away when it is seen first: its VM tries again.
    assert(clients === "refuse" ? up <= 1 : up === 1, `${clients}: ${lab.text()}`);
    lab.stop();
  }
});

// fault list 21
Deno.test("Listener takes 200 at once and 1000 in a row, and leaks nothing", () => {
  const { lab, kernel, vm } = start({ queue: 128 << 10 });
  lab.run(10);
  const before = [kernel.openDescriptors().length, lab.arenaTaken];
  const rack = Array.from({ length: 200 }, () => kernel.peerStream(LAN));
  lab.settle();
  assertEquals(lab.ports.length, 201);
  rack.forEach((peer, i) => peer.sendFrame(frame(i, BROADCAST, i)));
  lab.settle();
  for (const peer of rack) peer.close();
  lab.settle();
  for (let i = 0; i < 1000; i++) {
    const peer = vm();
    peer.sendFrame(frame(i, BROADCAST));
    if (i % 2 === 0) lab.settle();
    peer.close();
    lab.run(5); // slower than the listener's limit
  }
  assertEquals([kernel.openDescriptors().length, lab.arenaTaken], before);
  assertEquals(lab.ports, ["lan"]);
  assertEquals(lab.count("lan", "clients"), 1200);
  assertEquals(lab.count("lan", "rxFrames"), 1200);
  lab.stop();
});

// fault list 24, 30
Deno.test("Listener tries again when a client gave up or the call was interrupted", () => {
  for (const error of [Errno.EINTR, Errno.ECONNABORTED, Errno.EAGAIN]) {
    const { lab, kernel } = start();
    kernel.faults.on("accept", { nth: 1, error });
    kernel.peerStream(LAN);
    lab.settle();
    assertEquals(lab.ports, ["lan", "lan.1"], `errno ${error}`);
    assertEquals(lab.text("lan").includes("cannot accept"), false);
    lab.stop();
  }
});
