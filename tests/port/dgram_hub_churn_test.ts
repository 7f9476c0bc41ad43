/**
 * Many VMs on one datagram path that come, go and are restarted, with little room for them.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";
import { LAN, start } from "./hub_lab.ts";

Deno.test("DgramHub removes VMs that are gone, keeps their sums, and uses their numbers again", () => {
  for (const connect of [true, false]) {
    const { lab, kernel, vm } = start();
    const a = vm(1, "/run/vm1", connect), b = vm(2, "/run/vm2", connect);
    a.send(frame(1, 2));
    lab.settle();
    const before = kernel.openDescriptors().length;
    a.kill();
    lab.run(2100);
    assertEquals(lab.ports, ["lan", "lan.2"], lab.text());
    assertEquals([lab.count("lan", "rxFrames"), lab.count("lan", "clients")], [2, 1]);
    assertEquals(kernel.openDescriptors().length, before - (connect ? 1 : 0));
    kernel.files.unlink("/run/vm1");
    vm(3, "/run/vm3", connect);
    assertEquals(lab.ports, ["lan", "lan.1", "lan.2"], "the smallest free number");
    b.send(frame(2, 1, 5));
    lab.settle();
    assertEquals(lab.engine.fdb.size, 2);
    lab.assertBalanced();
    lab.stop();
  }
});

Deno.test("DgramHub notices a VM restarted at the same path", () => {
  const { lab, kernel, vm } = start();
  const a = vm(1, "/run/vm1", false);
  vm(2);
  a.kill();
  kernel.files.unlink("/run/vm1");
  const again = kernel.peerDgram(LAN, { bind: "/run/vm1", connect: false });
  again.send(frame(1, 2, 1));
  lab.run(3000);
  again.send(frame(1, 2, 1));
  lab.settle();
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2"]);
  lab.stop();
});

// fault list 23
Deno.test("DgramHub keeps its VMs and goes on with one socket when there are no descriptors", () => {
  const { lab, kernel, vm } = start();
  const a = vm(1);
  kernel.faults.on("socket", { error: Errno.EMFILE });
  const b = vm(2);
  lab.run(10_000);
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2"], lab.text());
  a.send(frame(1, 2, 7));
  lab.settle();
  assertEquals(tagsOf(b.receive()).at(-1), 7);
  kernel.faults.clear();
  vm(3);
  assertEquals(lab.ports.length, 4);
  lab.stop();
});

Deno.test("DgramHub does not wait for the lock of a folder while VMs talk", () => {
  const { lab, kernel, vm } = start();
  vm(1);
  const lock = kernel.lockFolder("/run");
  const before = kernel.now();
  vm(2);
  assert(kernel.now() - before < 1, `the switch stood still for ${kernel.now() - before} ms`);
  kernel.close(lock);
  assertEquals(lab.ports, ["lan", "lan.1", "lan.2"]);
  lab.stop();
});

// fault list 21
Deno.test("DgramHub leaks nothing over 1000 VMs", () => {
  const { lab, kernel } = start();
  lab.run(1000);
  const fds = kernel.openDescriptors().length, taken = lab.arenaTaken;
  for (let round = 0; round < 100; round++) {
    const peers = Array.from({ length: 10 }, (_, i) => {
      const peer = kernel.peerDgram(LAN, { bind: `/run/vm${i}`, connect: i % 2 === 0 });
      peer.send(frame(round * 10 + i, BROADCAST));
      lab.settle();
      return peer;
    });
    assertEquals(lab.ports.length, 11);
    peers.forEach((peer, i) => {
      peer.kill();
      kernel.files.unlink(`/run/vm${i}`);
    });
    lab.run(2100);
    assertEquals(lab.ports, ["lan"]);
  }
  assertEquals([kernel.openDescriptors().length, lab.arenaTaken], [fds, taken]);
  assertEquals(lab.count("lan", "clients"), 1000);
  lab.stop();
});

Deno.test("DgramHub turns VMs away when there is no room, and takes them when there is again", () => {
  const lab = new FakeSwitch({ arenaBytes: 40 << 20 })
    .open({ name: "lan", target: LAN, clients: "many", queue: 4 << 20 });
  const peers = Array.from({ length: 12 }, (_, i) => {
    const peer = lab.kernel.peerDgram(LAN, { bind: `/run/vm${i}` });
    peer.send(frame(i, BROADCAST));
    lab.settle();
    return peer;
  });
  assertMatch(lab.text("lan"), /turned away .*: no room for more ports/);
  assert(lab.count("lan", "stranger") > 0);
  const up = lab.ports.length;
  assert(up > 3 && up < 13, `${up} ports`);
  for (const peer of peers.slice(0, 3)) peer.kill();
  lab.run(2100);
  peers.at(-1)!.send(frame(50, BROADCAST));
  lab.settle();
  assertEquals(lab.ports.length, up - 2);
  lab.assertBalanced();
  lab.stop();
});
