/**
 * The supervisor over the real engine, and over small ones that misbehave.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { Exit, Failure } from "../../src/control/failure.ts";
import type { Entry } from "../../src/control/log.ts";
import { Supervisor } from "../../src/control/supervisor.ts";
import { Feature } from "../../src/offload/features.ts";
import { NO_OFFLOAD } from "../../src/offload/policy.ts";
import { PORT_DEFAULTS, type PortConfig } from "../../src/port/config.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;
const ignore = () => {};

function port(name: string, kind: string, target: string): PortConfig {
  return { ...PORT_DEFAULTS, name, kind, target, clients: kind === "stream" ? "many" : "replace" };
}

/** Run with a folder of its own. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A module for a Worker that stands in for the engine; `body` handles `command` and has `tell(event)`. */
function fakeEngine(body: string): string {
  const script = `const tell = (event) => postMessage(event);
    onmessage = ({ data: command }) => { ${body} };`;
  return `data:application/javascript,${encodeURIComponent(script)}`;
}

const OBEDIENT = `
  if (command.kind === "open") tell({ kind: "opened", ports: [], bulk: "calls" });
  if (command.kind === "stop") { tell({ kind: "stopped" }); close(); }`;

Deno.test("Supervisor opens ports, tells about them and closes them", async () => {
  await inFolder(async (folder) => {
    const records: Entry[] = [];
    const policy = {
      client: "krunkit-offload",
      asked: "client=krunkit-offload,sends=csum",
      sends: Feature.CSUM,
    };
    const ports = [
      { ...port("a", "dgram", `${folder}/a`), ...policy },
      port("lan", "stream", `${folder}/lan`),
    ];
    const supervisor = await Supervisor.start(MAIN, ports, (entry) => records.push(entry));
    const facts = supervisor.opened.map(({ buffers: _, ...rest }) => rest);
    assertEquals(facts, [
      {
        name: "a",
        kind: "dgram",
        socket: "dgram",
        target: `${folder}/a`,
        clients: "replace",
        client: "krunkit-offload",
        asked: "client=krunkit-offload,sends=csum",
        policy: { ...NO_OFFLOAD, sends: Feature.CSUM },
      },
      {
        name: "lan",
        kind: "stream",
        socket: "stream",
        target: `${folder}/lan`,
        clients: "many",
        client: "",
        asked: "",
        policy: NO_OFFLOAD,
      },
    ]);
    const { ports: rows, opened, cells, uptimeMs } = supervisor.snapshot();
    assertEquals(opened, supervisor.opened);
    assertEquals(rows.map(({ name, state }) => [name, state]), [["a", "waiting"], [
      "lan",
      "waiting",
    ]]);
    assert(cells.every((cell) => cell === 0));
    assertGreaterOrEqual(uptimeMs, 0);
    assert(await supervisor.stop());
    assertEquals([...Deno.readDirSync(folder)], []);
    assertEquals(supervisor.snapshot().ports.map((row) => row.name), ["a", "lan"]);
    for (const { at } of records) assert(Math.abs(at - Date.now()) < 60_000);
  });
});

Deno.test("Supervisor.start() rejects with the engine's reason and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "kept");
    const ports = [port("a", "dgram", `${folder}/a`), port("b", "stream", `${folder}/file`)];
    const failed = await assertRejects(() => Supervisor.start(MAIN, ports, ignore), Failure);
    assertEquals(failed.exitCode, Exit.FAILED);
    assertMatch(failed.message, /^Cannot open port "b": .* is a file, not a socket; /);
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["file"]);

    const long = [port("c", "dgram", `/tmp/${"x".repeat(120)}`)];
    const usage = await assertRejects(() => Supervisor.start(MAIN, long, ignore), Failure);
    assert(usage.usage);
    const limit = Deno.build.os === "darwin" ? 103 : 107;
    const told = `Cannot open port "c": path is 125 bytes, the limit is ${limit}`;
    assertEquals(usage.message.slice(0, told.length), told);
  });
});

