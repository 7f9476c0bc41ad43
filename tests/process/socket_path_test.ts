import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, pause, until } from "../support/time.ts";
import type { VswitchOptions } from "../support/spawn_vswitch.ts";
import { Vswitch } from "../support/vswitch.ts";

/** Start a switch that must refuse; what it says. */
async function refusal(args: string[], options: VswitchOptions = {}) {
  await using vswitch = new Vswitch(args, options);
  const { code } = await vswitch.ended();
  assertEquals(vswitch.lines, []);
  return { code, err: vswitch.log };
}

Deno.test("vswitch takes its paths back after kill -9, 20 times", async () => {
  await using lab = new ProcessLab();
  const pidFile = lab.path("pid");
  const args = ["--pid-file", pidFile, ...lab.ports("a.sock", "stream:b.sock", "c,clients=many")];
  let longest = 0;
  for (let i = 0; i < 20; i++) {
    const vswitch = await lab.start(args);
    longest = Math.max(longest, vswitch.readyMs);
    if (i % 5 === 0) await lab.introduce(lab.dgram(1, "a.sock"), lab.stream(2, "b.sock"));
    await vswitch.kill9();
  }
  figure(`20 starts after kill -9: ready after ${longest.toFixed(0)} ms at most`);
  const last = await lab.start(args);
  assertEquals((await last.stop()).code, 0);
  const left = [...Deno.readDirSync(lab.folder)].map(({ name }) => name);
  assertEquals(left.filter((name) => !/^vm\d+$/.test(name)), []);
});

Deno.test("vswitch refuses a path another instance listens on, and leaves that alone", async () => {
  await using lab = new ProcessLab();
  const first = await lab.start(lab.ports("a.sock", "stream:b.sock", "c.sock,clients=many"));
  const vms = [lab.dgram(1, "a.sock"), lab.stream(2, "b.sock"), lab.dgram(3, "c.sock", "qemu")];
  await lab.introduce(...vms);
  const taken = ["a.sock", "stream:a.sock", "b.sock", "stream:b.sock", "c.sock"];
  await Promise.all(taken.map(async (port) => {
    const { code, err } = await refusal(lab.ports(port));
    assertEquals(code, 1, err);
    assertStringIncludes(err, "somebody is listening");
  }));
  await lab.converse(vms[0], vms[1], 5);
  await lab.converse(vms[1], vms[2], 5);
  assertEquals((await first.stats()).ports.map(({ clients }) => clients).slice(0, 1), [1]);
});

Deno.test("vswitch wins a path once among 30 that start at once", async () => {
  await using lab = new ProcessLab();
  Deno.mkdirSync(lab.path("race"));
  const racers = Array.from({ length: 30 }, () => lab.launch(lab.ports("stream:race/a.sock")));
  await until("29 to lose", () => racers.filter(({ alive }) => alive).length <= 1, 30_000);
  const [winner, ...others] = racers.filter(({ alive }) => alive);
  assertEquals(others, []);
  assert(winner !== undefined, "somebody has won");
  await winner.ready();
  for (const racer of racers) {
    if (racer === winner) continue;
    assertEquals((await racer.ended()).code, 1, racer.log);
    assertEquals(racer.lines, []);
  }
  await lab.introduce(lab.stream(1, "race/a.sock"), lab.stream(2, "race/a.sock"));
});

Deno.test("vswitch refuses what is not a socket, and leaves it intact", async () => {
  await using lab = new ProcessLab();
  const live = await lab.start(lab.ports("live.sock"));
  Deno.writeTextFileSync(lab.path("file"), "mine");
  Deno.mkdirSync(lab.path("folder"));
  Deno.symlinkSync("file", lab.path("link"));
  Deno.symlinkSync("nowhere", lab.path("dangling"));
  Deno.symlinkSync("live.sock", lab.path("alias"));
  await Promise.all(["file", "folder", "link", "dangling", "alias"].map(async (name, i) => {
    const { code, err } = await refusal(lab.ports(i % 2 === 0 ? name : `stream:${name}`));
    assertEquals(code, 1, err);
    assertMatch(err, /is a (file|directory|symlink), not a socket; use another path/);
    assertStringIncludes(err, `"${name}"`);
  }));
  assertEquals(Deno.readTextFileSync(lab.path("file")), "mine");
  assert(Deno.lstatSync(lab.path("folder")).isDirectory);
  assertEquals(Deno.readLinkSync(lab.path("link")), "file");
  assertEquals(Deno.readLinkSync(lab.path("dangling")), "nowhere");
  assert(live.alive);
});

