import { assert, assertEquals, assertMatch } from "@std/assert";
import { LineWriter } from "../../src/control/line_writer.ts";
import {
  type Entry,
  formatJson,
  formatText,
  openLog,
  preciseNow,
  wallTime,
} from "../../src/control/log.ts";

/** 11:04:38.123456 of some day, in the local zone. */
const AT = new Date(2026, 10, 20, 11, 4, 38, 123).getTime() + 0.456;
const ENTRY: Entry = { at: AT, level: "info", port: "vm1", text: "up" };

Deno.test("formatText() shows microseconds, level, port and text", () => {
  assertEquals(formatText(ENTRY, false), "2026-11-20 11:04:38.123456 info  vm1: up");
  assertEquals(
    formatText({ ...ENTRY, level: "warning", port: "" }, false),
    "2026-11-20 11:04:38.123456 warn  up",
  );
  const early = new Date(2026, 0, 2, 3, 4, 5, 6).getTime() + 0.007;
  assertMatch(formatText({ ...ENTRY, at: early }, false), /^2026-01-02 03:04:05\.00600[67] /);
});

Deno.test("formatText() colours the level only when asked to", () => {
  assertEquals(
    formatText({ ...ENTRY, level: "error" }, true),
    "2026-11-20 11:04:38.123456 \x1b[31merror\x1b[0m vm1: up",
  );
});

Deno.test("formatText() makes control characters of a peer visible", () => {
  const line = formatText({ ...ENTRY, text: "at /tmp/x\n\x1b[2J\x07\x9b" }, false);
  assertEquals(line, "2026-11-20 11:04:38.123456 info  vm1: at /tmp/x\\x0a\\x1b[2J\\x07\\x9b");
});

Deno.test("formatJson() is one line with the time in UTC", () => {
  const at = Date.UTC(2026, 10, 20, 11, 4, 38, 9) + 0.25;
  assertEquals(
    formatJson({ at, level: "warning", port: "a", text: 'say "\n"' }),
    '{"time":"2026-11-20T11:04:38.009250Z","level":"warning","port":"a","text":"say \\"\\n\\""}',
  );
});

Deno.test("wallTime() follows the wall clock over a suspend and keeps microseconds otherwise", () => {
  assertEquals(wallTime(1000.125, 1010, 1011), 1000.125);
  assertEquals(wallTime(1000, 1010, 1010 + 3_600_000), 1000 + 3_600_000);
  assertEquals(wallTime(1000, 1010, 1010 - 3_600_000), 1000 - 3_600_000);
  assert(Math.abs(preciseNow() - Date.now()) < 1000);
});

/** Lines a log of this style writes for what `use` does with it. */
async function logged(
  level: "debug" | "info" | "warning" | "error",
  json: boolean,
  use: (log: ReturnType<typeof openLog>) => void,
  limit = 100,
): Promise<string[]> {
  let text = "";
  const write = (bytes: Uint8Array) => {
    text += new TextDecoder().decode(bytes);
    return Promise.resolve(bytes.byteLength);
  };
  const lines = new LineWriter({ write }, limit);
  use(openLog({ level, json, color: false }, lines));
  assert(await lines.drain(1000));
  return text.trimEnd().split("\n");
}

Deno.test("openLog() passes records of the level and above, with the time they were made", async () => {
  const all = (["debug", "info", "warning", "error"] as const).map((level) => ({
    ...ENTRY,
    level,
  }));
  const at = preciseNow();
  const lines = await logged("warning", false, (log) => {
    for (const entry of all) log.entry({ ...entry, at });
  });
  assertEquals(lines, [
    formatText({ ...ENTRY, at, level: "warning" }, false),
    formatText({ ...ENTRY, at, level: "error" }, false),
  ]);
});

Deno.test("openLog() takes braces in a text as they are", async () => {
  const [line] = await logged("info", true, (log) => log.tell("info", "peer {port} at {x"));
  const { level, port, text } = JSON.parse(line);
  assertEquals({ level, port, text }, { level: "info", port: "", text: "peer {port} at {x" });
});

Deno.test("openLog() says how many records a stderr that was not read has cost", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let text = "";
  const lines = new LineWriter({
    write: async (bytes) => {
      await promise;
      text += new TextDecoder().decode(bytes);
      return bytes.byteLength;
    },
  }, 2);
  const log = openLog({ level: "info", json: false, color: false }, lines);
  for (let i = 0; i < 6; i++) log.tell("info", `record ${i}`);
  resolve();
  assert(await lines.drain(1000));
  log.tell("info", "later");
  assert(await lines.drain(1000));
  const texts = text.trimEnd().split("\n").map((line) => line.slice(27));
  assertEquals(texts, [
    "info  record 0",
    "info  record 1",
    "info  record 2",
    "warn  3 log records are missing: stderr was not read",
    "info  later",
  ]);
});
