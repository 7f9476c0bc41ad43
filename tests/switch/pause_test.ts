/**
 * `full=drop` and `full=pause` from end to end: VMs that hang, are slow, recover, or die.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, concat, frame, record, tagsOf } from "./frames.ts";
import { fill, IN, OUT, start } from "./stall.ts";

Deno.test("full=pause loses nothing between a fast VM and one that stands still for a while", () => {
  const { lab, vms: [vm], out } = start({ full: "pause", pauseMs: 60_000 });
  const sent = fill(lab, vm, 1);
  assert(sent > 200 && sent < 1000, `${sent} frames until the sender had to wait`);
  assertEquals(lab.sum("pauses"), 1);
  lab.run(5000);
  assertEquals(lab.sum("queue-full"), 0);
  out.startReading();
  lab.run(5);
  assertEquals(tagsOf(out.receiveFrames()), [...Array(sent).keys()]);
  assertEquals(vm.socket.used, 0, "and it is read again");
  lab.assertBalanced();
  lab.stop();
});

Deno.test("full=pause lets a sender go on after pause-ms, from then on as full=drop", () => {
  const { lab, vms: [vm], out } = start({ full: "pause", pauseMs: 100 });
  const sent = fill(lab, vm, 1);
  const before = lab.kernel.now();
  lab.until(() => vm.socket.used === 0, 110);
  assert(lab.kernel.now() - before > 98, `${lab.kernel.now() - before} ms`);
  assert(lab.sum("queue-full") > 0);
  assertEquals(fill(lab, vm, 1, 1000), 1000, "it is not paused a second time");
  assertEquals(lab.sum("pauses"), 1);
  lab.assertBalanced();
  out.startReading();
  lab.run(50);
  const heard = tagsOf(out.receiveFrames());
  assert(heard.length >= sent - 20, `${heard.length} of ${sent} were kept`);
  out.stopReading();
  fill(lab, vm, 1);
  assertEquals(lab.sum("pauses"), 2, "a VM that has recovered is waited for again");
  lab.stop();
});

// fault list 17
Deno.test("full=pause does not keep the sender's frames for others for longer than pause-ms", () => {
  const { lab, vms: [vm, other] } = start({ full: "pause", pauseMs: 20 }, 2);
  fill(lab, vm, 1);
  vm.sendFrame(frame(1, 2, 5));
  const took = lab.until(() => tagsOf(other.receiveFrames()).includes(5), 30);
  assert(took <= 21, `${took} ms`);
  lab.stop();
});

// fault list 19
Deno.test("a paused sender that dies is let go with its parked frames", () => {
  const { lab, kernel, vms: [vm, other], out } = start({ full: "pause", pauseMs: 500 }, 2);
  const sent = fill(lab, vm, 1);
  vm.kill();
  const waits = kernel.callsOf("wait");
  lab.run(400);
  assert(kernel.callsOf("wait") - waits < 1000, "its end is not reported without end");
  lab.run(200);
  assertEquals(lab.ports.includes("in.1"), false);
  assertEquals(lab.count("in", "rxFrames"), sent + 1, "each was received, and sent or dropped");
  lab.assertBalanced();
  out.startReading();
  lab.run(50);
  other.sendFrame(frame(2, 99, 7));
  lab.settle();
  assertEquals(tagsOf(out.receiveFrames()).at(-1), 7);
  lab.stop();
});

// fault list 19
Deno.test("a VM that dies while others wait for it lets all of them go at once", () => {
  for (const senders of [1, 4]) {
    const { lab, vms, out, join } = start({ full: "pause", pauseMs: 60_000 }, senders + 1);
    vms.slice(0, senders).forEach((vm, i) => fill(lab, vm, i + 1));
    assertEquals(lab.sum("pauses"), senders);
    const other = vms[senders];
    vms[0].sendFrame(frame(1, senders + 1, 5));
    out.kill();
    lab.run(3);
    assertEquals(tagsOf(other.receiveFrames()).includes(5), true);
    assertEquals(vms.every((vm) => vm.socket.used === 0), true);
    lab.assertBalanced();
    const next = join(OUT, 99);
    vms[0].sendFrame(frame(1, 99, 8));
    lab.settle();
    assertEquals(tagsOf(next.receiveFrames()).at(-1), 8);
    lab.stop();
  }
});

Deno.test("two VMs that wait for each other both go on", () => {
  const { lab, vms: [a], out } = start({ full: "pause", pauseMs: 50 });
  // 99 hangs; 1 waits for it and is full itself, so 99's frames to 1 wait as well.
  fill(lab, a, 1);
  a.stopReading();
  for (let i = 0; i < 3000 && out.send(record(frame(99, 1, i, 9014))) > 0; i++) lab.settle();
  lab.run(200);
  lab.assertBalanced();
  out.startReading();
  a.startReading();
  lab.run(100);
  out.receive();
  a.receive();
  a.sendFrame(frame(1, 99, 1));
  out.sendFrame(frame(99, 1, 2));
  lab.run(2);
  assertEquals([tagsOf(out.receiveFrames()), tagsOf(a.receiveFrames())], [[1], [2]]);
  lab.assertBalanced();
  lab.stop();
});

// fault list 19
Deno.test("a paused sender that loses its place has its parked frames received, not forgotten", () => {
  const lab = new FakeSwitch().open(
    { name: "in", kind: "stream", target: IN, clients: "replace" },
    { name: "out", kind: "stream", target: OUT, queue: 128 << 10, full: "pause", pauseMs: 60_000 },
  );
  const vm = lab.kernel.peerStream(IN), out = lab.kernel.peerStream(OUT);
  vm.sendFrame(frame(1, BROADCAST));
  out.sendFrame(frame(99, BROADCAST));
  lab.settle();
  out.stopReading();
  const sent = fill(lab, vm, 1);
  assertEquals(lab.sum("pauses"), 1);
  lab.kernel.peerStream(IN);
  lab.settle();
  assertEquals(vm.ended, true);
  assertEquals(lab.count("in", "rxFrames"), sent + 1);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("frames of one long read stay in order when the first of them have to wait", () => {
  const { lab, vms: [vm, other], out } = start({ full: "pause", pauseMs: 60_000 }, 2);
  fill(lab, vm, 1);
  out.startReading();
  lab.run(5);
  out.receive();
  out.stopReading();
  // A few full-sized frames short of full, then one read of several thousand frames for two VMs.
  let big = 0;
  while (lab.sum("queued") === 0) {
    vm.sendFrame(frame(1, 99, big++, 9014));
    lab.settle();
  }
  vm.socket.sendLimit = 16 << 20;
  const burst = Array.from({ length: 4000 }, (_, i) => record(frame(1, i % 8 === 7 ? 2 : 99, i)));
  vm.send(concat(burst));
  lab.settle();
  assertEquals(lab.sum("pauses"), 2);
  out.startReading();
  lab.run(10);
  const all = burst.map((_, i) => i);
  assertEquals(tagsOf(out.receiveFrames()).slice(big), all.filter((i) => i % 8 !== 7));
  assertEquals(tagsOf(other.receiveFrames()), all.filter((i) => i % 8 === 7));
  assertEquals(lab.sum("queue-full"), 0);
  lab.assertBalanced();
  lab.stop();
});

Deno.test("full=pause never stops reading a VM that would spin, as QEMU's datagrams by path do", () => {
  for (const clients of ["replace", "many"] as const) {
    const { lab, kernel, vms: [vm] } = start({ full: "pause", pauseMs: 60_000 });
    lab.open({ name: "q", target: "/run/q", clients });
    const qemu = kernel.peerDgram("/run/q", { bind: "/run/vm-q", connect: false });
    qemu.send(frame(5, BROADCAST));
    lab.settle();
    fill(lab, vm, 1);
    for (let i = 0; i < 500; i++) {
      assertEquals(qemu.send(frame(5, 99, i, 9014)), 9014);
      lab.settle();
      assertEquals(qemu.socket.used, 0, "it was read");
    }
    assertEquals(lab.sum("pauses"), 1);
    assert(lab.count("out.1", "queue-full") >= 490);
    lab.assertBalanced();
    lab.stop();
  }
});
