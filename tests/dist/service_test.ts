/**
 * What launchd and codesign are given: whether it is a property list, and says what the documentation promises.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseCommand } from "../../src/cli/parse.ts";
import { kinds } from "../../src/port/mod.ts";
import { type Plist, readPlist } from "./plist.ts";
import { ROOT } from "./room.ts";

type Dict = { readonly [key: string]: Plist };

const read = async (name: string) =>
  readPlist(await Deno.readTextFile(`${ROOT}/dist/${name}`)) as Dict;
const list = (body: string) =>
  '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "x">\n' +
  `<plist version="1.0">${body}</plist>`;

Deno.test("readPlist() refuses what is no property list", () => {
  assertEquals(readPlist(list("<dict><key>a</key><array><integer>1</integer></array></dict>")), {
    a: [1],
  });
  for (
    const bad of [
      "<dict><key>a</key></dict>",
      "<dict><true/></dict>",
      "<array><true/>",
      "<string>a & b</string>",
      "<integer>0600x</integer>",
      "<dict><!-- a -- b --></dict>",
      "<data>x</data>",
      "<dict><key>a</key><true/><key>a</key><true/></dict>",
      "<true/><true/>",
    ]
  ) assertThrows(() => readPlist(list(bad)), Error, "", bad);
});

Deno.test("dist/vswitch.plist keeps the switch alive, and at full speed", async () => {
  const job = await read("vswitch.plist");
  assertEquals([job.Label, job.ProcessType], ["vswitch", "Interactive"]);
  assertEquals([job.KeepAlive, job.RunAtLoad], [true, true]);
});

Deno.test("dist/vswitch.plist starts a switch with the sockets that launchd makes", async () => {
  const job = await read("vswitch.plist");
  const [program, ...args] = job.ProgramArguments as string[];
  assert(program.startsWith("/"), "launchd looks in no PATH");
  const command = parseCommand(args, { kinds, groupId: () => undefined, pathLimit: 103 });
  assert(command.kind === "run");
  const { ports } = command.config;
  const named = ports.filter(({ kind }) => kind === "fd");
  assertEquals(named.map(({ target }) => target), Object.keys(job.Sockets as Dict));
  for (const { target, clients } of named) {
    const socket = (job.Sockets as Dict)[target] as Dict;
    // One datagram socket is one VM; whoever connects to a stream gets a connection of its own.
    const [type, most] = target === "lan" ? ["stream", "many"] : ["dgram", "refuse"];
    assertEquals([socket.SockType, socket.SockPathMode, clients], [type, 0o600, most]);
  }
  // Whatever is a path is in the user's folder, and absolute once HOME is replaced.
  const paths = [
    ...ports.filter(({ kind }) => kind !== "fd").map(({ target }) => target),
    ...Object.values(job.Sockets as Dict).map((socket) => (socket as Dict).SockPathName),
    ...[job.StandardOutPath, job.StandardErrorPath],
  ] as string[];
  assertEquals(paths.length, 4);
  for (const path of paths) assert(path.startsWith("HOME/.vswitch/"), path);
});

Deno.test("dist/vswitch.entitlements has what V8 and FFI need, and no more", async () => {
  const key = (name: string) => `com.apple.security.cs.${name}`;
  assertEquals(await read("vswitch.entitlements"), {
    [key("allow-jit")]: true,
    [key("allow-unsigned-executable-memory")]: true,
    [key("disable-executable-page-protection")]: true,
  });
});

Deno.test("dist/README.md says how to use both", async () => {
  const text = await Deno.readTextFile(`${ROOT}/dist/README.md`);
  for (
    const words of ["launchctl bootstrap", "codesign --force", "--options runtime", "notarytool"]
  ) {
    assertStringIncludes(text, words);
  }
});
