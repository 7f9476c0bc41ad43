/**
 * The self-test as a whole, over the real machine and over threads that fail in each way.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Failure } from "../../src/control/failure.ts";
import { PROBES } from "../../src/selftest/probes.ts";
import type { Report } from "../../src/selftest/report.ts";
import { selfTest } from "../../src/selftest/selftest.ts";
import { runProbe } from "../../src/selftest/watchdog.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

/** Run the self-test with a folder for temporary files of its own, which has to be empty afterwards. */
async function shown(
  url: string,
  json: boolean,
): Promise<{ code: number; out: string; err: string }> {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  let out = "", err = "";
  try {
    const outputs = { out: (part: string) => out += part, err: (part: string) => err += part };
    const code = await selfTest({ url, version: "1.2.3" }, json, outputs);
    assertEquals([...Deno.readDirSync(folder)], []);
    return { code, out, err };
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
    await Deno.remove(folder, { recursive: true });
  }
}

/** A Worker that stands in for the program's threads: `answer` for a probe, given as `task`. */
function fakeThreads(answer: string): string {
  const script = `
    if (name.startsWith("self-test ")) {
      const task = JSON.parse(name.slice("self-test ".length));
      ${answer}
    } else {
      onmessage = ({ data: command }) => {
        if (command.kind === "open") {
          postMessage({ kind: "failed", message: "Cannot open port: no room", usage: false });
        }
        if (command.kind === "stop") { postMessage({ kind: "stopped" }); close(); }
      };
    }`;
  return `data:application/javascript,${encodeURIComponent(script)}`;
}

const PASSES = `postMessage({ ok: true, details: "fine", figures: { one: 1 } }); close();`;

Deno.test("selfTest() passes here and prints one line of JSON", async () => {
  const { code, out, err } = await shown(MAIN, true);
  assertEquals([code, err], [0, ""], out);
  assertEquals(out.split("\n").length, 2);
  const report = JSON.parse(out) as Report;
  assertEquals([report.event, report.ok, report.failed], ["self-test", true, []]);
  assertEquals([report.version, report.deno], ["1.2.3", Deno.version.deno]);
  assertEquals([report.os, report.arch], [Deno.build.os, Deno.build.arch]);
  const names = [...PROBES.map(({ name }) => name), "traffic"];
  assertEquals(report.probes.map(({ name }) => name), names);
  for (const probe of report.probes) assert(Object.keys(probe.figures).length > 0, probe.name);
  assertEquals(report.probes.at(-1)!.steps?.length, 11);
});

Deno.test("selfTest() shows each probe and each step of the traffic", async () => {
  const { code, out } = await shown(MAIN, false);
  assertEquals(code, 0, out);
  const lines = out.split("\n").filter((line) => /^[ \d]\d {2}/.test(line));
  assertEquals(lines.length, PROBES.length + 11);
  for (const line of lines) assertMatch(line, / \.\.\. ok/);
  assertMatch(out, /\nAll \d+ probes passed: vswitch 1\.2\.3 on /);
});

Deno.test("selfTest() goes on behind a failing probe, names it and ends with 1", async () => {
  const url = fakeThreads(`
    if (task.probe === "full") { postMessage({ ok: false, details: "no way back" }); close(); }
    else { ${PASSES} }`);
  const { code, out } = await shown(url, false);
  assertEquals(code, 1);
  assertMatch(out, /a full peer is told.* \.\.\. FAILED\n/);
  assertMatch(out, /\n16 {2}a sleeping thread .* ok, fine\n/);
  assertStringIncludes(out, "\nProbe full failed: no way back\n");
  assertMatch(out, /\nProbe traffic failed: start a switch .*: Cannot open port: no room\n/);
});

Deno.test("selfTest() prints the same as one line of JSON, and what failed to stderr", async () => {
  const url = fakeThreads(`
    if (task.probe === "bulk") throw new Error("boom");
    else { ${PASSES} }`);
  const { code, out, err } = await shown(url, true);
  assertEquals(code, 1);
  const report = JSON.parse(out) as Report;
  assertEquals(out, JSON.stringify(report) + "\n");
  assertEquals([report.ok, report.failed], [false, ["bulk", "traffic"]]);
  assertMatch(report.probes.find(({ name }) => name === "bulk")!.details, /boom/);
  assertEquals(report.probes[0].figures, { one: 1 });
  assertEquals(report.probes.at(-1)!.steps?.map(({ ok }) => ok), [false]);
  assertMatch(err, /^vswitch: Probe bulk failed: .*boom/);
});

Deno.test("selfTest() says what to do when there is no place for its sockets", async () => {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", "/nonexistent");
  try {
    await assertRejects(() => selfTest({ url: MAIN, version: "0" }, true), Failure, "set TMPDIR");
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
});

Deno.test("runProbe() does not wait for a probe that hangs", async () => {
  // It ends by itself some time later, as a thread of the program would not.
  const url = fakeThreads(`
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
    close();`);
  const outcome = await runProbe(url, "wake", "/tmp", 50);
  assertEquals(outcome, {
    ok: false,
    details: "it did not end within 0.05 s: a call waits that must not",
    hangs: true,
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
});
