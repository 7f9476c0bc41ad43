/**
 * The self-test as a whole, over the real machine and over processes that end in each way.
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
import { SELF_TEST_OPTIONS } from "../../src/cli/options.ts";
import { Failure } from "../../src/control/failure.ts";
import { QUESTIONS } from "../../src/selftest/questions.ts";
import type { Report } from "../../src/selftest/report.ts";
import { type SelfTest, selfTest } from "../../src/selftest/selftest.ts";
import { CRASH, standIn } from "./stand_in.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;
const NAMES = QUESTIONS.map(({ name }) => name);

/** Do something with this folder for temporary files. */
async function withTmpdir<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  try {
    return await work();
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
}

/** Run the self-test with a folder for temporary files of its own, which has to be empty afterwards. */
async function shown(
  url: string,
  how: SelfTest,
): Promise<{ code: number; out: string; err: string }> {
  const folder = await Deno.makeTempDir({ prefix: "vs." });
  let out = "", err = "";
  try {
    const outputs = { out: (part: string) => out += part, err: (part: string) => err += part };
    const code = await withTmpdir(folder, () => {
      return selfTest({ url, version: "1.2.3" }, how, outputs);
    }).catch((error) => {
      if (!(error instanceof Failure)) throw error;
      err += error.message;
      return error.exitCode;
    });
    assertEquals([...Deno.readDirSync(folder)], []);
    return { code, out, err };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("selfTest() passes here and prints one line of JSON", async () => {
  const { code, out, err } = await shown(MAIN, { json: true });
  assertEquals([code, err], [0, ""], out);
  assertEquals(out.split("\n").length, 2);
  const report = JSON.parse(out) as Report;
  assertEquals([report.event, report.ok, report.failed], ["self-test", true, []]);
  assertEquals([report.version, report.deno], ["1.2.3", Deno.version.deno]);
  assertEquals([report.os, report.arch], [Deno.build.os, Deno.build.arch]);
  assertEquals(report.probes.map(({ name }) => name), NAMES);
  for (const probe of report.probes) assert(Object.keys(probe.figures).length > 0, probe.name);
  assertEquals(report.probes.at(-1)!.steps?.length, 11);
});

Deno.test("selfTest() shows each question, and the steps of the traffic below it", async () => {
  const url = standIn(`
    const steps = [{ step: "start", ok: true, result: "in 1 ms" }, { step: "go", ok: true, result: "" }];
    if (name === "traffic") answer(true, "2 steps", { steps });`);
  const { code, out } = await shown(url, { json: false });
  assertEquals(code, 0, out);
  const lines = out.split("\n").filter((line) => /^[ \d]\d {2}/.test(line));
  assertEquals(lines.length, NAMES.length);
  for (const line of lines) assertMatch(line, / \.\.\. ok, /);
  assertMatch(out, /\n17 {2}two hosts .* ok, 2 steps\n {6}start: in 1 ms\n {6}go\n/);
  assertMatch(out, /\nAll 17 probes passed: vswitch 1\.2\.3 on /);
});

Deno.test("selfTest() asks one question alone, in this process", async () => {
  const text = await shown(MAIN, { json: false, only: "memory" });
  assertEquals(text.code, 0, text.out);
  assertMatch(text.out, /\n 1 {2}memory given back .* ok, /);
  assertMatch(text.out, /\nProbe memory passed: vswitch 1\.2\.3 on /);
  const json = await shown(MAIN, { json: true, only: "traffic" });
  const report = JSON.parse(json.out) as Report;
  assertEquals([json.code, report.ok], [0, true], json.out);
  assertEquals(report.probes.map(({ name, steps }) => [name, steps?.length]), [["traffic", 11]]);
});

Deno.test("selfTest() can be asked for each of its questions", () => {
  assertEquals([...SELF_TEST_OPTIONS.only.value.values], NAMES);
});

Deno.test("selfTest() goes on behind a failing probe, names it and ends with 1", async () => {
  const url = standIn(`if (name === "full") answer(false, "no way back");`);
  const { code, out } = await shown(url, { json: false });
  assertEquals(code, 1);
  assertMatch(out, /a full peer is told.* \.\.\. FAILED\n/);
  assertMatch(out, /\n16 {2}a sleeping thread .* ok, fine\n/);
  assertStringIncludes(out, "\nProbe full failed: no way back\n");
});

Deno.test("selfTest() tells of a question that brings its process down, and asks the others", async () => {
  const url = standIn(`
    if (name === "layouts") { ${CRASH} }
    if (name === "bulk") {
      await Deno.stderr.write(new TextEncoder().encode("\\x1b[31mmalloc\\x1b[0m:\\n\\tcorrupt\\x07"));
      Deno.kill(Deno.pid, "SIGABRT");
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    }
    if (name === "traffic") {
      const steps = [{ step: "start", ok: false, result: "no room" }];
      answer(false, "start: no room", { steps });
    }`);
  const { code, out, err } = await shown(url, { json: true });
  assertEquals(code, 1);
  const report = JSON.parse(out) as Report;
  assertEquals(out, JSON.stringify(report) + "\n");
  assertEquals([report.ok, report.failed], [false, ["layouts", "bulk", "traffic"]]);
  assertEquals(report.probes.map(({ name }) => name), NAMES);
  const told = report.probes.filter(({ ok }) => !ok).map(({ details }) => details);
  assertEquals(told, [
    "its process was ended by SIGSEGV",
    "its process was ended by SIGABRT; the last it wrote is: malloc: corrupt",
    "start: no room",
  ]);
  assertEquals(report.probes[1].figures, { one: 1 });
  assertEquals(report.probes.at(-1)!.steps?.map(({ ok }) => ok), [false]);
  assertMatch(err, /^vswitch: Probe layouts failed: its process was ended by SIGSEGV\nProbe bulk /);
});

Deno.test("selfTest() asks nothing more once a signal has come, and tells what it knows", async () => {
  const url = standIn(`
    if (name === "nonblocking") {
      Deno.kill(Deno.ppid, "SIGTERM");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    }
    if (!["layouts", "memory"].includes(name)) Deno.makeTempDirSync({ dir: Deno.makeTempDirSync() + "/../.." });`);
  const { code, out, err } = await shown(url, { json: true });
  assertEquals([code, err], [1, "The self-test was ended by SIGTERM"]);
  const { ok, endedBy, failed, probes } = JSON.parse(out) as Report;
  assertEquals([ok, endedBy, failed], [false, "SIGTERM", []]);
  assertEquals(probes.map(({ name }) => name), ["layouts", "memory"]);
});

Deno.test("selfTest() says what to do when there is no place for its sockets", async () => {
  const test = () => selfTest({ url: MAIN, version: "0" }, { json: true });
  await assertRejects(() => withTmpdir("/nonexistent", test), Failure, "set TMPDIR");
});

Deno.test("selfTest() says once that the temporary folder's path is too long, and asks nothing", async () => {
  const room = await Deno.makeTempDir({ prefix: "vs." });
  const folder = `${room}/${"x".repeat(100)}`;
  try {
    await Deno.mkdir(folder);
    const asked = () => Promise.reject(new Error("it printed something"));
    const error = await assertRejects(() => {
      const outputs = { out: asked, err: asked };
      return withTmpdir(
        folder,
        () => selfTest({ url: MAIN, version: "0" }, { json: true }, outputs),
      );
    }, Failure);
    assertEquals(error.usage, true);
    assertEquals(
      error.message,
      `Cannot put sockets into the temporary folder: its path is ${folder.length} bytes, ` +
        "the limit is 50; write TMPDIR=/tmp vswitch self-test",
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(room, { recursive: true });
  }
});

Deno.test("selfTest() has room for its sockets in the temporary folder of a Mac", async () => {
  // As long as /var/folders/zz/0123456789abcdef0123456789abcd/T is.
  const room = await Deno.makeTempDir({ dir: "/tmp", prefix: "vs." });
  const folder = `${room}/${"x".repeat(48 - 1 - room.length)}`;
  try {
    await Deno.mkdir(folder);
    const code = await withTmpdir(folder, () => {
      return selfTest({ url: standIn(""), version: "0" }, { json: true }, {
        ...{ out: () => {}, err: () => {} },
      });
    });
    assertEquals(code, 0);
  } finally {
    await Deno.remove(room, { recursive: true });
  }
});
