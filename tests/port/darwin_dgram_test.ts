/**
 * What datagram and stream ports do where Darwin differs from Linux: over the Darwin kernel and a fake libSystem.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { asCountingKernel, FakeDarwin } from "../support/fake_darwin.ts";
import type { DgramPeer } from "../support/fake_peers.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { passAlong } from "../support/pass_along.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

function start(clients: "replace" | "refuse" = "replace") {
  const kernel = new FakeDarwin();
  const lab = new FakeSwitch({}, asCountingKernel(kernel)).open(
    { name: "a", target: "/run/a", clients },
    { name: "b", target: "/run/b" },
  );
  const a = kernel.peerDgram("/run/a", { bind: "/run/vm-a" });
  const b = kernel.peerDgram("/run/b", { bind: "/run/vm-b" });
  a.send(frame(1, BROADCAST));
  b.send(frame(2, BROADCAST));
  lab.settle();
  for (const vm of [a, b]) vm.receive();
  return { lab, kernel, a, b };
}

Deno.test("DgramPort drops what others send to its socket, counts it, and goes on with its VM", () => {
  for (const clients of ["replace", "refuse"] as const) {
    const { lab, kernel, a, b } = start(clients);
    const other = kernel.peerDgram("/run/a", { bind: "/run/other" });
    const unnamed = kernel.peerDgram("/run/a");
    a.send(frame(1, 2, 1));
    assertEquals(other.send(frame(3, 2, 66)), 60);
    assertEquals(unnamed.send(frame(3, 2, 67)), 60);
    a.send(frame(1, 2, 2));
    lab.settle();
    assertEquals(tagsOf(b.receive()), [1, 2]);
    assertEquals(lab.count("a", "stranger"), 2);
    assertMatch(lab.text("a"), /dropped a datagram: \/run\/other is not this port's VM/);
    assertMatch(lab.text("a"), /dropped a datagram: somebody is not this port's VM/);
    b.send(frame(2, 1, 3));
    lab.settle();
    assertEquals(tagsOf(a.receive()), [3]);
    assertEquals(lab.engine.fdb.size, 2, "a stranger's address is not learned");
    lab.stop();
  }
});

Deno.test("DgramPort hears of its VM's end by its process, and otherwise within a second", () => {
  for (const end of ["kill", "close"] as const) {
    const { lab, kernel, a } = start();
    a[end]();
    if (end === "kill") lab.settle();
    else lab.run(1001);
    assertMatch(lab.text("a"), /pid \d+ at \/run\/vm-a is gone/);
    const next = kernel.peerDgram("/run/a", { bind: "/run/vm-next" });
    next.send(frame(1, BROADCAST, 4));
    lab.settle();
    assertMatch(lab.text("a"), /VM connected: pid \d+ at \/run\/vm-next/);
    lab.stop();
  }
});

Deno.test("DgramPort loses a VM whose end a send tells: ECONNRESET once, then EDESTADDRREQ", () => {
  const { lab, a, b } = start();
  a.close();
  b.send(frame(2, 1, 9));
  lab.settle();
  assertEquals(lab.states.at(-1), "a waiting");
  assertEquals(lab.count("b", "peer-gone") + lab.count("a", "peer-gone"), 1);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("DgramPort over a socketpair ends within a second when the other end closes", () => {
  const kernel = new FakeDarwin();
  const { fd, vm } = kernel.inherit(SocketType.DGRAM);
  const lab = new FakeSwitch({}, asCountingKernel(kernel))
    .open({ name: "a", kind: "fd", target: `${fd}` });
  vm.close();
  lab.run(1001);
  assertStringIncludes(lab.text("a"), "the other end is gone");
  lab.stop();
});

Deno.test("DgramPort keeps none of the descriptors that come with datagrams, whoever sends them", () => {
  const { lab, kernel, a, b } = start();
  kernel.raiseDescriptorLimit();
  const before = kernel.openDescriptors().length;
  const other = kernel.peerDgram("/run/a", { bind: "/run/other" });
  for (let i = 0; i < 200; i++) {
    a.send(frame(1, 2, i));
    passAlong(a.socket.peer!, 254);
    other.send(frame(3, 2, 1000));
    passAlong(a.socket.peer!, 254);
    lab.settle();
  }
  assertEquals(tagsOf(b.receive()), [...Array(200).keys()]);
  assertEquals([kernel.openDescriptors().length, lab.count("a", "stranger")], [before, 200]);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("StreamPort ends a connection that brings descriptors, keeps none, and counts what it had sent", () => {
  const kernel = new FakeDarwin();
  kernel.raiseDescriptorLimit();
  const lab = new FakeSwitch({}, asCountingKernel(kernel)).open(
    { name: "a", kind: "stream", target: "/run/a" },
    { name: "b", target: "/run/b" },
  );
  const b = kernel.peerDgram("/run/b", { bind: "/run/vm-b" });
  b.send(frame(2, BROADCAST));
  for (let i = 0; i < 20; i++) {
    const a = kernel.peerStream("/run/a");
    lab.settle();
    const before = kernel.openDescriptors().length;
    a.sendFrame(frame(1, 2, i));
    a.sendFrame(frame(1, 2, 99));
    passAlong(a.socket.peer!, 254);
    lab.settle();
    assertEquals(a.ended, true);
    assertEquals(kernel.openDescriptors().length, before - 1);
  }
  assertEquals(tagsOf(b.receive()), [...Array(20).keys()]);
  assertMatch(lab.text("a.1"), /the connection broke/);
  lab.stop();
});

/** As a VM that binds with the whole sockaddr_un, as QEMU does: the name has what is behind its NUL. */
function padName(vm: DgramPeer): DgramPeer {
  const name = new Uint8Array(104).fill(0x41);
  name.set(vm.socket.address);
  name[vm.socket.address.length] = 0;
  vm.socket.address = name;
  return vm;
}

