import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { cpuPercent } from "../support/proc.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { StreamVm } from "../support/stream_vm.ts";
import { makeFrame, SHORTEST } from "../support/test_frame.ts";
import { figure, pause, until } from "../support/time.ts";
import { Vswitch } from "../support/vswitch.ts";

Deno.test("vswitch idles on no CPU and little memory", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "stream:b.sock"));
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock")];
  await lab.introduce(...vms);
  await pause(1000); // what starting leaves to do
  const percent = await cpuPercent(vswitch.pid, () => pause(3000));
  const mib = vswitch.residentMib();
  figure(`2 ports with idle VMs: ${percent.toFixed(3)} % CPU over 3 s, ${mib.toFixed(1)} MiB RSS`);
  assertLess(percent, 0.5);
  assertLess(mib, 90);
  await lab.converse(vms[0], vms[1], 3);
});

/** Let the switch have `spare` more descriptors than it has now; Infinity: as many as before. */
async function limitDescriptors(vswitch: Vswitch, spare: number): Promise<void> {
  const limit = spare === Infinity ? 1024 : lowestFree(vswitch.pid) + spare;
  const args = ["--pid", `${vswitch.pid}`, `--nofile=${limit}:1024`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert(success, "prlimit has set the limit");
}

/** The limit is on numbers, not on how many are open. */
function lowestFree(pid: number): number {
  const taken = new Set([...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => Number(name)));
  let fd = 0;
  while (taken.has(fd)) fd++;
  return fd;
}

Deno.test("vswitch rests while it is out of descriptors, and recovers", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(
    lab.ports("a.sock", "lan=stream:b.sock", "many=c.sock,clients=many"),
    { before: "ulimit -n 1024" },
  );
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock"), lab.dgram(3, "c.sock", "qemu")];
  await lab.introduce(...vms);
  await limitDescriptors(vswitch, 0);
  const guests = Array.from({ length: 6 }, (_, i) => lab.stream(10 + i, "b.sock"));
  const percent = await cpuPercent(vswitch.pid, () => pause(2500));
  const lines = vswitch.logLines.filter((line) => line.includes("cannot accept a VM (EMFILE)"));
  assert(lines.length > 0, vswitch.log);
  assert(lines.every((line) => line.includes(" lan: ") && line.includes('raise "ulimit -n"')));
  await lab.converse(vms[0], vms[1], 5);
  await limitDescriptors(vswitch, Infinity);
  const took = await until("the waiting VMs to be served", () => {
    for (const guest of guests) guest.send(1);
    vms[0].poll();
    return guests.every(({ station }) => vms[0].from(station).length > 0);
  });
  figure(
    `out of descriptors: ${percent.toFixed(1)} % CPU over 2.5 s, ${lines.length} log lines; ` +
      `6 waiting VMs served ${took.toFixed(0)} ms after the limit was raised`,
  );
  assertLess(percent, 20);
  assertLess(lines.length, 20);
  assertLess(took, 2000);
  // VMs that were silent meanwhile were not taken for gone, though no probe could be made.
  assertEquals(vswitch.logLines.filter((line) => line.includes("is gone")), []);
  await lab.converse(vms[0], vms[2], 3);
});

Deno.test("vswitch keeps unicast frames private while one VM floods it with 200,000 addresses", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "b.sock", "c.sock", "x.sock"));
  const [attacker, victim, other, sniffer] = ["x", "a", "b", "c"].map((name, i) => {
    return lab.dgram(i + 1, `${name}.sock`);
  });
  await lab.introduce(attacker, victim, other, sniffer);
  let before = 0;
  const frame = makeFrame({ from: 1, to: sniffer.station, seq: 7, length: SHORTEST });
  const random = new Uint32Array(1024);
  const started = performance.now();
  let sent = 0, leaked = 0;
  for (let round = 0; sent < 200_000; round++) {
    if (round === 30) before = vswitch.residentMib(); // the table has long been full
    crypto.getRandomValues(random);
    for (let i = 0; i < random.length; i++) {
      frame[6] = 0x02;
      new DataView(frame.buffer).setUint32(8, random[i]);
      frame[7] = i & 0xff;
      while (!attacker.sendBytes(frame)) lab.kernel.wait(100);
      sent++;
    }
    await lab.converse(victim, other, 1);
    await lab.converse(other, victim, 1);
    sniffer.poll();
    attacker.poll();
    // `from` is the low half of a random address here, so victims are told by what they sent to.
    leaked += [...sniffer.got, ...attacker.got].filter(({ to, seq }) =>
      to !== 4 || seq !== 7
    ).length;
    sniffer.got.length = attacker.got.length = 0;
  }
  const seconds = (performance.now() - started) / 1000;
  const stats = await vswitch.stats();
  const grown = vswitch.residentMib() - before;
  const macs = stats.ports.map((port) => port.macs);
  figure(
    `${sent} addresses in ${seconds.toFixed(1)} s: table ${macs.join(" + ")}, ` +
      `${grown.toFixed(1)} MiB more since it was full, ${leaked} frames of the victims leaked`,
  );
  assertEquals(leaked, 0);
  assertEquals(macs.slice(0, 3), [1, 1, 1], "nobody lost an address of its own");
  assertGreater(macs[3], 1000);
  assertLess(macs[3], 8193);
  assertLess(grown, 10);
  assert(stats.total.balanced);
});

Deno.test("vswitch holds 1,022 VMs on one path, turns the next away, and lets all go", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "lan=stream:b.sock"));
  const vm = lab.dgram(1, "a.sock");
  vm.send(2);
  const before = vswitch.residentMib();
  const path = new TextEncoder().encode(lab.path("b.sock"));
  const fds: number[] = [];
  for (let i = 0; i < 1100; i++) {
    const fd = lab.kernel.socket(SocketType.STREAM);
    fds.push(fd);
    await until("room in the backlog", () => lab.kernel.connect(fd, path) === 0);
  }
  const at = lab.kernel.arena.take(64);
  const turnedAway = () => fds.filter((fd) => lab.kernel.read(fd, at, 64) === 0).length;
  await until("the last 78 to be turned away", () => turnedAway() === 78, 10_000);
  const { ports } = await vswitch.stats();
  const kib = (vswitch.residentMib() - before) / (ports.length - 2) * 1024;
  figure(
    `${ports.length - 2} VMs on one path: ${
      kib.toFixed(0)
    } KiB RSS each; ${turnedAway()} turned away`,
  );
  assertEquals(ports.length, 1024);
  assertLess(kib, 300);
  for (const fd of fds) lab.kernel.close(fd);
  await vswitch.statsWhen("all to be gone", (stats) => stats.ports.length === 2, 10_000);
  const last = lab.keep(new StreamVm(lab.kernel, 2, { path: lab.path("b.sock") }));
  await lab.introduce(vm, last);
  await lab.converse(vm, last, 3);
});