Deno.test("Supervisor sends every command with one wake, and start with none", async () => {
  const wakes: number[] = [];
  const url = fakeEngine(`
    globalThis.fd ??= command.start?.wakeFd;
    tell({ kind: "log", at: 0, level: "info", port: command.kind, text: String(fd) });
    setTimeout(() => { ${OBEDIENT} }, 20);`);
  const order: string[] = [];
  const supervisor = await Supervisor.start(url, [], ({ port, text }) => {
    order.push(port);
    wakes.push(Number(text));
  });
  assertEquals([order, supervisor.bulk], [["start", "open"], "calls"]);
  assertEquals(supervisor.kernel.takeWakes(wakes[0]), 1);
  const stopping = supervisor.stop();
  assertEquals(supervisor.kernel.takeWakes(wakes[0]), 1);
  assert(supervisor.stop() === stopping); // asked twice, sent once
  assert(await stopping);
  assertEquals(order, ["start", "open", "stop"]);
});

Deno.test("Supervisor keeps a port's policy while it is up, and that of the end", async () => {
  const policy = { ...NO_OFFLOAD, sends: Feature.CSUM };
  const url = fakeEngine(`
    const port = (row, state, policy) => tell({ kind: "port", row, name: "p" + row, state, policy });
    const policy = ${JSON.stringify(policy)};
    if (command.kind === "stop") for (const row of [1, 2]) { port(row, "waiting"); port(row, "closed"); }
    if (command.kind === "open") {
      for (const row of [1, 2, 3]) { port(row, "waiting"); port(row, "up", policy); }
      port(2, "waiting");
      port(3, "closed");
    }
    ${OBEDIENT}`);
  const supervisor = await Supervisor.start(url, [], ignore);
  const rows = () =>
    supervisor.snapshot().ports.map(({ row, state, policy }) => [row, state, policy]);
  assertEquals(rows(), [[1, "up", policy], [2, "waiting", undefined]]);
  assert(await supervisor.stop());
  assertEquals(rows(), [[1, "closed", policy], [2, "closed", undefined]]);
});

Deno.test("Supervisor.ended rejects with exit code 70 when the engine crashes", async () => {
  const url = fakeEngine(`${OBEDIENT}
    if (command.kind === "open") setTimeout(() => tell({ kind: "crashed", message: "boom" }), 20);`);
  const supervisor = await Supervisor.start(url, [], ignore);
  const failure = await assertRejects(() => supervisor.ended, Failure);
  assertEquals(failure.exitCode, Exit.BUG);
  assertEquals(failure.message, "Cannot go on: the engine failed: boom");
  assert(await supervisor.stop());
});

Deno.test("Supervisor.start() rejects with exit code 70 when the engine cannot even be loaded", async () => {
  const url = `data:application/javascript,${encodeURIComponent("throw new Error('no engine')")}`;
  const failure = await assertRejects(() => Supervisor.start(url, [], ignore), Failure);
  assertEquals(failure.exitCode, Exit.BUG);
  assertMatch(failure.message, /no engine/);
});

Deno.test({
  name: "Supervisor.stop() gives up on an engine that does not answer",
  // What a stuck engine holds is not freed under it: the process ends next. Here the engine ends by itself.
  sanitizeResources: false,
  fn: async () => {
    const url = fakeEngine(`
      if (command.kind === "open") tell({ kind: "opened", ports: [], bulk: "calls" });
      if (command.kind === "stop") setTimeout(close, 1000);`);
    const supervisor = await Supervisor.start(url, [], ignore);
    const asked = performance.now();
    assertEquals(await supervisor.stop(), false);
    const took = performance.now() - asked;
    assert(took >= 440 && took < 1000, `took ${took} ms`);
    supervisor.kernel.dispose();
  },
});
