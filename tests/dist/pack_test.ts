/**
 * The self-extracting file on good days and bad ones: what it unpacks, when it refuses, and that it does
 * both without a trace.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { selfExtracting } from "../../dist/self_extracting.ts";
import { bareEnv, inRoom, installed, ROOT, run, type Surroundings } from "./room.ts";

const PACKED = `${ROOT}/dist/vswitch.run`;
const ignore = Deno.build.os !== "linux";
const skip = ignore ? " [SKIPPED: the switch runs on Linux only so far]" : "";

/** A machine that has never seen the file; it keeps its cache in `~/.cache`. */
type Story = (here: Surroundings, cache: string) => Promise<void>;

function story(name: string, tell: Story): void {
  Deno.test({
    name: `vswitch.run ${name}${skip}`,
    ignore,
    fn: () => inRoom((room) => tell({ cwd: room, env: bareEnv(room) }, `${room}/.cache/vswitch`)),
  });
}

function names(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort();
}

/** The one folder that was unpacked. */
function home(cache: string): string {
  const found = names(cache);
  assertEquals(found.length, 1, `one folder and no leftovers: ${found}`);
  return `${cache}/${found[0]}`;
}

async function starts(here: Surroundings): Promise<void> {
  const { code, stdout, stderr } = await run([PACKED, "--version"], here);
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("vswitch "), stdout);
}

story("unpacks once, for its user alone", async (here, cache) => {
  await starts(here);
  const folder = home(cache);
  assertEquals(Deno.statSync(folder).mode! & 0o777, 0o700);
  assertEquals(names(folder), ["NOTICE", "deno", "deno_dir", "vswitch.js"]);
  const before = Deno.statSync(`${folder}/deno`).ino;
  await starts(here);
  assertEquals(Deno.statSync(`${folder}/deno`).ino, before, "the second start unpacks nothing");
});

story("is started twice at once", async (here, cache) => {
  await Promise.all([starts(here), starts(here), starts(here)]);
  home(cache);
});

for (const name of ["deno", "vswitch.js"]) {
  story(`repairs a ${name} that was cut short`, async (here, cache) => {
    await starts(here);
    await Deno.truncate(`${home(cache)}/${name}`, 1000);
    await starts(here);
    home(cache);
  });
}

story("looks at no configuration around it", async (here, cache) => {
  await Deno.mkdir(cache, { recursive: true });
  for (const name of ["deno.json", "package.json"]) {
    await Deno.writeTextFile(`${here.cwd}/${name}`, "{ this is not JSON");
  }
  await starts(here);
});

story("says so when it is damaged, and leaves nothing behind", async (here, cache) => {
  const cut = `${here.cwd}/cut.run`;
  await Deno.copyFile(PACKED, cut);
  await Deno.truncate(cut, 10_000_000);
  const { code, stdout, stderr } = await run([cut, "--version"], here);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, `Cannot unpack ${cut}: it is damaged`);
  assertEquals(names(cache), []);
});

story("does not run what others may have changed", async (here, cache) => {
  await starts(here);
  await Deno.chmod(home(cache), 0o777);
  const { code, stdout, stderr } = await run([PACKED, "--version"], here);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "others own it or may write to it");
});

story("asks for a folder when it knows none", async (here) => {
  for (const XDG_CACHE_HOME of ["", "relative"]) {
    const env = { PATH: here.env.PATH, XDG_CACHE_HOME };
    const { code, stdout, stderr } = await run([PACKED, "--version"], { ...here, env });
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "set HOME, or XDG_CACHE_HOME to an absolute path");
  }
  assertEquals(names(here.cwd), []);
});

story("refuses a machine it is not for", async (here) => {
  await Deno.mkdir(`${here.cwd}/bin`);
  await Deno.writeTextFile(`${here.cwd}/bin/uname`, "#!/bin/sh\necho Plan9 mips\n", {
    mode: 0o755,
  });
  const env = { ...here.env, PATH: `${here.cwd}/bin:${here.env.PATH}` };
  const { code, stdout, stderr } = await run([PACKED, "--version"], { ...here, env });
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "Cannot run on Plan9 mips: this file is for Linux");
});

const PARTS = {
  version: "1.2.3",
  system: "Linux x86_64",
  deno: new Uint8Array(70_000).fill(7),
  bundle: new TextEncoder().encode("hello"),
  notice: "notice",
};

Deno.test("selfExtracting() gives the same bytes twice", async () => {
  const launcher = await Deno.readTextFile(`${ROOT}/dist/launcher.sh`);
  assertEquals(await selfExtracting(launcher, PARTS), await selfExtracting(launcher, PARTS));
});

const checker = await installed("shellcheck");
Deno.test({
  name: `selfExtracting() starts with a script shellcheck has nothing to say about${
    checker ? "" : " [SKIPPED: shellcheck is not installed]"
  }`,
  ignore: !checker,
  fn: () =>
    inRoom(async (room) => {
      const launcher = await Deno.readTextFile(`${ROOT}/dist/launcher.sh`);
      const file = await selfExtracting(launcher, PARTS);
      const lines = new TextDecoder().decode(file).split("\n", launcher.split("\n").length - 1);
      await Deno.writeTextFile(`${room}/launcher.sh`, lines.join("\n") + "\n");
      const here = { cwd: room, env: bareEnv(room) };
      const { code, stdout } = await run(["shellcheck", "launcher.sh"], here);
      assertEquals([code, stdout], [0, ""]);
    }),
});
