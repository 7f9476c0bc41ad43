/**
 * Coming and going of the switch itself, as far as the engine decides it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "./frames.ts";

const PORTS = [
  { name: "d", target: "/run/d" },
  { name: "m", target: "/run/m", clients: "many" },
  { name: "s", kind: "stream", target: "/run/s" },
] as const;

// fault list 45
Deno.test("House.stop() under load removes its files, lets VMs read all of each frame, and leaves nothing", () => {
  const lab = new FakeSwitch().open(...PORTS);
  const { kernel } = lab;
  const d = kernel.peerDgram("/run/d", { bind: "/run/vm-d" });
  const m = kernel.peerDgram("/run/m", { bind: "/run/vm-m" });
  const streams = Array.from({ length: 8 }, () => kernel.peerStream("/run/s"));
  d.send(frame(1, BROADCAST));
  m.send(frame(2, BROADCAST));
  streams.forEach((vm, i) => vm.sendFrame(frame(3 + i, BROADCAST)));
  lab.settle();
  streams[7].stopReading();
  for (let i = 0; i < 300; i++) {
    for (let n = 0; n < 8; n++) {
      streams[n].sendFrame(frame(3 + n, n === 7 ? 1 : 4 + n, i, 9014));
    }
    d.send(frame(1, 10, i, 1514));
    lab.run(0.05);
  }
  d.send(frame(1, 2, 9)); // not read yet when the stop comes
  const took = lab.stop();
  assert(took <= 201, `${took} ms`);
  for (const { target } of PORTS) assertEquals(kernel.stat(target), undefined);
  for (const vm of streams.slice(0, 7)) {
    vm.receiveFrames();
    assertEquals([vm.receive().length, vm.ended], [0, true]);
  }
});

// fault list 45, 17
Deno.test("House.stop() gives a VM that never takes the end of its frame 200 ms", () => {
  const lab = new FakeSwitch().open(...PORTS);
  const vm = lab.kernel.peerStream("/run/s"), stuck = lab.kernel.peerStream("/run/s");
  stuck.sendFrame(frame(2, BROADCAST));
  lab.settle();
  stuck.stopReading();
  stuck.socket.peer!.sendLimit = 4608;
  vm.sendFrame(frame(1, 2, 1, 30_000));
  lab.settle();
  assert(lab.engine.unfinished);
  const took = lab.stop();
  assert(took > 195 && took <= 201, `${took} ms`);
});

Deno.test("House.stop() is immediate when nothing is half written", () => {
  const lab = new FakeSwitch().open(...PORTS);
  const vm = lab.kernel.peerStream("/run/s");
  vm.sendFrame(frame(1, BROADCAST));
  lab.settle();
  assert(lab.stop() < 1, "no waiting for nothing");
});

// fault list 43, 44
Deno.test("a switch that comes back at the same paths finds its VMs again: 20 times killed", () => {
  let lab = new FakeSwitch().open(...PORTS);
  const { kernel } = lab;
  // QEMU's datagrams by path need no more than the path; its streams connect again.
  const d = kernel.peerDgram("/run/d", { bind: "/run/vm-d", connect: false });
  for (let life = 0; life < 20; life++) {
    const s = kernel.peerStream("/run/s");
    d.send(frame(1, BROADCAST, life));
    s.sendFrame(frame(2, BROADCAST, life));
    lab.settle();
    lab.settle();
    assert(tagsOf(s.receiveFrames()).length + tagsOf(d.receive()).length > 0, `life ${life}`);
    d.send(frame(1, 2, life));
    s.sendFrame(frame(2, 1, life));
    lab.settle();
    assertEquals([tagsOf(s.receiveFrames()), tagsOf(d.receive())], [[life], [life]]);
    // SIGKILL: the kernel closes everything, the files stay.
    for (const fd of kernel.openDescriptors()) kernel.close(fd);
    assertEquals(PORTS.map(({ target }) => kernel.stat(target)?.kind), [
      "socket",
      "socket",
      "socket",
    ]);
    assertEquals(s.ended, true);
    lab = new FakeSwitch({}, kernel).open(...PORTS);
  }
  lab.stop();
});

Deno.test("VMs may be there before the switch: descriptors and streams with frames waiting", () => {
  const lab = new FakeSwitch();
  const pair = lab.kernel.inherit(SocketType.STREAM);
  pair.vm.sendFrame(frame(1, BROADCAST, 1));
  const late = lab.kernel.inherit(SocketType.DGRAM);
  late.vm.send(frame(2, BROADCAST, 2));
  lab.open(
    { name: "a", kind: "fd", target: `${pair.fd}` },
    { name: "b", kind: "fd", target: `${late.fd}` },
  );
  lab.settle();
  assertEquals(tagsOf(pair.vm.receiveFrames()), [2]);
  assertEquals(tagsOf(late.vm.receive() as Uint8Array[]), [1]);
  lab.stop();
});
