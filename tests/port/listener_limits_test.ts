/**
 * Listening paths when something is scarce: descriptors, room, or time for those who come too often.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import type { StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";
import { LAN, start } from "./listener_lab.ts";

Deno.test("Listener has a backlog for a rack of VMs that reconnects", () => {
  const { lab, kernel } = start({ queue: 128 << 10 });
  for (let i = 0; i <= 1024; i++) kernel.peerStream(LAN);
  assertThrows(() => kernel.peerStream(LAN), Error, "EAGAIN");
  lab.run(2500);
  assert(lab.ports.length > 100, `${lab.ports.length} ports`);
  lab.stop();
});

// fault list 23
Deno.test("Listener rests when it is out of descriptors, and recovers", () => {
  for (const error of [Errno.EMFILE, Errno.ENFILE, Errno.ENOBUFS, Errno.ENOMEM]) {
    const { lab, kernel, vm } = start();
    const talker = vm(), hearer = vm();
    kernel.faults.on("accept", { error });
    const before = kernel.callsOf("accept"), waits = kernel.callsOf("wait");
    kernel.peerStream(LAN);
    lab.run(10_000);
    assert(kernel.callsOf("accept") - before < 25, `${kernel.callsOf("accept") - before} accepts`);
    assert(kernel.callsOf("wait") - waits < 100, `${kernel.callsOf("wait") - waits} turns`);
    assertMatch(lab.text("lan"), /cannot accept a VM \(E\w+\); trying again in 50 ms; raise/);
    talker.sendFrame(frame(1, BROADCAST, 5));
    lab.settle();
    assertEquals(tagsOf(hearer.receiveFrames()), [5], "the others go on");
    kernel.faults.clear();
    const took = lab.until(() => lab.ports.includes("lan.3"), 1000);
    assert(took < 1000, `${took} ms`);
    lab.stop();
  }
});

Deno.test("Listener turns VMs away when there is no room in one piece, and takes them later", () => {
  const { lab, kernel, vm } = start({ queue: 4 << 20 }, 64 << 20);
  const vms: StreamPeer[] = [];
  while (vms.length < 20) vms.push(vm());
  assertMatch(lab.text("lan"), /turned away pid \d+: no room for more ports/);
  const up = vms.filter((each) => !each.ended);
  assert(up.length > 5 && up.length < 20, `${up.length} VMs`);
  for (const each of up) each.close();
  lab.settle();
  assertEquals(vm().ended, false);
  assertEquals(kernel.openDescriptors().length, 2);
  lab.stop();
});

Deno.test("Listener survives an arena that is full of holes", () => {
  const lab = new FakeSwitch({ arenaBytes: 64 << 20 }).open(
    { name: "small", kind: "stream", target: LAN, queue: 128 << 10 },
    { name: "large", kind: "stream", target: "/run/large.sock", queue: 16 << 20 },
  );
  const vms: StreamPeer[] = [];
  do {
    vms.push(lab.kernel.peerStream(LAN));
    lab.run(5); // slower than the listener's limit
  } while (!vms.at(-1)!.ended);
  // Every other one leaves: there is room enough, but no piece of it is large.
  vms.filter((_, i) => i % 2 === 0).forEach((each) => each.close());
  lab.settle();
  assert(lab.kernel.arena.available > 25 << 20);
  lab.run(60_000); // the log has its budget back
  const guest = lab.kernel.peerStream("/run/large.sock");
  lab.settle();
  assertEquals(guest.ended, true);
  assertMatch(lab.text("large"), /turned away pid \d+: no room/);
  lab.stop();
});

// fault list 21
Deno.test("Listener takes a client that comes and goes in a loop at a bounded rate, the others go on", () => {
  const { lab, kernel, vm } = start({ queue: 128 << 10 });
  const talker = vm(), hearer = vm();
  let most = 0, sent = 0;
  for (let ms = 0; ms < 2000; ms++) {
    for (let i = 0; i < 20; i++) {
      try {
        kernel.peerStream(LAN).close();
      } catch {
        break; // its queue is full, as it should be
      }
    }
    talker.sendFrame(frame(1, BROADCAST, sent++));
    lab.run(1);
    most = Math.max(most, lab.ports.length);
  }
  const taken = lab.sum("clients") - 2;
  assert(taken > 600 && taken < 256 + 1100, `${taken} in two seconds`);
  assertEquals(tagsOf(hearer.receiveFrames()).length, sent);
  assert(most < 20, `${most} ports at a time`);
  lab.run(3000); // those in the queue have had their turn
  hearer.receive();
  vm().sendFrame(frame(7, BROADCAST, 77));
  lab.run(20);
  assertEquals(tagsOf(hearer.receiveFrames()), [77], "a new VM is let in");
  lab.stop();
});
