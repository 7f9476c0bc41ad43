/**
 * Datagram ports whose VM ends, is restarted, or is replaced by another.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";
import { A, B, start } from "./dgram_lab.ts";

// fault list 27
Deno.test("DgramPort sees its VM's process end, and the next VM takes over at once", () => {
  const { lab, kernel, a, b } = start();
  a.send(frame(1, 2, 5)); // sent before it died: still counts
  a.kill();
  lab.settle();
  assertEquals(tagsOf(b.receive()), [5]);
  assertMatch(lab.text("a"), /pid \d+ at \/run\/vm-a is gone: its process ended; waiting for a VM/);
  assertEquals(lab.states.at(-1), "a waiting");
  const next = kernel.peerDgram(A, { bind: "/run/vm-a2" });
  next.send(frame(3, 2, 6));
  lab.settle();
  b.send(frame(2, 3, 7));
  lab.settle();
  assertEquals([tagsOf(b.receive()), tagsOf(next.receive())], [[6], [7]]);
  assertEquals(lab.count("a", "clients"), 2);
  lab.stop();
});

Deno.test("DgramPort forgets the addresses of a VM that is gone", () => {
  const { lab, kernel, a, b } = start();
  assertEquals(lab.engine.fdb.size, 2);
  a.kill();
  lab.settle();
  assertEquals(lab.engine.fdb.size, 1);
  b.send(frame(2, 1, 5));
  lab.settle();
  assertEquals(lab.count("b", "nowhere"), 1, "not sent to the port that had it");
  kernel.peerDgram(A, { bind: "/run/vm-a2" }).send(new TextEncoder().encode("VFKT"));
  lab.settle();
  assertEquals(lab.count("a", "txFrames"), 1, "the broadcast of the first VM's time only");
  lab.stop();
});

// fault list 27
Deno.test("DgramPort sees ECONNREFUSED on sending, tells it once, and listens again", () => {
  const { lab, kernel, a, b } = start();
  a.close(); // the process lives on, so there is no event
  for (let i = 0; i < 100; i++) b.send(frame(2, 1, i));
  lab.settle();
  lab.settle();
  assertEquals(lab.text("a").match(/is gone: it does not take frames any more/g)?.length, 1);
  assertEquals(lab.logs.length < 10, true, lab.text());
  assert(lab.count("a", "peer-gone") > 0);
  lab.assertBalanced();
  kernel.files.unlink("/run/vm-a");
  const next = kernel.peerDgram(A, { bind: "/run/vm-a" });
  next.send(frame(1, 2, 9));
  lab.settle();
  assertEquals(tagsOf(b.receive()), [9]);
  lab.stop();
});

Deno.test("DgramPort takes over a VM restarted at the same path, with and without a process event", () => {
  for (const event of [true, false]) {
    const { lab, kernel, a, b } = start();
    if (event) a.kill();
    else a.close();
    kernel.files.unlink("/run/vm-a");
    // As QEMU: bound to the same path, not connected, sending all the while.
    const next = kernel.peerDgram(A, { bind: "/run/vm-a", connect: false });
    for (let ms = 0; ms < 7500; ms += 100) {
      next.send(frame(1, 2, 1000 + ms));
      lab.run(100);
    }
    b.send(frame(2, 1, 77));
    lab.settle();
    assertEquals(tagsOf(next.receive()), [77], `event ${event}: ${lab.text()}`);
    assert(tagsOf(b.receive()).includes(8400));
    lab.stop();
  }
});

// fault list 22
Deno.test("DgramPort turns a second VM away while the first lives, whatever clients= says", () => {
  for (const clients of ["replace", "refuse"] as const) {
    const { lab, kernel, a, b } = start({ clients });
    const second = kernel.peerDgram(A + ".2", { bind: "/run/x", connect: false });
    assertEquals(second.connect(A), -Errno.EPERM);
    b.send(frame(2, 1, 8));
    lab.settle();
    assertEquals(tagsOf(a.receive()).at(-1), 8);
    lab.stop();
  }
});

// fault list 19
Deno.test("DgramPort comes and goes 1000 times and leaves nothing behind", () => {
  const lab = new FakeSwitch().open({ name: "a", target: A });
  const before = [lab.kernel.openDescriptors().length, lab.arenaTaken];
  for (let i = 0; i < 1000; i++) {
    const vm = lab.kernel.peerDgram(A, { bind: "/run/vm" });
    vm.send(frame(i, BROADCAST));
    lab.settle();
    vm.kill();
    lab.kernel.files.unlink("/run/vm");
    lab.settle();
    if (i % 100 === 0) lab.run(1000);
  }
  assertEquals([lab.kernel.openDescriptors().length, lab.arenaTaken], before);
  assertEquals(lab.count("a", "clients"), 1000);
  lab.stop();
});

// fault list 27
Deno.test("DgramPort over a socketpair ends when the other end closes", () => {
  const lab = new FakeSwitch();
  const { fd, vm } = lab.kernel.inherit(SocketType.DGRAM);
  lab.open({ name: "a", kind: "fd", target: `${fd}` }, { name: "b", target: B });
  const b = lab.kernel.peerDgram(B, { bind: "/run/vm-b" });
  vm.send(frame(1, BROADCAST));
  b.send(frame(2, 1));
  lab.settle();
  vm.close();
  b.send(frame(2, 1));
  b.send(frame(2, 1));
  lab.settle();
  lab.settle();
  assertMatch(lab.text("a"), /the other end is gone: .*; this port is over/);
  lab.run(5000);
  lab.stop();
});

// fault list 38
Deno.test("DgramPort names the process of a VM of another user, which the file mode admits or not", () => {
  const lab = new FakeSwitch().open({ name: "a", target: A });
  const root = lab.kernel.startProcess(0);
  lab.kernel.peerDgram(A, { bind: "/run/vm-a" }, root).send(frame(1, BROADCAST));
  lab.settle();
  assertMatch(lab.text("a"), new RegExp(`VM connected: pid ${root.pid} at`));
  lab.stop();
});

// fault list 17, 27
Deno.test("DgramPort sleeps after a VM that was full has ended", () => {
  const { lab, kernel, a, b } = start();
  b.stopReading();
  lab.run(1);
  while (lab.count("b", "queued") === 0) {
    a.send(frame(1, 2, 0, 1514));
    lab.settle();
  }
  b.kill();
  lab.settle();
  assertEquals(lab.states.at(-1), "b waiting");
  const waits = kernel.callsOf("wait");
  lab.run(1000);
  assert(
    kernel.callsOf("wait") - waits < 10,
    `${kernel.callsOf("wait") - waits} turns in a second`,
  );
  lab.stop();
});
