/**
 * The demo over the real switch, and over engines that fail at each of its stages.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Failure } from "../../src/control/failure.ts";
import { demo } from "../../src/demo/demo.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

/** Run the demo with a folder for temporary files of its own, which has to be empty afterwards. */
async function shown(url: string): Promise<{ code: number; text: string }> {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  let text = "";
  try {
    const code = await demo({ url, version: "0" }, 0.4, (part) => text += part);
    assertEquals([...Deno.readDirSync(folder)], []);
    return { code, text };
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
    await Deno.remove(folder, { recursive: true });
  }
}

/** A Worker that stands in for the engine; see the test of the supervisor. */
function fakeEngine(body: string): string {
  const script = `onmessage = ({ data: command }) => { ${body} };`;
  return `data:application/javascript,${encodeURIComponent(script)}`;
}

const STOPS = `if (command.kind === "stop") { postMessage({ kind: "stopped" }); close(); }`;

Deno.test("demo() shows each step, the round-trip time, the throughput and what to do next", async () => {
  const { code, text } = await shown(MAIN);
  assertEquals(code, 0, text);
  const lines = text.split("\n").filter((line) => /^[ \d]\d {2}/.test(line));
  assertEquals(lines.length, 11);
  for (const line of lines) assertMatch(line, / \.\.\. ok/);
  assertMatch(text, /20 answers, RTT min\/avg\/max \d+\.\d{3}\/\d+\.\d{3}\/\d+\.\d{3} ms/);
  assertEquals(
    text.match(/\d+\.\d\d Gbit\/s, [\d,]+ frames\/s of 1514 bytes, 0 of [\d,]+ lost/g)?.length,
    2,
  );
  assertMatch(
    text,
    /a sends TCP to host b .* ok, [\d.]+ Gbit\/s, [\d,]+ frames cut into [\d,]+, [\d,]+ checksums filled in, nothing lost/,
  );
  assertMatch(
    text,
    /b sends TCP to host a .* ok, [\d.]+ Gbit\/s, [\d,]+ frames merged into [\d,]+, nothing lost/,
  );
  const sums = text.match(
    /(\d+) received \+ 0 copied \+ (\d+) made = (\d+) sent \+ (\d+) cut or merged \+ 0 dropped/,
  );
  assert(sums !== null);
  const [received, made, sent, used] = sums.slice(1).map(Number);
  assertEquals(received + made, sent + used);
  assert(received > 1000 && made > 1000);
  assertMatch(text, /vswitch --port a\.sock,client=krunkit-offload --port lan=stream:lan\.sock/);
});

Deno.test("demo() names the step and the reason when the switch cannot start", async () => {
  const url = fakeEngine(`
    if (command.kind === "open") {
      postMessage({ kind: "failed", message: "Cannot open port: no room", usage: false });
    }
    ${STOPS}`);
  const { code, text } = await shown(url);
  assertEquals(code, 1);
  assertMatch(
    text,
    / 1 {2}start a switch .* \.\.\. FAILED\n\nStep 1 failed: Cannot open port: no room\n$/,
  );
});

Deno.test("demo() names the step and the reason when the switch does not answer", async () => {
  const url = fakeEngine(`
    if (command.kind === "open") {
      postMessage({ kind: "log", at: 0, level: "warning", port: "dgram", text: "a hint" });
      postMessage({ kind: "opened", ports: [], bulk: "calls" });
    }
    ${STOPS}`);
  const { code, text } = await shown(url); // nobody has made the socket
  assertEquals(code, 1);
  assertMatch(text, /\nStep 2 failed: cannot connect to .*\/dgram\.sock: ENOENT\n/);
  assertMatch(text, /\n {2}log: .* warn {2}dgram: a hint\n$/);
});

Deno.test("demo() ends with 70 when the engine crashes", async () => {
  const url = fakeEngine(`
    if (command.kind === "open") postMessage({ kind: "crashed", message: "boom" });
    ${STOPS}`);
  const { code, text } = await shown(url);
  assertEquals(code, 70);
  assertMatch(text, /\nStep 1 failed: Cannot go on: the engine failed: boom\n$/);
});

Deno.test("demo() says what to do when there is no place for its sockets", async () => {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", "/nonexistent");
  try {
    const failure = await assertRejects(
      () => demo({ url: MAIN, version: "0" }, 1, () => {}),
      Failure,
    );
    assertMatch(
      failure.message,
      /^Cannot make a temporary folder: .*; set TMPDIR to one you may write to$/,
    );
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
});