for (const clients of ["replace", "many"] as const) {
  Deno.test(`a datagram VM whose name is as long as its structure is one VM, clients=${clients}`, () => {
    const kernel = new FakeDarwin();
    const lab = new FakeSwitch({}, asCountingKernel(kernel)).open(
      { name: "a", target: "/run/a", clients },
      { name: "b", target: "/run/b" },
    );
    const b = kernel.peerDgram("/run/b", { bind: "/run/vm-b" });
    b.send(frame(2, BROADCAST));
    lab.settle();
    const a = padName(kernel.peerDgram("/run/a", { bind: "/run/vm-a", connect: false }));
    for (let i = 0; i < 20; i++) {
      a.send(frame(1, 2, i));
      if (i % 3 === 0) lab.settle();
    }
    lab.settle();
    assertEquals(tagsOf(b.receive()), [...Array(20).keys()]);
    assertEquals(lab.sum("stranger"), 0);
    assertEquals(lab.ports, clients === "many" ? ["a", "a.1", "b"] : ["a", "b"]);
    b.send(frame(2, 1, 77));
    lab.settle();
    assertEquals(tagsOf(a.receive()), [77]);
    lab.stop();
  });
}

Deno.test("DgramPort is never paused where a full socket refuses instead of waiting, not over a pair either", () => {
  const { lab, kernel } = start();
  const { fd } = kernel.inherit(SocketType.DGRAM);
  lab.open({ name: "c", kind: "fd", target: `${fd}` });
  assertEquals(lab.engine.members.map(({ port }) => port.pausable), [false, false, false]);
  lab.stop();
});

Deno.test("DgramPort over a pair whose end has a path as well drops what others send there", () => {
  const { lab, kernel, b } = start();
  const { fd, vm } = kernel.inherit(SocketType.DGRAM);
  assertEquals(kernel.bind(fd, "/run/pair", 0o600), 0);
  lab.open({ name: "c", kind: "fd", target: `${fd}` });
  kernel.peerDgram("/run/pair", { bind: "/run/other" }).send(frame(3, 2, 66));
  vm.send(frame(4, 2, 1));
  lab.settle();
  assertEquals([tagsOf(b.receive()), lab.count("c", "stranger")], [[1], 1]);
  lab.stop();
});

Deno.test("descriptors and long datagrams of one VM are no fault of another's bulk calls", () => {
  const { lab, kernel, a, b } = start();
  kernel.raiseDescriptorLimit();
  const c = kernel.peerDgram("/run/b", { bind: "/run/other" });
  a.send(frame(1, 2, 1));
  passAlong(a.socket.peer!, 3);
  lab.settle();
  for (const length of [60, 100_000, 60]) {
    a.send(frame(1, 2, 2, length));
    c.send(frame(3, 1, 9));
    b.send(frame(2, 1, 3));
    lab.settle();
  }
  assertEquals(tagsOf(b.receive()), [1, 2, 2]);
  assertEquals(tagsOf(a.receive()), [3, 3, 3]);
  assertEquals(lab.text("a").includes("is gone") || lab.text("b").includes("is gone"), false);
  lab.stop();
});

Deno.test("DgramPort takes empty datagrams and goes on", () => {
  const { lab, a, b } = start();
  a.send(new Uint8Array());
  a.send(frame(1, 2, 5));
  lab.settle();
  assertEquals(tagsOf(b.receive()), [5]);
  assertEquals(lab.count("a", "runt"), 1);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("DgramPort sends what a VM's buffer has no room for as soon as it reads, without a WRITE event", () => {
  const { lab, kernel, a, b } = start();
  kernel.faults.on("writable", {});
  b.stopReading();
  for (let i = 0; i < 1500; i++) {
    a.send(frame(1, 2, i, 1000));
    lab.settle();
  }
  assert(lab.count("b", "queued") > 100);
  kernel.at(kernel.now() + 0.5, () => b.startReading());
  lab.run(2.5);
  assertEquals(tagsOf(b.receive()), [...Array(1500).keys()]);
  lab.stop();
});

Deno.test("claim() refuses a path of 104 bytes, and a dangling link", () => {
  const kernel = new FakeDarwin();
  const lab = new FakeSwitch({}, asCountingKernel(kernel));
  const folder = "/run/";
  const long = lab.tryOpen({ name: "a", target: folder + "n".repeat(104 - folder.length) });
  assert(long.kind === "failed" && /path is 104 bytes, the limit is 103/.test(long.message));
  kernel.files.plant("/run/link", "symlink", "/run/elsewhere");
  const link = lab.tryOpen({ name: "a", target: "/run/link" });
  assert(link.kind === "failed" && /is a symlink, not a socket/.test(link.message));
  assertEquals(kernel.stat("/run/elsewhere"), undefined);
  lab.open({ name: "a", target: folder + "n".repeat(103 - folder.length) });
  lab.stop();
});

Deno.test("Listener loses one client, not all, where no descriptor is free, and recovers", () => {
  const kernel = new FakeDarwin();
  const lab = new FakeSwitch({}, asCountingKernel(kernel))
    .open({ name: "lan", kind: "stream", target: "/run/lan" });
  kernel.faults.on("accept", { nth: 1, error: Errno.EMFILE });
  const first = kernel.peerStream("/run/lan"), second = kernel.peerStream("/run/lan");
  lab.settle();
  assertEquals([first.ended, second.ended], [true, false]);
  assertMatch(lab.text("lan"), /cannot accept a VM \(EMFILE\); trying again in 50 ms/);
  lab.run(60);
  assertEquals(lab.ports, ["lan", "lan.1"]);
  assertEquals(second.ended, false);
  lab.stop();
});
