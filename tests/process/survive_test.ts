import { assert, assertEquals, assertLess } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, pause, until } from "../support/time.ts";
import { Vswitch } from "../support/vswitch.ts";

const PORTS = ["a.sock", "stream:b.sock"];

/** Two VMs talk through the switch, then it ends as it should. */
async function works(lab: ProcessLab, vswitch: Vswitch): Promise<void> {
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock")];
  await lab.introduce(...vms);
  await lab.converse(vms[0], vms[1], 5);
  await lab.converse(vms[1], vms[0], 5);
  const { code, ms } = await vswitch.stop();
  assertEquals(code, 0, vswitch.log);
  assertLess(ms, 1500);
}

for (const signal of ["SIGHUP", "SIGPIPE", "SIGWINCH", "SIGURG", "SIGCHLD"] as const) {
  Deno.test(`vswitch survives ${signal}`, async () => {
    await using lab = new ProcessLab();
    const vswitch = await lab.start(lab.ports(...PORTS));
    for (let i = 0; i < 3; i++) {
      vswitch.signal(signal);
      await pause(20);
    }
    await works(lab, vswitch);
  });
}

for (const [what, redirect] of Object.entries({ stdin: "<&-", stdout: ">&-", stderr: "2>&-" })) {
  Deno.test(`vswitch runs with ${what} closed from the start`, async () => {
    await using lab = new ProcessLab();
    const ready = what === "stdout" ? ["--ready-fd", "2"] : [];
    const args = ["--stats-interval", "0.1", ...ready, ...lab.ports(...PORTS)];
    const vswitch = await lab.start(args, { redirect });
    await pause(250);
    await works(lab, vswitch);
  });
}

Deno.test("vswitch survives readers of stdout and stderr that go away", async () => {
  await using lab = new ProcessLab();
  for (const name of ["out", "err"]) {
    assert((await new Deno.Command("mkfifo", { args: [lab.path(name)] }).output()).success);
  }
  const args = ["--stats-interval", "0.1", "--log-level", "debug", ...lab.ports(...PORTS)];
  const vswitch = lab.launch(args, { redirect: `> ${lab.path("out")} 2> ${lab.path("err")}` });
  const out = await Deno.open(lab.path("out"));
  const err = await Deno.open(lab.path("err"));
  const first = new Uint8Array(10_000);
  await out.read(first);
  out.close();
  err.close();
  await pause(350); // three statistics lines fail with EPIPE
  await works(lab, vswitch);
});

Deno.test("vswitch is not stopped by a stdout and a stderr that nobody reads", async () => {
  await using lab = new ProcessLab();
  const pidFile = lab.path("pid");
  const ports = Array.from({ length: 12 }, (_, i) => `p${i}=stream:s${i}`);
  const vswitch = lab.launch(
    ["--ready-fd", "2", "--stats-interval", "0.1", "--pid-file", pidFile].concat(
      lab.ports(...PORTS, ...ports),
    ),
    { holdStdout: true },
  );
  await vswitch.ready();
  for (let i = 0; i < 60; i++) { // 60 reports of 4 KB into a pipe of 64 KB
    vswitch.signal("SIGUSR1");
    await pause(3);
  }
  await works(lab, vswitch);
});

Deno.test("vswitch ends with 0 on many signals while nobody reads what it says", async () => {
  await using lab = new ProcessLab();
  const ports = Array.from({ length: 12 }, (_, i) => `p${i}=stream:s${i}`);
  const args = ["--ready-fd", "2", ...lab.ports(...ports)];
  const vswitch = lab.launch(args, { holdStdout: true });
  await vswitch.ready();
  for (let i = 0; i < 60; i++) {
    vswitch.signal("SIGUSR1");
    await pause(3);
  }
  const { code, ms } = await vswitch.stop(...Array(200).fill("SIGTERM"));
  figure(`SIGTERM every 2 ms, stdout full: ended after ${ms.toFixed(0)} ms`);
  assertEquals(code, 0, vswitch.log);
});

Deno.test("vswitch goes on where it was after SIGSTOP for 2 s and SIGCONT", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports(...PORTS));
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock")];
  await lab.introduce(...vms);
  const before = await vswitch.statsWhen("both addresses to be known", ({ ports }) => {
    return ports.reduce((sum, port) => sum + port.macs, 0) === 2;
  });
  vswitch.signal("SIGSTOP");
  await pause(1000);
  let sent = 0;
  for (; sent < 50 && vms[0].send(2); sent++);
  await pause(1000);
  vswitch.signal("SIGCONT");
  const gap = await until("the frames sent meanwhile", () => {
    vms[1].poll();
    return vms[1].from(1).length === sent;
  });
  figure(`${sent} frames sent during SIGSTOP arrived ${gap.toFixed(0)} ms after SIGCONT`);
  await lab.converse(vms[1], vms[0], 20);
  const stats = await vswitch.stats();
  const macs = (of: typeof stats) => of.ports.map((port) => port.macs);
  assertEquals(macs(stats), macs(before));
  assertEquals(stats.total.drops, before.total.drops);
  assertEquals((await vswitch.stop()).code, 0);
});
