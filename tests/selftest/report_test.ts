import { assert, assertEquals, assertMatch } from "@std/assert";
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
    `Probe a passed: ${where}.`,
  );
  assertEquals(
    summary(makeReport(SETTING, [probe("a", true), probe("b", true)])),
    `All 2 probes passed: ${where}.`,
  );
  assertEquals(
    summary(makeReport(SETTING, [probe("a", true), probe("b", false)])),
    `Probe b failed: broken\nThis was ${where}. ` +
      "Please report it with the line that vswitch self-test --json prints.",
  );
});

Deno.test("makeReport() tells when, and that a signal came before all was asked", () => {
  const before = Date.now();
  const whole = makeReport(SETTING, [probe("a", true)]);
  assertMatch(whole.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert(Math.abs(Date.parse(whole.time) - before) < 60_000);
  assert(!("endedBy" in whole));
  const part = makeReport(SETTING, [probe("a", true)], "SIGINT");
  assertEquals([part.ok, part.endedBy, part.failed], [false, "SIGINT", []]);
});

Deno.test("settingOf() tells on macOS what decides about bulk calls, and nothing elsewhere", () => {
  const name = "VSWITCH_SENDMSG_X", before = Deno.env.get(name);
  try {
    for (const [value, told] of [["on", "on"], ["off", "off"], ["/home/me", "auto"]]) {
      Deno.env.set(name, value);
      assertEquals(settingOf("1", "darwin").sendmsgX, told);
      assert(!("sendmsgX" in settingOf("1", "linux")));
    }
    Deno.env.delete(name);
    assertEquals(settingOf("1", "darwin").sendmsgX, "auto");
  } finally {
    if (before === undefined) Deno.env.delete(name);
    else Deno.env.set(name, before);
  }
});

Deno.test("settingOf() tells of the machine and of nobody who uses it", () => {
  const setting = settingOf("1.0.0", "linux");
  assertEquals(Object.keys(setting).sort(), Object.keys(SETTING).sort());
  assert(!JSON.stringify(setting).includes(Deno.cwd()));
});
