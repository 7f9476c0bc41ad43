import { assert, assertEquals, assertLess, assertMatch, assertNotMatch } from "@std/assert";
import type { StatsReport } from "../../src/control/reports.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { DgramVm } from "../support/dgram_vm.ts";
import { descriptorsOf } from "../support/proc.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, pause, until } from "../support/time.ts";

/** rx + copies + segments + merges - tx - drops - queued - segmented - merged, by the ports' own figures. */
function balance({ ports }: StatsReport): number {
  return ports.reduce((sum, { rx, tx, copies, drops, queued, offload }) => {
    const { segmented, segments, merged, merges } = offload;
    const begun = rx.frames + copies + segments + merges;
    return sum + begun - tx.frames - drops.total - queued - segmented - merged;
  }, 0);
}

Deno.test("vswitch answers each SIGUSR1 and SIGUSR2 with one line that balances, also under load", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "stream:b.sock", "c.sock"));
  const sink = await lab.process(
    { like: "stream", name: "b.sock", station: 2, to: 1, role: "quiet" },
  );
  await lab.process({ like: "vfkit", name: "a.sock", station: 1, to: 2, role: "blast" });
  const listener = lab.dgram(3, "c.sock");
  listener.send(1);
  for (let i = 0; i < 20; i++) {
    if (i === 10) await sink.freeze();
    const before = vswitch.lines.length;
    const stats = await vswitch.stats(i % 2 === 0 ? "SIGUSR1" : "SIGUSR2");
    await pause(25);
    assertEquals(vswitch.lines.length, before + 1, "one line for one signal");
    assert(stats.total.balanced, JSON.stringify(stats));
    assertEquals(balance(stats), 0, JSON.stringify(stats));
    listener.poll();
  }
  const stats = await vswitch.stats();
  figure(`balanced 20 times while ${stats.total.rx} frames passed and the receiver was stopped`);
  assert(stats.total.rx > 1000);
});

/** Ports of TCP sockets a process listens on. */
function tcpListeners(pid: number): number[] {
  const own = new Set(descriptorsOf(pid));
  const rows = Deno.readTextFileSync(`/proc/${pid}/net/tcp`).trim().split("\n").slice(1);
  return rows.map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && own.has(`socket:[${fields[9]}]`))
    .map((fields) => parseInt(fields[1].split(":")[1], 16));
}

Deno.test("vswitch leaves no debugger behind that the runtime opens on SIGUSR1", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock"));
  await pause(800); // the runtime listens to SIGUSR1 half a second after its start
  const before = vswitch.fds().length;
  let longest = 0;
  for (let i = 0; i < 3; i++) {
    await vswitch.stats("SIGUSR1");
    await pause(100); // it would be open by now
    longest = Math.max(
      longest,
      await until("no port to be open", () => {
        return tcpListeners(vswitch.pid).length === 0;
      }),
    );
  }
  await vswitch.stats("SIGUSR2");
  await pause(100);
  assertEquals(tcpListeners(vswitch.pid), []);
  figure(`no TCP port is open after SIGUSR1; ${vswitch.fds().length - before} fds more`);
});

Deno.test("vswitch writes a line every --stats-interval, and a last one", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(["--stats-interval", "0.2", ...lab.ports("a.sock", "b.sock")]);
  const vms = [lab.dgram(1, "a.sock"), lab.dgram(2, "b.sock")];
  await lab.introduce(...vms);
  await lab.converse(vms[0], vms[1], 10);
  await pause(700);
  const before = vswitch.reports.length;
  assertEquals((await vswitch.stop()).code, 0);
  const reports = vswitch.reports;
  assert(before >= 2 && reports.length === before + 1, `${before}, then ${reports.length}`);
  const last = reports.at(-1)!;
  assertEquals(last.ports.map(({ name, tx }) => [name, tx.frames >= 1]), [["a", true], [
    "b",
    true,
  ]]);
  assert(last.ports[1].tx.frames >= 10);
  assert(last.total.balanced);
  for (const { time } of reports) assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

Deno.test("vswitch tells the policy of every port and client beside its counters, as when it was ready", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(
    lab.ports("a.sock,client=krunkit-offload", "lan=stream:b.sock,sends=csum"),
  );
  lab.stream(2, "b.sock");
  const { ports } = await vswitch.statsWhen("the client", ({ ports }) => ports.length === 3);
  const [a, lan] = (await vswitch.ready()).ports.map(({ offload }) => offload);
  assertEquals([a.asked, lan.asked], ["client=krunkit-offload", "sends=csum"]);
  assertEquals(
    ports.map(({ name, offload: { asked, sends, accepts } }) => ({ name, asked, sends, accepts })),
    Object.entries({ a, lan, "lan.1": lan }).map(([name, { asked, sends, accepts }]) => {
      return { name, asked, sends, accepts };
    }),
  );
});

