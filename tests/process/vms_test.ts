import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { StreamVm } from "../support/stream_vm.ts";
import { figure, pause, until } from "../support/time.ts";

Deno.test("vswitch serves VMs that were there before it, and that outlive it", async () => {
  await using lab = new ProcessLab();
  const ports = lab.ports("stream:b.sock", "a.sock");
  const first = await lab.start(ports);
  const vms = [lab.stream(1, "b.sock"), lab.dgram(2, "a.sock", "qemu")];
  await lab.introduce(...vms);
  await first.kill9();
  await until("the stream VM to see the end", () => (vms[0].poll(), (vms[0] as StreamVm).ended));
  // QEMU's reconnect: it tries again until somebody answers.
  const started = performance.now();
  const second = lab.launch(ports);
  let again: StreamVm | undefined;
  await until("the VM to connect again", () => {
    try {
      again = lab.stream(1, "b.sock");
      return true;
    } catch {
      return false;
    }
  });
  await lab.introduce(again!, vms[1]);
  const gap = performance.now() - started;
  figure(`switch killed and started again: VMs talk ${gap.toFixed(0)} ms after its start`);
  await lab.converse(again!, vms[1], 10);
  assertLess(gap, 3000);
  assertEquals((await second.stop()).code, 0);
});

Deno.test("vswitch forgets a VM killed in the middle of a frame, and nobody else notices", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "lan=stream:b.sock"));
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock"), lab.stream(3, "b.sock")];
  await lab.introduce(...vms);
  const fds = vswitch.fds().length;
  for (let round = 0; round < 3; round++) {
    const victim = await lab.process(
      { like: "stream", name: "b.sock", station: 9, to: 1, role: "half" },
    );
    await until("its whole frame", () => (vms[0].poll(), vms[0].from(9).length > round));
    await lab.converse(vms[0], vms[1], 5);
    const killed = victim.kill();
    await lab.converse(vms[1], vms[2], 20);
    await killed;
    await lab.converse(vms[2], vms[0], 5);
  }
  const stats = await vswitch.statsWhen("the cut frames to be counted", ({ ports }) => {
    return ports.some(({ name, drops }) => name === "lan" && drops.cut === 3);
  });
  assert(stats.total.balanced);
  assertEquals(vswitch.fds().length, fds);
  for (const vm of vms) assertEquals(vm.got.filter(({ seq }) => seq === 9999), []);
});

Deno.test("vswitch keeps nothing of 2,000 VMs that came and went", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "lan=stream:b.sock"));
  const vm = lab.dgram(1, "a.sock");
  const path = new TextEncoder().encode(lab.path("b.sock"));
  let seen = 0;
  const visit = async (visits: number) => {
    for (let i = 0; i < visits; i++) {
      const fd = lab.kernel.socket(SocketType.STREAM);
      // A listener takes a bounded number a second; those who come faster wait in its queue.
      await until("room in the queue", () => lab.kernel.connect(fd, path) === 0);
      const guest = new StreamVm(lab.kernel, 2, { fd });
      guest.send(1);
      guest.close();
      if (i % 16 === 0) vm.poll();
    }
    await until("the frame of each", () => {
      vm.poll();
      return vm.got.length === seen + visits;
    }, 20_000);
    seen += visits;
    await vswitch.statsWhen("all to be gone", ({ ports }) => ports.length === 2);
  };
  vm.send(2);
  await visit(500); // what a first use leaves behind: code, caches, the heap's habits
  const before = { fds: vswitch.fds().length, mib: vswitch.residentMib() };
  const started = performance.now();
  await visit(2000);
  const seconds = (performance.now() - started) / 1000;
  const grown = vswitch.residentMib() - before.mib;
  figure(
    `2,000 connections in ${seconds.toFixed(1)} s: ${vswitch.fds().length - before.fds} fds and ` +
      `${grown.toFixed(1)} MiB more`,
  );
  assertEquals(vswitch.fds().length, before.fds);
  assertLess(grown, 16); // garbage not collected yet is among it
  const stats = await vswitch.stats();
  assert(stats.total.balanced);
  assertEquals(stats.ports[1].clients, 2500);
});

Deno.test("vswitch with clients=many keeps a stopped VM from the others on its path", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("lan=dgram:a.sock,clients=many"));
  const vms = [lab.dgram(1, "a.sock"), lab.dgram(2, "a.sock", "qemu"), lab.dgram(3, "a.sock")];
  const stopped = await lab.process(
    { like: "vfkit", name: "a.sock", station: 4, to: 1, role: "quiet" },
  );
  await lab.introduce(...vms);
  await stopped.freeze();
  let longest = 0;
  for (let round = 0; round < 40; round++) {
    // More than its socket and its queue hold, so that most of it is dropped.
    for (let i = 0; i < 60; i++) vms[0].send(4, 9014);
    for (const [i, from] of vms.entries()) {
      longest = Math.max(longest, await lab.converse(from, vms[(i + 1) % 3], 2));
    }
  }
  const stats = await vswitch.stats();
  const stuck = stats.ports.find(({ queued }) => queued > 0);
  assert(stuck !== undefined, JSON.stringify(stats));
  figure(
    `one of 4 VMs stopped: frames between the others took ${longest.toFixed(1)} ms at most, ` +
      `${stuck.drops["queue-full"] ?? 0} for the stopped one dropped`,
  );
  assert(stats.total.balanced);
  assertEquals(stats.ports.map(({ name }) => name).sort(), [
    "lan",
    "lan.1",
    "lan.2",
    "lan.3",
    "lan.4",
  ]);
  for (const port of stats.ports) {
    if (port !== stuck) assertEquals(port.drops["queue-full"], undefined);
  }
  assertLess(longest, 250);
  assertEquals((await vswitch.stop()).code, 0);
});

Deno.test("vswitch takes a rack of VMs that connects in one moment", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "lan=stream:b.sock"));
  const fds: number[] = [];
  for (let i = 0; i < 200; i++) {
    const fd = lab.kernel.socket(SocketType.STREAM);
    assertEquals(lab.kernel.connect(fd, new TextEncoder().encode(lab.path("b.sock"))), 0);
    fds.push(fd);
  }
  const started = performance.now();
  const stats = await vswitch.statsWhen("200 VMs", ({ ports }) => ports.length === 202);
  figure(`200 VMs at once: all are ports after ${(performance.now() - started).toFixed(0)} ms`);
  assertEquals(stats.ports.filter(({ state }) => state === "up").length, 200);
  for (const fd of fds) lab.kernel.close(fd);
  await vswitch.statsWhen("all to be gone", ({ ports }) => ports.length === 2);
  await pause(20);
  assertLessOrEqual((await vswitch.stop()).code, 0);
});
