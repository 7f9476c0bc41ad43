/**
 * The version, as people and as programs read it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { VERSION, versionText } from "../../src/cli/version.ts";

Deno.test("versionText() tells the version of deno.json and what it runs on", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(VERSION, config.version);
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  assertEquals(JSON.parse(versionText(true)), { version: VERSION, deno, v8, os, arch });
  assertEquals(versionText(true).includes("\n"), false);
  assertEquals(versionText(false), `vswitch ${VERSION} (deno ${deno}, v8 ${v8}, ${os} ${arch})`);
});
