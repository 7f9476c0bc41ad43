/**
 * What `deno task compile` bakes in, read out of the file. It is put into deno itself instead of denort, so the
 * check needs no network; for the same reason the file made here cannot run the switch.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readEmbedded } from "./embedded.ts";
import { bareEnv, type Ended, inRoom, ROOT, run } from "./room.ts";

const ignore = Deno.build.os !== "linux";
const skip = ignore ? " [SKIPPED: it reads ELF files]" : "";

/** Run dist/compile.ts; the bundle must be there. */
function compile(
  room: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const script = [Deno.execPath(), "run", "-A", `${ROOT}/dist/compile.ts`];
  return run([...script, ...args], { cwd: room, env: { ...bareEnv(room), ...env } });
}

Deno.test({
  name: `compile() embeds the bundle, its permissions and nothing else${skip}`,
  ignore,
  fn: () =>
    inRoom(async (room) => {
      const output = `${room}/vswitch`;
      const made = await compile(room, ["--output", output], { DENORT_BIN: Deno.execPath() });
      assertEquals(made.code, 0, made.stderr);

      const { metadata, files, contents } = readEmbedded(await Deno.readFile(output));
      const bundle = await Deno.readFile(`${ROOT}/dist/vswitch.js`);
      assertEquals(files, [
        { File: { n: "vswitch.js", o: [0, bundle.byteLength], u: true, t: 0 } },
      ]);
      assert(bundle.every((byte, i) => contents[i] === byte), "the file is the bundle");
      assertEquals(metadata.entrypoint_key, "vswitch.js");
      assertEquals(metadata.app_name, "vswitch");
      assertEquals(metadata.argv, []);
      assertEquals(metadata.code_cache_key, null);

      const { permissions } = metadata;
      assertEquals(permissions.prompt, false);
      const allowed = Object.keys(permissions).filter((name) => name.startsWith("allow_"))
        .filter((name) => permissions[name] !== null && name !== "allow_import"); // Deno's default, unused
      const whole = ["allow_ffi", "allow_read", "allow_run", "allow_sys", "allow_write"];
      assertEquals(allowed.sort(), ["allow_env", ...whole]);
      assertEquals(permissions.allow_env, ["VSWITCH_SENDMSG_X"]);
      for (const name of whole) assertEquals(permissions[name], [], `${name} is for everything`);
    }),
});

Deno.test({
  name: `compile() gives the same bytes twice${skip}`,
  ignore,
  fn: () =>
    inRoom(async (room) => {
      const digests = new Set<string>();
      for (const name of ["first", "second"]) {
        const output = `${room}/${name}`;
        const made = await compile(room, ["--output", output], { DENORT_BIN: Deno.execPath() });
        assertEquals(made.code, 0, made.stderr);
        const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(output));
        digests.add(new Uint8Array(digest).toHex());
      }
      assertEquals(digests.size, 1);
    }),
});

Deno.test("compile() names every way out when denort cannot be had", () =>
  inRoom(async (room) => {
    const nowhere = { HTTPS_PROXY: "http://127.0.0.1:9", DENO_DIR: `${room}/deno` };
    const { code, stderr } = await compile(room, ["--output", `${room}/vswitch`], nowhere);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, "set DENORT_BIN to a denort");
    assertStringIncludes(stderr, `${room}/deno/dl/release/v${Deno.version.deno}/`);
    assertStringIncludes(stderr, "deno task pack");
  }));

Deno.test("compile() refuses a target it does not know", () =>
  inRoom(async (room) => {
    const { code, stderr } = await compile(room, ["--target", "pdp11-unknown-unix"]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Cannot build for pdp11-unknown-unix: the targets are x86_64-");
  }));
