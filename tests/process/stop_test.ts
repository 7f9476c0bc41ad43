import { assert, assertEquals, assertLess } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, pause, until } from "../support/time.ts";

/** The promise is 500 ms; the machine may be busy with other things. */
const SLACK_MS = 1500;

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`vswitch ends with 0 on ${signal} and takes its files along`, async () => {
    await using lab = new ProcessLab();
    const args = ["--pid-file", lab.path("pid"), ...lab.ports("a.sock", "stream:b.sock")];
    const vswitch = await lab.start(args);
    await until("the pid file", () => names(lab.folder).includes("pid"));
    const { code, ms } = await vswitch.stop(signal);
    figure(`${signal}, idle: ended after ${ms.toFixed(0)} ms`);
    assertEquals(code, 0, vswitch.log);
    assertEquals(names(lab.folder), []);
    assertLess(ms, SLACK_MS);
  });
}

Deno.test("vswitch ends with 0 when it is told more than once", async () => {
  for (const signals of [["SIGTERM", "SIGTERM"], ["SIGINT", "SIGTERM", "SIGTERM"]] as const) {
    await using lab = new ProcessLab();
    const vswitch = await lab.start(lab.ports("a.sock", "stream:b.sock"));
    const vm = await lab.process({
      like: "stream",
      name: "b.sock",
      station: 1,
      to: 2,
      role: "quiet",
    });
    await stick(lab, vm, vswitch);
    const { code, ms } = await vswitch.stop(...signals);
    figure(`${signals.join(", ")}: ended after ${ms.toFixed(0)} ms`);
    assertEquals(code, 0, vswitch.log);
    assertEquals(names(lab.folder), names(lab.folder).filter((name) => name.startsWith("vm")));
    assertLess(ms, SLACK_MS);
  }
});

/** Stop a VM and send it frames until one is cut, so that the switch has something to finish. */
async function stick(
  lab: ProcessLab,
  vm: { freeze(): Promise<void> },
  vswitch: { stats(): Promise<{ total: { queued: number } }> },
) {
  await vm.freeze();
  const sender = lab.dgram(2, "a.sock");
  await until("frames to wait for the stopped VM", async () => {
    for (let i = 0; i < 200; i++) sender.send(1, 1514);
    return (await vswitch.stats()).total.queued > 0;
  });
}

Deno.test("vswitch ends with 0 under full load with 8 ports and a stopped VM", async () => {
  await using lab = new ProcessLab();
  const dgrams = ["d1.sock", "d2.sock", "d3.sock", "d4.sock"];
  const streams = ["s1.sock", "s2.sock", "s3.sock", "s4.sock"];
  const vswitch = await lab.start(lab.ports(...dgrams, ...streams.map((s) => `stream:${s}`)));
  const stuck = await lab.process(
    { like: "stream", name: "s4.sock", station: 8, to: 1, role: "quiet" },
  );
  await stuck.freeze();
  // Each blaster sends to the next, the last one to the stopped VM.
  for (const [i, name] of ["d1.sock", "s1.sock", "d2.sock"].entries()) {
    const like = name.startsWith("d") ? "vfkit" as const : "stream" as const;
    const to = [2, 3, 8][i];
    await lab.process({ like, name, station: i + 1, to, role: "blast", length: 1514 });
  }
  for (const [i, name] of ["d3.sock", "d4.sock"].entries()) lab.dgram(4 + i, name);
  for (const [i, name] of ["s2.sock", "s3.sock"].entries()) lab.stream(6 + i, name);
  const before = await vswitch.stats();
  await pause(500);
  const after = await vswitch.statsWhen("the stopped VM's queue to be full", ({ ports }) => {
    return ports.some(({ drops }) => (drops["queue-full"] ?? 0) > 0);
  });
  const rate = (after.total.rx - before.total.rx) / (after.uptime_ms - before.uptime_ms);
  const { code, ms } = await vswitch.stop();
  figure(
    `SIGTERM at ${rate.toFixed(0)} frames/ms, one VM stopped: ended after ${ms.toFixed(0)} ms`,
  );
  assertEquals(code, 0, vswitch.log);
  assert(!names(lab.folder).some((name) => name.endsWith(".sock")), names(lab.folder).join(" "));
  assertLess(ms, SLACK_MS);
});

Deno.test("vswitch leaves files that have taken the place of its own", async () => {
  await using lab = new ProcessLab();
  const pidFile = lab.path("pid");
  const vswitch = await lab.start(
    ["--pid-file", pidFile, ...lab.ports("a.sock", "stream:b.sock", "c.sock,clients=many")],
  );
  await until("the pid file", () => names(lab.folder).includes("pid"));
  for (const name of ["a.sock", "b.sock", "c.sock", "pid"]) {
    Deno.removeSync(lab.path(name));
    Deno.writeTextFileSync(lab.path(name), `not yours: ${name}`);
  }
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
  for (const name of ["a.sock", "b.sock", "c.sock", "pid"]) {
    assertEquals(Deno.readTextFileSync(lab.path(name)), `not yours: ${name}`);
  }
});
