/**
 * `vswitch self-test` as a user has it: a process, its line and its exit code.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Report } from "../../src/selftest/report.ts";
import { until } from "../support/time.ts";
import { Vswitch } from "../support/vswitch.ts";

/** Run `work` with a folder for temporary files, in which nothing may be left. */
async function inFolder(work: (env: Record<string, string>) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vs." });
  try {
    await work({ TMPDIR: folder });
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The process that was started to ask `name`; 0 when there is none now. */
function asking(vswitch: Vswitch, name: string): number {
  try {
    const { pid } = vswitch;
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).split(" ");
    const found = children.find((child) => {
      return child.trim() !== "" &&
        Deno.readTextFileSync(`/proc/${child}/cmdline`).endsWith(`--only\0${name}\0`);
    });
    return Number(found ?? 0);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0; // it ended meanwhile
    throw error;
  }
}

/** Wait until `name` is asked. */
async function whenAsked(vswitch: Vswitch, name: string): Promise<number> {
  let pid = 0;
  await until(`the process that asks ${name}`, () => (pid = asking(vswitch, name)) > 0, 10_000);
  return pid;
}

Deno.test("vswitch self-test --json prints one line that says that this system is fine", async () => {
  await using vswitch = new Vswitch(["self-test", "--json"]);
  const { code } = await vswitch.ended();
  assertEquals([code, vswitch.log], [0, ""], vswitch.lines.join("\n"));
  assertEquals(vswitch.lines.length, 1);
  const report = JSON.parse(vswitch.lines[0]) as Report;
  assertEquals([report.event, report.ok, report.os], ["self-test", true, Deno.build.os]);
  assert(report.probes.every(({ ok }) => ok));
});

Deno.test("vswitch self-test ends with 1 and names the probe whose process ends, and its signal", async () => {
  await inFolder(async (env) => {
    await using vswitch = new Vswitch(["self-test", "--json"], { env });
    Deno.kill(await whenAsked(vswitch, "timer"), "SIGKILL");
    Deno.kill(await whenAsked(vswitch, "wake"), "SIGABRT");
    assertEquals((await vswitch.ended()).code, 1, vswitch.log);
    assertEquals(vswitch.lines.length, 1);
    const { probes, failed } = JSON.parse(vswitch.lines[0]) as Report;
    assertEquals(failed, ["timer", "wake"], vswitch.lines[0]);
    assertEquals(probes.length, 17);
    assertMatch(
      vswitch.log,
      /^vswitch: Probe timer failed: its process was ended by SIGKILL\nProbe wake failed: .* SIGABRT\nThis/,
    );
  });
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`vswitch self-test stops on ${signal}, tells what it knows, and leaves nothing behind`, async () => {
    await inFolder(async (env) => {
      await using vswitch = new Vswitch(["self-test", "--json"], { env });
      const pid = await whenAsked(vswitch, "nonblocking");
      const { code } = await vswitch.stop(signal);
      assertEquals([code, vswitch.log], [1, `vswitch: The self-test was ended by ${signal}\n`]);
      assertEquals(vswitch.lines.length, 1);
      const { ok, endedBy, failed, probes } = JSON.parse(vswitch.lines[0]) as Report;
      assertEquals([ok, endedBy, failed], [false, signal, []]);
      assertEquals(probes.slice(0, 2).map(({ name }) => name), ["layouts", "memory"]);
      assert(probes.length < 17 && !isThere(pid));
    });
  });
}

Deno.test("vswitch self-test takes Ctrl-C for an end and not for a fault of the system", async () => {
  await inFolder(async (env) => {
    await using vswitch = new Vswitch(["self-test", "--json"], { env });
    // A terminal tells all of its processes, in any order.
    const pid = await whenAsked(vswitch, "wake");
    Deno.kill(pid, "SIGINT");
    await until("its end", () => !isThere(pid));
    assertEquals((await vswitch.stop("SIGINT")).code, 1);
    const { endedBy, failed } = JSON.parse(vswitch.lines[0]) as Report;
    assertEquals([endedBy, failed], ["SIGINT", []]);
  });
});

Deno.test("vswitch self-test shows a label while its question is asked", async () => {
  await inFolder(async (env) => {
    await using vswitch = new Vswitch(["self-test"], { env });
    await whenAsked(vswitch, "errno");
    assertEquals((await vswitch.stop()).code, 1);
    assertMatch(vswitch.lines.join("\n"), / 4 {2}calls that must fail .* \.\.\. $/);
    assertEquals(vswitch.log, "vswitch: The self-test was ended by SIGTERM\n");
  });
});

Deno.test("vswitch self-test --only asks one question and starts no process for it", async () => {
  await inFolder(async (env) => {
    await using vswitch = new Vswitch(["self-test", "--only", "bulk", "--json"], { env });
    const { code } = await vswitch.ended();
    const { ok, probes } = JSON.parse(vswitch.lines[0]) as Report;
    assertEquals([code, ok, probes.map(({ name }) => name)], [0, true, ["bulk"]]);
  });
});

Deno.test("vswitch self-test ends with 2 when sockets do not fit into the temporary folder", async () => {
  const folder = await Deno.makeTempDir({ prefix: `vs.${"x".repeat(100)}` });
  try {
    await using vswitch = new Vswitch(["self-test", "--json"], { env: { TMPDIR: folder } });
    assertEquals((await vswitch.ended()).code, 2, vswitch.log);
    assertEquals(vswitch.lines, []);
    assertMatch(
      vswitch.log,
      /^vswitch: Cannot put sockets .*; write TMPDIR=\/tmp vswitch self-test\n$/,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function isThere(pid: number): boolean {
  try {
    return Deno.statSync(`/proc/${pid}`).isDirectory;
  } catch {
    return false;
  }
}
