/**
 * The real process under strace: every call of the data path fails in every way it can, while VMs talk.
 *
 * Each row is a process of its own. It must live, serve what the fault did not take, serve everything once the
 * faults are over, account for every frame, and end with 0.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, pause, until } from "../support/time.ts";
import { Vswitch } from "../support/vswitch.ts";
import { type FaultRow, FAULTS, START_FAULTS } from "./faults.ts";
import { injected, injecting, straceTest, traced } from "./strace.ts";
import { PORTS, Traffic } from "./traffic.ts";

/** Go on until the faults are over: strace's `when=a..b` counts calls. */
async function exhaust(row: FaultRow, traffic: Traffic, output: string): Promise<void> {
  const last = Number(/\.\.(\d+)/.exec(row.what)![1]);
  for (let i = 0; traced(output) <= last; i++) {
    assertLess(i, 40, `only ${traced(output)} calls of ${row.call}, ${last} were due`);
    await traffic.talk(10);
    if (row.cost === "connections") await traffic.meet();
  }
}

/** Talk during the faults; what arrives depends on what they may cost. Returns frames sent and lost. */
async function talkThrough(row: FaultRow, traffic: Traffic, output: string) {
  await traffic.meet();
  const sent = await traffic.talk(40);
  if (row.cost === "nothing") {
    await until(`all ${sent} frames to arrive`, () => traffic.arrived === sent);
  }
  await traffic.settle();
  const lost = sent - traffic.arrived;
  if (row.cost !== "connections") traffic.checkOrder();
  if (row.cost === "a frame each") {
    assert(lost > 0 && lost <= injected(output), `${lost} lost in ${injected(output)} faults`);
  }
  return { sent, lost };
}

async function judge(row: FaultRow): Promise<void> {
  await using lab = new ProcessLab();
  const output = lab.path("strace");
  const wrap = injecting(row.call, row.what, output);
  const vswitch = await lab.start(lab.ports(...PORTS), { wrap });
  const traffic = new Traffic(lab);
  const { sent, lost } = await talkThrough(row, traffic, output);
  await exhaust(row, traffic, output);

  await traffic.meet();
  const after = await traffic.talk(10);
  await until(`all ${after} frames after the faults`, () => traffic.arrived === after);
  traffic.checkOrder();
  assertEquals(traffic.partial, 0);

  await pause(50); // the counters of an idle engine are 20 ms old at most
  const { total } = await vswitch.stats();
  assert(total.balanced, JSON.stringify(total));
  const { code, ms } = await vswitch.stop();
  assertEquals(code, 0, vswitch.log);
  assert(injected(output) > 0, "the fault has happened");
  figure(
    `${
      injected(output)
    } faults: ${lost} of ${sent} frames lost, ${traffic.reconnects} reconnects, ` +
      `${total.drops} drops counted; ended after ${ms.toFixed(0)} ms`,
  );
  if (row.cost !== "connections") assertEquals(traffic.reconnects, 0);
}

for (const row of FAULTS) {
  straceTest(`${row.call} ${row.what} costs ${row.cost}`, () => judge(row));
}

for (const { call, error, when, port } of START_FAULTS) {
  straceTest(`${call} error=${error} at start is told with port "${port}" and exit 1`, async () => {
    await using lab = new ProcessLab();
    const output = lab.path("strace");
    const wrap = injecting(call, `error=${error}:when=${when}`, output);
    await using vswitch = new Vswitch(lab.ports("a.sock", "lan=stream:b.sock"), { wrap });
    const { code } = await vswitch.ended();
    assert(injected(output) > 0, "the fault has happened");
    assertEquals(code, 1, vswitch.log);
    assertMatch(vswitch.log, new RegExp(`^vswitch: Cannot open port "${port}": `, "m"));
    assertEquals(vswitch.lines, []);
    const left = [...Deno.readDirSync(lab.folder)].map(({ name }) => name);
    assertEquals(left, ["strace"]);
  });
}
