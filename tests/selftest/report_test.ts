import { assert, assertEquals } from "@std/assert";
import { makeReport, type ProbeReport, settingOf, summary } from "../../src/selftest/report.ts";

const SETTING = {
  version: "1.0.0",
  deno: "2.9.6",
  v8: "15",
  os: "darwin",
  release: "24.6.0",
  arch: "aarch64",
  cpus: 8,
  compiled: true,
};

function probe(name: string, ok: boolean): ProbeReport {
  return { name, ok, ms: 1, details: ok ? "fine" : "broken", figures: { n: 1 } };
}

Deno.test("makeReport() is ok when every probe is, and names those that are not", () => {
  const good = makeReport(SETTING, [probe("a", true), probe("b", true)]);
  assertEquals([good.event, good.ok, good.failed], ["self-test", true, []]);
  const bad = makeReport(SETTING, [probe("a", false), probe("b", true), probe("c", false)]);
  assertEquals([bad.ok, bad.failed, bad.release], [false, ["a", "c"], "24.6.0"]);
});

Deno.test("summary() tells where it ran and what failed", () => {
  const where = "vswitch 1.0.0 on darwin 24.6.0 aarch64, deno 2.9.6";
  assertEquals(
    summary(makeReport(SETTING, [probe("a", true)])),
    `All 1 probes passed: ${where}.`,
  );
  assertEquals(
    summary(makeReport(SETTING, [probe("a", true), probe("b", false)])),
    `Probe b failed: broken\nThis was ${where}. ` +
      "Please report it with the line that vswitch self-test --json prints.",
  );
});

Deno.test("settingOf() tells of the machine and of nobody who uses it", () => {
  const setting = settingOf("1.0.0");
  assertEquals(Object.keys(setting).sort(), Object.keys(SETTING).sort());
  assert(!JSON.stringify(setting).includes(Deno.cwd()));
});
