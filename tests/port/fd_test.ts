/**
 * Ports over inherited descriptors.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

const SEQPACKET = 5;

/** A socket as a launcher leaves it open for us. */
function inherit(lab: FakeSwitch, type: number, path?: string): number {
  const fd = lab.kernel.socket(type as SocketType);
  if (path !== undefined) assertEquals(lab.kernel.bind(fd, path, 0o600), 0);
  Object.assign(lab.kernel.descriptorFlags(fd), { nonBlocking: false, closeOnExec: false });
  return fd;
}

function refusal(lab: FakeSwitch, fd: number): { message: string; usage: boolean } {
  const event = lab.tryOpen({ name: "vm", kind: "fd", target: `${fd}` });
  assert(event.kind === "failed", JSON.stringify(event));
  return { message: event.message, usage: event.usage };
}

Deno.test("openFd() lets SO_TYPE decide, and both kinds talk", () => {
  const lab = new FakeSwitch();
  const d = lab.kernel.inherit(SocketType.DGRAM), s = lab.kernel.inherit(SocketType.STREAM);
  const event = lab.tryOpen(
    { name: "d", kind: "fd", target: `${d.fd}` },
    { name: "s", kind: "fd", target: `${s.fd}` },
  );
  assert(event.kind === "opened");
  assertEquals(event.ports.map(({ kind, socket }) => [kind, socket]), [["fd", "dgram"], [
    "fd",
    "stream",
  ]]);
  assert(event.ports.every(({ buffers }) => buffers > 0));
  for (const { fd } of [d, s]) {
    assertEquals(lab.kernel.descriptorFlags(fd), { nonBlocking: true, closeOnExec: true });
  }
  d.vm.send(new TextEncoder().encode("VFKT")); // no frame here either
  d.vm.send(frame(1, BROADCAST, 1));
  lab.settle();
  assertEquals(tagsOf(s.vm.receiveFrames()), [1]);
  s.vm.sendFrame(frame(2, 1, 2));
  lab.settle();
  assertEquals(tagsOf(d.vm.receive() as Uint8Array[]), [2]);
  assertEquals(lab.sum("runt"), 0);
  lab.stop();
});

Deno.test("openFd() goes on with the VM of a switch that was killed, where somebody else holds the socket", () => {
  const lab = new FakeSwitch(), { kernel } = lab, encoder = new TextEncoder();
  const fd = inherit(lab, SocketType.DGRAM, "/run/a");
  const vm = kernel.peerDgram("/run/a", { bind: "/run/vm-a" });
  assertEquals(kernel.connect(fd, encoder.encode("/run/vm-a")), 0);
  lab.open({ name: "a", kind: "fd", target: `${fd}` }, { name: "b", target: "/run/b" });
  const b = kernel.peerDgram("/run/b", { bind: "/run/vm-b" });
  b.send(frame(2, BROADCAST, 1));
  lab.settle();
  assertEquals(tagsOf(vm.receive()), [1], "it is reached before it has said anything");
  assertMatch(lab.text("a"), /VM connected: .*\/run\/vm-a/);
  kernel.peerDgram("/run/a", { bind: "/run/other", connect: false }).send(frame(3, 2, 66));
  vm.send(frame(1, 2, 2));
  lab.settle();
  assertEquals(tagsOf(b.receive()), [2], "the other is not");
  vm.close();
  lab.run(2100);
  assertMatch(lab.text("a"), /\/run\/vm-a is gone: .*; waiting for a VM/);
  const next = kernel.peerDgram("/run/a", { bind: "/run/vm-next" });
  next.send(frame(4, 2, 3));
  lab.settle();
  assertEquals(tagsOf(b.receive()), [3]);
  lab.stop();
});

for (const end of ["has gone", "has gone, and another has its path"]) {
  Deno.test(`openFd() keeps nobody out for a VM that ${end}`, () => {
    const lab = new FakeSwitch(), { kernel } = lab, encoder = new TextEncoder();
    const fd = inherit(lab, SocketType.DGRAM, "/run/a");
    const vm = kernel.peerDgram("/run/a", { bind: "/run/vm-a" });
    assertEquals(kernel.connect(fd, encoder.encode("/run/vm-a")), 0);
    vm.close();
    kernel.unlink("/run/vm-a");
    const other = () => kernel.peerDgram("/run/a", { bind: "/run/vm-a", connect: false });
    const early = end === "has gone" ? undefined : other();
    lab.open({ name: "a", kind: "fd", target: `${fd}` }, { name: "b", target: "/run/b" });
    const b = kernel.peerDgram("/run/b", { bind: "/run/vm-b" });
    b.send(frame(2, BROADCAST));
    lab.settle();
    const next = early ?? kernel.peerDgram("/run/a", { bind: "/run/vm-next" });
    next.send(frame(4, 2, 3));
    lab.settle();
    assertEquals(tagsOf(b.receive()), [3]);
    lab.stop();
  });
}

