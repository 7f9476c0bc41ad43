import { assert, assertEquals, assertLess, assertLessOrEqual, assertThrows } from "@std/assert";
import { cpuMs } from "../support/proc.ts";
import { figure, pause, until } from "../support/time.ts";
import { Doorway } from "../support/vhost_frontend/channel.ts";
import { boot } from "../support/vhost_frontend/qemu.ts";
import { machine, nap, VhostLab, VhostVm } from "./vhost_user_lab.ts";

const MEMORY = [{ guest: 0, bytes: 2 << 20 }, { guest: 2 ** 32, bytes: 24 << 20 }];

/** A switch with two guests that know each other. */
async function begin(lab: VhostLab, options = "", more: readonly string[] = []) {
  const args = [...lab.port("a", "vhost-user", options), ...lab.port("b", "vhost-user", options)];
  const vswitch = await lab.start([...args, ...more]);
  const [a, b] = [lab.vm(1, "a", { regions: MEMORY }), lab.vm(2, "b", { regions: MEMORY })];
  a.boot();
  b.boot();
  await lab.greet(vswitch);
  return { args, vswitch, a, b };
}

/** Ticks of CPU time (10 ms) of a process. */
function ticks(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

Deno.test("vswitch carries frames between guests, and tells what they negotiated", async () => {
  await using lab = new VhostLab();
  const { vswitch, a, b } = await begin(lab);
  await lab.talk(a, b, 1, 300);
  await lab.talk(b, a, 1, 300);
  const { ports, total } = await vswitch.statsWhen(
    "a quiet moment",
    ({ total }) => total.rx >= 600,
  );
  assert(total.balanced, JSON.stringify(total));
  assertEquals(total.drops - (ports[0].drops.nowhere ?? 0) - (ports[1].drops.nowhere ?? 0), 0);
  for (const { state, offload: { sends, accepts } } of ports) {
    assertEquals(state, "up");
    assert(sends.includes("csum") && accepts.includes("tso4"), `${sends} ${accepts}`);
  }
  for (const { front } of [a, b]) front.guest.assertUntouched();
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
});

Deno.test("vswitch uses no CPU time while its guests are silent", async () => {
  await using lab = new VhostLab();
  const { vswitch, a, b } = await begin(lab);
  await lab.talk(a, b, 1, 100);
  await pause(300);
  const before = ticks(vswitch.pid), exactly = cpuMs(vswitch.pid);
  await pause(1000);
  const used = cpuMs(vswitch.pid) - exactly;
  figure(`two silent guests for a second: ${used.toFixed(2)} ms of CPU`);
  assertLessOrEqual(ticks(vswitch.pid) - before, 1);
  await lab.talk(b, a, 1, 100);
});

Deno.test("vswitch killed in the middle of traffic: what was in a guest's ring arrives by the next one", async () => {
  await using lab = new VhostLab();
  let { args, vswitch, a, b } = await begin(lab);
  let seq = 0, waiting = 0;
  for (let round = 0; round < 4; round++) {
    const end = performance.now() + 20 + round * 13;
    const list = (burst: number) => {
      for (let i = 0; i < burst && a.send(2, seq + 1, 60 + seq % 1400); i++) seq++;
    };
    while (performance.now() < end) {
      // What b has no buffers for waits in the switch's queue, and dies with it: never more than b takes.
      if (seq - b.got.size <= 96) list(32);
      b.poll();
      nap(0.01 * round);
    }
    vswitch.signal("SIGKILL");
    list(100); // nobody, or somebody who is about to die, has them
    await vswitch.kill9();
    waiting += a.front.guest.transmit.ring.outstanding;
    vswitch = lab.launch(args);
    await a.reconnect();
    await pause(20);
    await b.reconnect();
    await until(`all ${seq} frames`, () => {
      a.poll();
      b.poll();
      return b.got.size === seq && a.front.guest.transmit.ring.outstanding === 0;
    });
    for (const { front } of [a, b]) front.guest.assertUntouched();
  }
  const twice = [...b.got.values()].reduce((sum, times) => sum + times - 1, 0);
  figure(
    `${seq} frames, killed 4 times, ${waiting} waited in the ring: 0 lost, ${twice} came twice`,
  );
  assert(waiting >= 100, `${waiting} frames waited`);
  assertLess(twice, 4 * 256);
  assertEquals(Math.max(...b.got.keys()), seq);
  const stats = await vswitch.stats();
  assert(stats.total.balanced);
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
});

for (const full of ["pause", "drop"]) {
  Deno.test(`vswitch ends as it should while rings are full (full=${full})`, async () => {
    await using lab = new VhostLab();
    const { vswitch, a, b } = await begin(lab, `,full=${full},queue=262144`);
    // b takes nothing any more, and a sends as long as it can.
    let sent = 0;
    const end = performance.now() + 300;
    while (performance.now() < end) {
      while (sent < 20_000 && a.send(2, ++sent, 1500));
      a.front.guest.transmit.reclaim();
      nap();
    }
    const { total, ports } = await vswitch.stats();
    assert(total.balanced, JSON.stringify(total));
    if (full === "drop") assert(ports[1].drops["queue-full"] > 0, JSON.stringify(ports[1].drops));
    const { code, ms } = await vswitch.stop();
    assertEquals(code, 0, vswitch.log);
    assertLess(ms, 1500);
    for (const { front } of [a, b]) front.guest.assertUntouched();
  });
}

Deno.test("vswitch refuses memory that can get shorter and names the option; unsealed=on takes it", async () => {
  await using lab = new VhostLab();
  const args = [...lab.port("a"), ...lab.port("b", "vhost-user", ",unsealed=on")];
  const vswitch = await lab.start(args);
  const a = lab.vm(1, "a", { sealed: false }), b = lab.vm(2, "b", { sealed: false });
  assertThrows(() => a.boot(), Error, "Request 5 failed");
  await until("the refusal to be told", () => vswitch.log.includes("can get shorter"));
  const told = vswitch.logLines.find((line) => line.includes("can get shorter"))!;
  for (const word of ["memory-backend-memfd", "share=on", "unsealed=on"]) {
    assert(told.includes(word), told);
  }
  b.boot();
  const { ports } = await vswitch.statsWhen("b", ({ ports }) => ports[1].state === "up");
  assertEquals(ports.map(({ state }) => state), ["waiting", "up"]);
  assertEquals((await vswitch.stop()).code, 0);
});

Deno.test("vswitch connects to a front-end that listens, and again when that has gone", async () => {
  await using lab = new VhostLab();
  const vswitch = await lab.start([...lab.port("a", "vhost-user-client"), ...lab.port("b")]);
  const b = lab.vm(2, "b", { regions: MEMORY });
  b.boot();
  let first = 1;
  for (let round = 0; round < 3; round++) {
    using door = new class extends Doorway {
      [Symbol.dispose]() {
        this.close();
      }
    }(machine, lab.path("a.sock"));
    const a = new VhostVm(1, () => door.accept(nap), { regions: MEMORY });
    lab.vms.push(a);
    boot(a.front);
    a.front.guest.receive.fill(1600);
    await lab.greet(vswitch);
    await lab.talk(a, b, first, 100);
    await lab.talk(b, a, first, 100);
    first += 100;
    a.close();
    lab.vms.pop();
    await vswitch.statsWhen("a to be gone", ({ ports }) => ports[0].state === "waiting");
  }
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
});
