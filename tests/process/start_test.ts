import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, until } from "../support/time.ts";
import { Vswitch } from "../support/vswitch.ts";

/** Run to the end; what it said and its exit code. */
async function outcome(...args: string[]) {
  await using vswitch = new Vswitch(args);
  const { code } = await vswitch.ended();
  return { code, out: vswitch.lines.join("\n"), err: vswitch.log };
}

Deno.test("vswitch prints one ready line with every port, and nothing else, on stdout", async () => {
  await using lab = new ProcessLab();
  const vswitch = await lab.start(lab.ports("a.sock", "lan=stream:b.sock"));
  const ready = await vswitch.ready();
  assertEquals(ready.event, "ready");
  assertMatch(ready.version, /^\d+\.\d+\.\d+/);
  assertEquals(ready.pid, vswitch.pid);
  const ports = ready.ports.map(({ name, kind, socket, path, clients }) => {
    return { name, kind, socket, path, clients };
  });
  assertEquals(ports, [
    { name: "a", kind: "dgram", socket: "dgram", path: lab.path("a.sock"), clients: "replace" },
    { name: "lan", kind: "stream", socket: "stream", path: lab.path("b.sock"), clients: "many" },
  ]);
  assert(ready.ports[0].buffers > 0, "the granted buffers of a datagram port are told");
  assertStringIncludes(ready.ports[0].connect.vfkit, `unixSocketPath=${lab.path("a.sock")}`);
  assertStringIncludes(ready.ports[1].connect.qemu, `addr.path=${lab.path("b.sock")}`);
  const vm = lab.dgram(1, "a.sock");
  await until("the frame to be counted", async () => {
    vm.send(0xffff);
    return (await vswitch.stats()).total.rx > 0;
  });
  await vswitch.stop();
  const others = vswitch.lines.filter((line) => JSON.parse(line).event !== "stats");
  assertEquals(others, [JSON.stringify(ready)]);
});

Deno.test("vswitch is ready soon, and its sockets can be connected to at once", async () => {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await using lab = new ProcessLab();
    const vswitch = await lab.start(lab.ports("a.sock", "stream:b.sock"));
    lab.dgram(1, "a.sock");
    lab.stream(2, "b.sock");
    times.push(vswitch.readyMs);
  }
  times.sort((a, b) => a - b);
  figure(`ready after ${times[2].toFixed(0)} ms (median of 5, longest ${times[4].toFixed(0)})`);
  assertLess(times[2], 2000);
});

Deno.test("vswitch writes the ready line to --ready-fd and closes it", async () => {
  await using lab = new ProcessLab();
  const fifo = lab.path("ready");
  const made = await new Deno.Command("mkfifo", { args: [fifo] }).output();
  assert(made.success);
  const vswitch = lab.launch(["--ready-fd", "7", ...lab.ports("a.sock")], {
    redirect: `7>${fifo}`,
  });
  // Reads to the end of the pipe, which comes when the switch has closed it.
  const ready = JSON.parse(await Deno.readTextFile(fifo));
  assertEquals(ready.event, "ready");
  assertEquals(ready.pid, vswitch.pid);
  assertEquals(vswitch.lines, []);
  assert(!vswitch.fds().includes(fifo), "the descriptor is closed");
  await vswitch.statsWhen("it runs on", () => true);
});

Deno.test("vswitch writes its pid file when it is ready", async () => {
  await using lab = new ProcessLab();
  const pidFile = lab.path("pid");
  const vswitch = await lab.start(["--pid-file", pidFile, ...lab.ports("a.sock")]);
  await until("the pid file", () => exists(pidFile));
  assertEquals(Deno.readTextFileSync(pidFile), `${vswitch.pid}\n`);
  assertEquals((await vswitch.stop()).code, 0);
  assertEquals(exists(pidFile), false);
});

Deno.test("vswitch --version and --help exit with 0", async () => {
  const version = await outcome("--version");
  assertEquals([version.code, version.err], [0, ""]);
  assertMatch(version.out, /^vswitch \d+\.\d+\.\d+/);
  const help = await outcome("--help");
  assertEquals([help.code, help.err], [0, ""]);
  assertStringIncludes(help.out, "--port");
});

Deno.test("vswitch exits with 1 when the system stands in the way", async () => {
  await using lab = new ProcessLab();
  const { code, out, err } = await outcome(...lab.ports("none/a.sock"));
  assertEquals([code, out], [1, ""]);
  assertMatch(err, /Cannot open port "a": .*create .*none/);
});

Deno.test("vswitch exits with 2 when the command line must change", async () => {
  for (const args of [["--prot", "a.sock"], [], ["--port", "a.sock,fool=drop"]]) {
    const { code, out, err } = await outcome(...args);
    assertEquals([code, out], [2, ""], args.join(" "));
    assertMatch(err, /^vswitch: \S/, args.join(" "));
    assert(!err.includes("    at "), "a mistake of the user has no stack");
  }
});

Deno.test("vswitch opens all ports or none", async () => {
  await using lab = new ProcessLab();
  Deno.writeTextFileSync(lab.path("c.sock"), "mine");
  const { code, err } = await outcome(...lab.ports("a.sock", "stream:b.sock", "c.sock"));
  assertEquals(code, 1);
  assertStringIncludes(err, '"c"');
  assertEquals([...Deno.readDirSync(lab.folder)].map(({ name }) => name), ["c.sock"]);
});

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