Deno.test("openFd() tells the path of a socket that VMs can find", () => {
  const lab = new FakeSwitch();
  const open = (name: string, fd: number) => {
    const event = lab.tryOpen({ name, kind: "fd", target: `${fd}` });
    assert(event.kind === "opened");
    return event.ports[0].path;
  };
  assertEquals(open("a", inherit(lab, SocketType.DGRAM, "/run/a")), "/run/a");
  const pair = lab.kernel.inherit(SocketType.DGRAM).fd;
  lab.kernel.bind(pair, "/run/pair", 0o600);
  assertEquals(open("c", pair), undefined, "it has its VM");
  const relative = inherit(lab, SocketType.DGRAM, "/run/b");
  lab.kernel.ownAddress = () => new TextEncoder().encode("run/b");
  assertEquals(open("b", relative), undefined, "from where?");
  lab.stop();
});

Deno.test("openFd() says what is wrong with a descriptor", () => {
  const lab = new FakeSwitch();
  const { kernel } = lab;
  assertEquals(refusal(lab, 77), {
    message:
      'Cannot open port "vm": fd 77 is not open; start vswitch with it inherited, as in "vswitch --port vm=fd:3 3<&..."',
    usage: true,
  });
  const own = kernel.socket(SocketType.STREAM);
  assertMatch(refusal(lab, own).message, /is not open; start vswitch with it inherited/);
  const pipe = kernel.inheritPipe().fd;
  assertEquals(
    refusal(lab, pipe).message,
    `Cannot open port "vm": fd ${pipe} is not a socket; pass one end of a socketpair`,
  );
  const idle = inherit(lab, SocketType.STREAM);
  assertEquals(
    refusal(lab, idle).message,
    `Cannot open port "vm": fd ${idle} is neither connected nor listening; connect it first`,
  );
  const packets = inherit(lab, SEQPACKET);
  assertEquals(refusal(lab, packets), {
    message:
      `Cannot open port "vm": fd ${packets} is a socket of type 5; use a stream or datagram socket`,
    usage: true,
  });
});

Deno.test("openFd() serves a listening descriptor", () => {
  const lab = new FakeSwitch();
  const fd = inherit(lab, SocketType.STREAM, "/run/activated");
  lab.kernel.listen(fd, 8);
  lab.open({ name: "vm", kind: "fd", target: `${fd}`, clients: "many" });
  const a = lab.kernel.peerStream("/run/activated"), b = lab.kernel.peerStream("/run/activated");
  lab.settle();
  a.sendFrame(frame(1, BROADCAST, 3));
  lab.settle();
  assertEquals(tagsOf(b.receiveFrames()), [3]);
  lab.stop();
  assertEquals(
    lab.kernel.stat("/run/activated")?.kind,
    "socket",
    "the launcher's file is not ours",
  );
});

Deno.test("openFd() serves a bound datagram descriptor as a path", () => {
  const lab = new FakeSwitch();
  const fd = inherit(lab, SocketType.DGRAM, "/run/activated");
  lab.open({ name: "vm", kind: "fd", target: `${fd}` });
  assertEquals(lab.states, ["vm waiting"]);
  lab.kernel.peerDgram("/run/activated", { bind: "/run/vm" }).send(frame(1, BROADCAST));
  lab.settle();
  assertEquals(lab.states.at(-1), "vm up");
  lab.stop();
});

Deno.test("openFd() port is over when the other end closes, and the rest goes on", () => {
  for (const type of [SocketType.STREAM, SocketType.DGRAM]) {
    const lab = new FakeSwitch();
    const { fd, vm } = lab.kernel.inherit(type);
    lab.open(
      { name: "vm", kind: "fd", target: `${fd}` },
      { name: "lan", kind: "stream", target: "/run/lan.sock" },
    );
    const a = lab.kernel.peerStream("/run/lan.sock"), b = lab.kernel.peerStream("/run/lan.sock");
    lab.settle();
    vm.kill();
    for (let i = 0; i < 3; i++) {
      a.sendFrame(frame(1, BROADCAST, i));
      lab.settle();
      lab.settle();
    }
    assertMatch(lab.text("vm"), /this port is over/);
    assertEquals(lab.states.at(-1), "vm waiting");
    assertEquals(tagsOf(b.receiveFrames()), [0, 1, 2]);
    lab.run(5000);
    lab.assertBalanced();
    lab.stop();
  }
});
