/**
 * What is made of a process that was asked a question, however it ends, and how this program starts itself.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PERMISSIONS, RUN_FLAGS } from "../../dist/permissions.ts";
import { askProcess } from "../../src/selftest/ask_process.ts";
import { startOfOurselves } from "../../src/selftest/ourselves.ts";
import type { Outcome } from "../../src/selftest/report.ts";
import { until } from "../support/time.ts";
import { standIn } from "./stand_in.ts";

/** Ask a stand-in; `work` is done meanwhile, with the folder it was given. */
async function asked(
  script: string,
  limitMs = 10_000,
  work: (folder: string, stop: AbortController) => Promise<void> = () => Promise.resolve(),
): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "vs." }), stop = new AbortController();
  try {
    const question = { name: "wake", label: "", limitMs };
    const asking = askProcess({ url: standIn(script), folder }, question, stop.signal);
    await work(folder, stop);
    return await asking;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The process id that a stand-in wrote into its folder. */
async function pidOf(folder: string): Promise<number> {
  let pid = 0;
  await until("the process", async () => {
    pid = Number(await Deno.readTextFile(`${folder}/pid`).catch(() => ""));
    return pid > 0;
  });
  return pid;
}

function runs(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Blocks its only thread for longer than any test, with its process id told. */
const HANG = `
  Deno.writeTextFileSync(Deno.makeTempDirSync() + "/../pid", String(Deno.pid));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);`;

Deno.test("askProcess() gives the answer of the process", async () => {
  const { ok, details, figures } = await asked("");
  assertEquals({ ok, details, figures }, { ok: true, details: "fine", figures: { one: 1 } });
  const wrong = await asked(`answer(false, "2 instead of 1");`);
  assertEquals([wrong.ok, wrong.details], [false, "2 instead of 1"]);
});

Deno.test("askProcess() takes nothing but an answer for one", async () => {
  const ends: [string, RegExp][] = [
    [`Deno.exit(70);`, /^its process ended with exit code 70$/],
    [`Deno.exit(0);`, /^its process ended with exit code 0$/],
    [`throw new Error("ours");`, /^its process ended with exit code 1; the last .* ours throw /],
    [`console.log("null"); Deno.exit(0);`, /^its process ended with exit code 0$/],
    [`console.log('{"ok":true}'); Deno.exit(0);`, /^its process ended with exit code 0$/],
    [
      `console.log('{"event":"self-test","probes":[{"name":"full","ok":true}]}');
      Deno.exit(0);`,
      /^its process ended with exit code 0$/,
    ],
    // All was well, and then it failed.
    [
      `Deno.exit = () => Deno.kill(Deno.pid, "SIGABRT"); answer(true, "fine"); await new Promise(() => {});`,
      /^its process was ended by SIGABRT$/,
    ],
    [`Deno.exit = () => { throw "late"; }; answer(true, "fine");`, /exit code 1; .*"late"$/],
  ];
  for (const [script, words] of ends) {
    const { ok, details } = await asked(script);
    assertEquals(ok, false, script);
    assertMatch(details, words);
  }
});

Deno.test("askProcess() keeps a bounded, printable part of what the process writes", async () => {
  const { details } = await asked(`
    const junk = new TextEncoder().encode("\\x1b[1mx\\x00\\r\\n".repeat(50_000));
    for (let i = 0; i < 20; i++) {
      for (const to of [Deno.stdout, Deno.stderr]) for (let n = 0; n < junk.length;) n += to.writeSync(junk.subarray(n));
    }
    Deno.exit(3);`);
  assertMatch(
    details,
    /^its process ended with exit code 3; the last it wrote is: \.\.\. [x ]{500}$/,
  );
});

Deno.test("askProcess() kills a process that does not end in time", async () => {
  let pid = 0;
  const outcome = await asked(HANG, 1500, async (folder) => void (pid = await pidOf(folder)));
  assertEquals(outcome, {
    ok: false,
    details: "it did not end within 1.5 s: a call waits that must not",
    figures: {},
  });
  assert(pid > 0 && !runs(pid));
});

Deno.test("askProcess() kills the process when it is no longer asked", async () => {
  let pid = 0;
  const outcome = await asked(HANG, 60_000, async (folder, stop) => {
    pid = await pidOf(folder);
    assert(runs(pid));
    stop.abort();
  });
  assertEquals([outcome.ok, outcome.details], [false, "its process was ended by SIGKILL"]);
  assert(!runs(pid));
});

Deno.test("askProcess() tells of a process that was asked to end", async () => {
  const line = `{"event":"self-test","ok":false,"endedBy":"SIGINT","probes":[]}`;
  const told = await asked(`console.log('${line}'); Deno.exit(1);`);
  assertEquals(told.details, "its process was ended by SIGINT");
  const untold = await asked(
    `Deno.kill(Deno.pid, "SIGTERM"); await new Promise(() => setTimeout(() => {}, 9999));`,
  );
  assertEquals(untold.details, "its process was ended by SIGTERM");
});

Deno.test("startOfOurselves() starts each form of the program as it was made to be started", () => {
  const program = Deno.execPath();
  const sources = "file:///src/main.ts", bundle = "file:///dist/vswitch.js";
  assertEquals(startOfOurselves(bundle, true), { program, args: [] });
  const run = (url: string) => {
    const { program: deno, args } = startOfOurselves(url, false);
    assertEquals([deno, args[0], args.at(-1)], [program, "run", url]);
    return args.slice(1, -1).toSorted();
  };
  assertEquals(run(bundle), RUN_FLAGS.toSorted());
  assertEquals(run(sources), ["--quiet", ...PERMISSIONS].toSorted());
});