/** Let VMs come and go in every way that is worth a line. */
async function busyLife(lab: ProcessLab): Promise<void> {
  const dgram = lab.dgram(1, "a.sock"), stream = lab.stream(2, "b.sock");
  await lab.introduce(dgram, stream);
  stream.sendRaw(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await until("the bad stream to be closed", () => (stream.poll(), stream.ended));
  const again = lab.stream(3, "b.sock");
  await until("a frame", () => {
    again.send(1);
    return dgram.poll() > 0;
  });
  again.close();
  dgram.close();
  const mover = lab.stream(1, "b.sock"); // the address of the VM that left
  mover.send(0xffff);
  await pause(100);
}

Deno.test("vswitch logs by port names, with microseconds, and no descriptor numbers", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start([
    "--log-level",
    "debug",
    ...lab.ports("a.sock", "lan=stream:b.sock"),
  ]);
  await busyLife(lab);
  await vswitch.stop();
  const line =
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} (debug|info |warn |error) (a: |lan(\.\d+)?: |datagrams go by |stopping)/;
  for (const each of vswitch.logLines) {
    assertMatch(each, line);
    assertNotMatch(each, /\bfd \d|descriptor \d/);
  }
  assertMatch(vswitch.log, / a: VM connected: pid \d+ at /);
  assertMatch(vswitch.log, / lan\.1: VM connected: pid \d+/);
  assertMatch(vswitch.log, / lan\.1: VM disconnected: it sent "GET " where a frame length belongs/);
});

Deno.test("vswitch --log-json writes every line as JSON", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(["--log-json", ...lab.ports("a.sock", "lan=stream:b.sock")]);
  await busyLife(lab);
  await vswitch.stop();
  const records = vswitch.logLines.map((line) => JSON.parse(line));
  for (const record of records) {
    assertEquals(Object.keys(record), ["time", "level", "port", "text"]);
    assertMatch(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  }
  assert(records.some(({ port, text }) => port === "lan.1" && text.startsWith("VM connected")));
  assert(vswitch.lines.every((line) => JSON.parse(line).event === "ready"));
});

Deno.test("vswitch --quiet says nothing as long as nothing is wrong", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(["--quiet", ...lab.ports("a.sock", "stream:b.sock")]);
  await lab.introduce(lab.dgram(1, "a.sock"), lab.stream(2, "b.sock"));
  await vswitch.stop();
  assertEquals(vswitch.log, "");
});

Deno.test("vswitch writes few lines about 100,000 bad datagrams", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "b.sock"));
  const started = performance.now();
  // No address to answer to: each is worth a warning.
  const fd = lab.kernel.socket(SocketType.DGRAM);
  lab.kernel.connect(fd, new TextEncoder().encode(lab.path("a.sock")));
  const stranger = lab.keep(new DgramVm(lab.kernel, 1, { fd }));
  const bad = new Uint8Array(13);
  let sent = 0;
  while (sent < 100_000) {
    await pause(0);
    for (const end = performance.now() + 50; performance.now() < end && sent < 100_000;) {
      // The kernel queues ten datagrams of a stranger; the switch takes some 10 us for each.
      if (stranger.sendBytes(bad)) sent++;
      else lab.kernel.wait(50);
    }
  }
  const stats = await vswitch.statsWhen("all to be counted", ({ total }) => total.drops >= sent);
  const seconds = (performance.now() - started) / 1000;
  const lines = vswitch.logLines.filter((line) => line.includes("dropped a datagram"));
  figure(`${sent} bad datagrams in ${seconds.toFixed(1)} s: ${lines.length} log lines`);
  assertEquals(stats.ports[0].drops, { stranger: sent, total: sent });
  assert(lines.length >= 1);
  assertLess(lines.length, 8 + seconds + 2);
  assertMatch(lines.at(-1)!, /records left out before this/);
});

Deno.test("vswitch answers every demand for counters, however soon it comes after the last", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a=dgram:a.sock"));
  for (let i = 0; i < 100; i++) await vswitch.stats();
  assertEquals(vswitch.reports.length, 100);
});
