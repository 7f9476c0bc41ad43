/**
 * `vswitch self-test` as a user has it: a process, its line and its exit code.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Report } from "../../src/selftest/report.ts";
import { Vswitch } from "../support/vswitch.ts";

Deno.test("vswitch self-test --json prints one line that says that this system is fine", async () => {
  await using vswitch = new Vswitch(["self-test", "--json"]);
  const { code } = await vswitch.ended();
  assertEquals([code, vswitch.log], [0, ""], vswitch.lines.join("\n"));
  assertEquals(vswitch.lines.length, 1);
  const report = JSON.parse(vswitch.lines[0]) as Report;
  assertEquals([report.event, report.ok, report.os], ["self-test", true, Deno.build.os]);
  assert(report.probes.every(({ ok }) => ok));
});

Deno.test("vswitch self-test ends with 1 and names the probe when the system does not do", async () => {
  // Socket paths end at 107 bytes, and the folder for them is to lie deeper.
  const folder = await Deno.makeTempDir({ prefix: `vs.${"x".repeat(100)}` });
  try {
    await using vswitch = new Vswitch(["self-test", "--json"], { env: { TMPDIR: folder } });
    assertEquals((await vswitch.ended()).code, 1, vswitch.log);
    const report = JSON.parse(vswitch.lines[0]) as Report;
    assert(report.failed.includes("layouts"), vswitch.lines[0]);
    assertMatch(vswitch.log, /^vswitch: Probe layouts failed: .*set TMPDIR to a shorter one/);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("vswitch self-test stops on SIGTERM and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir({ prefix: "vs." });
  try {
    await using vswitch = new Vswitch(["self-test"], { env: { TMPDIR: folder } });
    while (vswitch.alive && vswitch.lines.length < 3) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { code } = await vswitch.stop();
    assertEquals(code, 1, vswitch.log);
    assertMatch(vswitch.log, /vswitch: The self-test was ended by SIGTERM\n/);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
