/**
 * The packages do what the program does: told apart from the sources only by how they were built.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { openKernel } from "../../src/platform/mod.ts";
import { Ready as Readiness } from "../../src/platform/kernel.ts";
import { DescriptorPair, inheriting } from "../support/descriptors.ts";
import { bareEnv, inRoom, run, type Surroundings } from "./room.ts";
import { type Shape, SHAPES } from "./shapes.ts";
import { SwitchProcess } from "./switch_process.ts";

/** What a package has to do. */
type Duty = (argv: readonly string[], here: Surroundings) => Promise<void>;

const STOP_MS = 500;

const DUTIES: Readonly<Record<string, Duty>> = {
  "tells its version": async (argv, here) => {
    const text = await run([...argv, "--version"], here);
    assertEquals([text.code, text.stderr], [0, ""]);
    assert(text.stdout.startsWith(`vswitch ${config.version} (deno `), text.stdout);
    const json = await run([...argv, "--version", "--json"], here);
    assertEquals([json.code, json.stderr], [0, ""]);
    const { version, os, arch } = JSON.parse(json.stdout);
    assertEquals({ version, os, arch }, {
      version: config.version,
      os: Deno.build.os,
      arch: Deno.build.arch,
    });
  },

  "explains itself": async (argv, here) => {
    const { code, stdout, stderr } = await run([...argv, "--help"], here);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "vswitch --port a.sock");
    assertStringIncludes(stdout, "--stats-interval");
  },

  "passes arguments on as they are, and its exit code back": async (argv, here) => {
    const { code, stdout, stderr } = await run([...argv, "--port", "vm=fd:a  b*"], here);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "a  b*");
  },

  "runs the demo": async (argv, here) => {
    const { code, stdout, stderr } = await run([...argv, "demo", "--seconds", "0.5"], here);
    assertEquals(code, 0, stdout + stderr);
    assertStringIncludes(stdout, "It works");
  },

  "tests itself": async (argv, here) => {
    const { code, stdout, stderr } = await run([...argv, "self-test", "--json"], here);
    assertEquals([code, stderr], [0, ""], stdout);
    const { event, ok, version, probes } = JSON.parse(stdout);
    assertEquals([event, ok, version], ["self-test", true, config.version]);
    assert(probes.length > 1);
  },

  "opens two ports and leaves at SIGTERM": async (argv, here) => {
    const ports = ["--port", "a.sock", "--port", "lan=stream:b.sock"];
    await using ours = await SwitchProcess.start([...argv, ...ports], here);
    assertEquals([ours.ready.event, ours.ready.pid], ["ready", ours.pid]);
    assertEquals(ours.ready.ports.map(({ name, socket, path }) => ({ name, socket, path })), [
      { name: "a", socket: "dgram", path: `${here.cwd}/a.sock` },
      { name: "lan", socket: "stream", path: `${here.cwd}/b.sock` },
    ]);
    assertEquals(sockets(here.cwd), ["a.sock", "b.sock"]);
    const { code, ms, stderr } = await ours.end("SIGTERM");
    assertEquals(code, 0, stderr);
    assert(ms < STOP_MS, `it took ${ms} ms to end, ${STOP_MS} are promised`);
    assertEquals(sockets(here.cwd), []);
  },

  "survives SIGUSR1, on which Deno opens its debugger": async (argv, here) => {
    await using ours = await SwitchProcess.start([...argv, "--port", "a.sock"], here);
    await new Promise((resolve) => setTimeout(resolve, 700)); // Deno listens for it half a second after its start
    Deno.kill(ours.pid, "SIGUSR1");
    await new Promise((resolve) => setTimeout(resolve, 1300));
    assertEquals((await ours.end("SIGTERM")).code, 0);
  },

  "forwards between inherited descriptors 3 and 4": async (argv, here) => {
    using left = new DescriptorPair("dgram"), right = new DescriptorPair("dgram");
    const ends = [left.near, right.near], [a, b] = ends;
    const shell = ["bash", "-c", `exec "$@" 3<&${a} 4<&${b} ${a}<&- ${b}<&-`, "bash"];
    const ports = ["--port", "vm1=fd:3", "--port", "vm2=fd:4"];
    await using ours = await SwitchProcess.start(
      [...shell, ...argv, ...ports],
      here,
      (command) => inheriting(ends, () => command.spawn()),
    );
    assertEquals(ours.ready.ports.map(({ name, fd }) => ({ name, fd })), [
      { name: "vm1", fd: 3 },
      { name: "vm2", fd: 4 },
    ]);
    const frame = new Uint8Array(60).fill(0xff, 0, 6).fill(0x52, 6, 12).fill(0x99, 12);
    assertEquals(through(left.far, right.far, frame), frame);
    assertEquals((await ours.end("SIGTERM")).code, 0);
  },

  "replaces the pid file of a process that is gone": async (argv, here) => {
    const path = `${here.cwd}/vswitch.pid`;
    await Deno.writeTextFile(path, "4194304\n"); // one above the largest id Linux gives out
    const args = ["--port", "a.sock", "--pid-file", path];
    await using ours = await SwitchProcess.start([...argv, ...args], here);
    assertEquals(await pidIn(path), ours.pid);
    assertEquals((await ours.end("SIGTERM")).code, 0);
  },
};

function sockets(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), (entry) => entry.name)
    .filter((name) => name.endsWith(".sock")).sort();
}

/** The pid file appears after the ready line; it is renamed into place, so one look at it is enough then. */
async function pidIn(path: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const pid = Number(await Deno.readTextFile(path));
    if (pid !== 4194304) return pid;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${path} still holds the id of the process that is gone`);
}

/** Send a frame into one descriptor and take what comes out of the other within a second. */
function through(into: number, out: number, frame: Uint8Array): Uint8Array {
  const kernel = openKernel(1 << 20);
  try {
    assertEquals(kernel.writeBytes(into, frame), frame.byteLength);
    kernel.watch(out, 0, Readiness.READ);
    const at = kernel.arena.take(2048);
    assertEquals(kernel.wait(1_000_000), 1, "a frame comes out");
    const length = kernel.read(out, at, 2048);
    return kernel.arena.u8.slice(at, at + length);
  } finally {
    kernel.dispose();
  }
}

function smoke({ name, argv, missing }: Shape, duty: string, test: Duty): void {
  const linux = Deno.build.os === "linux";
  const reason = linux ? missing : "these tests need Linux; on macOS ci.yml runs the program";
  const skip = reason === undefined ? "" : ` [SKIPPED: ${reason}]`;
  Deno.test({
    name: `${name}: vswitch ${duty}${skip}`,
    ignore: reason !== undefined,
    fn: () =>
      inRoom(async (room) => {
        const cwd = `${room}/here`;
        await Deno.mkdir(cwd);
        const env = { ...bareEnv(room), XDG_CACHE_HOME: cache };
        await test(argv, { cwd, env });
      }),
  });
}

/** Where the self-extracting file unpacks itself, once for all duties. */
const cache = Deno.makeTempDirSync({ prefix: "vswitch-cache-" });
Deno.test.afterAll(() => Deno.removeSync(cache, { recursive: true }));

for (const shape of SHAPES) {
  for (const [duty, test] of Object.entries(DUTIES)) smoke(shape, duty, test);
}