Deno.test("vswitch takes a path of 107 bytes and refuses one of 108", async () => {
  await using lab = new ProcessLab();
  const name = (bytes: number) => "p".repeat(bytes - lab.folder.length - 1);
  const vswitch = await lab.start(lab.ports(`long=${name(107)}`));
  const vm = lab.dgram(1, name(107), "qemu");
  await vswitch.statsWhen("a frame to arrive", ({ total }) => vm.send(0xffff) && total.rx > 0);
  const { code, err } = await refusal(lab.ports(`long=${name(108)}`));
  assertEquals(code, 2, err);
  assertStringIncludes(
    err,
    "path is 108 bytes, the limit is 107; use a shorter or a relative path",
  );
  const relative = await lab.start(["--port", "r.sock"], { cwd: lab.folder });
  assertEquals((await relative.ready()).ports[0].path, lab.path("r.sock"));
});

Deno.test("vswitch makes its sockets with their mode from the first moment, whatever the umask", async () => {
  await using lab = new ProcessLab();
  for (const [i, umask] of ["000", "077"].entries()) {
    const names = [`a${i}`, `b${i}`, `c${i}`];
    const ports = lab.ports(names[0], `stream:${names[1]}`, `${names[2]},mode=660`);
    const vswitch = lab.launch(ports, { before: `umask ${umask}` });
    const seen = await watchModes(names.map((name) => lab.path(name)), vswitch);
    assertEquals(seen.map((modes) => [...modes]), [[0o600], [0o600], [0o660]]);
  }
});

/** Modes a file is seen with from its appearance until the switch is ready; looks without a pause. */
async function watchModes(paths: string[], vswitch: Vswitch): Promise<Set<number>[]> {
  const seen = paths.map(() => new Set<number>());
  const looks = paths.map(() => 0);
  while (looks.some((count) => count < 20)) {
    const until = performance.now() + 5;
    while (performance.now() < until) {
      for (const [i, path] of paths.entries()) {
        try {
          seen[i].add((Deno.lstatSync(path).mode ?? 0) & 0o777);
          looks[i]++;
        } catch {
          // not there yet
        }
      }
    }
    await pause(0); // its output, and its end, are heard here
    if (!vswitch.alive) throw new Error(`The switch ended: ${vswitch.log}`);
  }
  await vswitch.ready();
  return seen;
}

Deno.test("vswitch gives its sockets to a group", async () => {
  await using lab = new ProcessLab();
  const gid = Deno.uid() === 0 ? 12345 : Deno.gid()!;
  await lab.start(lab.ports(`a.sock,mode=660,group=${gid}`, `stream:b.sock,group=${gid}`));
  for (const name of ["a.sock", "b.sock"]) {
    assertEquals(Deno.lstatSync(lab.path(name)).gid, gid);
  }
  const { code, err } = await refusal(lab.ports("c.sock,group=no-such-group"));
  assertEquals(code, 2);
  assertStringIncludes(err, "no-such-group");
});

Deno.test("vswitch refuses a pid file of a living process", async () => {
  await using lab = new ProcessLab();
  Deno.writeTextFileSync(lab.path("pid"), `${Deno.pid}\n`);
  const args = ["--pid-file", lab.path("pid"), ...lab.ports("a.sock")];
  const { code, err } = await refusal(args);
  assertEquals(code, 1);
  assertStringIncludes(err, `process ${Deno.pid} is running`);
  assertEquals(Deno.readTextFileSync(lab.path("pid")), `${Deno.pid}\n`);
  Deno.writeTextFileSync(lab.path("pid"), "4194305\n"); // above every process id of Linux
  const vswitch = await lab.start(args);
  await until("the stale file to be replaced", () => {
    return Deno.readTextFileSync(lab.path("pid")) === `${vswitch.pid}\n`;
  });
  assertLess((await vswitch.stop()).ms, 2000);
});
