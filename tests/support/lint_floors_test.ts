/**
 * The floors rule: who may import whom, by every way the language has of naming a module.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import plugin from "./lint_floors.ts";

/** Rooms from the ground up; rooms in one line share a floor. */
const HOUSE = [["platform", "frame"], ["offload"], ["port"], ["engine"], ["control"], ["demo"], [
  "selftest",
  "cli",
]];

/** What the rule says about `source`, were it the file at `path` of the repository. */
function judge(path: string, source: string): string[] {
  const name = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return Deno.lint.runPlugin(plugin, name, source).map((diagnostic) => diagnostic.message);
}

Deno.test("floors() lets a room import itself, std, packages and lower floors, and nothing else", () => {
  const rooms = HOUSE.flatMap((names, floor) => names.map((name) => ({ name, floor })));
  for (const from of rooms) {
    for (const to of rooms) {
      const pure = ["frame", "offload"].includes(from.name) && to.name === "platform";
      const allowed = from.name === to.name || (to.floor < from.floor && !pure);
      const messages = judge(`src/${from.name}/a.ts`, `import { x } from "../${to.name}/b.ts";`);
      assertEquals(messages.length, allowed ? 0 : 1, `${from.name} -> ${to.name}`);
    }
    const free =
      'import "./b.ts"; import "../std/assert.ts"; import "@std/assert"; import "node:fs";';
    assertEquals(judge(`src/${from.name}/a.ts`, free), []);
  }
});

Deno.test("floors() sees every way of naming a module", () => {
  const upward = ["src/port/ (floor 2) must not import src/engine/ (floor 3)"];
  for (
    const source of [
      'import { x } from "../engine/x.ts";',
      'import type { X } from "../engine/x.ts";',
      'import "../engine/x.ts";',
      'export * from "../engine/x.ts";',
      'export { x } from "../engine/x.ts";',
      'export type { X } from "../engine/x.ts";',
      'export const x = await import("../engine/x.ts");',
      'export type X = import("../engine/x.ts").X;',
      'export const worker = new URL("../engine/x.ts", import.meta.url);',
      'import { x } from "./../engine/x.ts";',
      'import { x } from "../../src/engine/x.ts";',
    ]
  ) assertEquals(judge("src/port/a.ts", source), upward, source);
});

Deno.test("floors() leaves alone what is not an import", () => {
  const source = 'export const x = "../engine/x.ts"; new URL("/stats", "unix:a.sock");';
  assertEquals(judge("src/port/a.ts", source), []);
});

Deno.test("floors() counts folders below a room as that room", () => {
  assertEquals(judge("src/port/vhost_user/a.ts", 'import "../dgram.ts";'), []);
  assertEquals(judge("src/port/vhost_user/a.ts", 'import "../../frame/ethernet.ts";'), []);
  assertEquals(judge("src/port/vhost_user/a.ts", 'import "../../engine/loop.ts";').length, 1);
});

Deno.test("floors() lets main.ts and tests import everything", () => {
  const source = (up: string) => `import "${up}src/cli/a.ts"; import "${up}src/platform/a.ts";`;
  assertEquals(judge("main.ts", source("./")), []);
  assertEquals(judge("tests/cli/a_test.ts", source("../../")), []);
});

Deno.test("floors() keeps rooms away from files that are in no room, but for deno.json", () => {
  assertEquals(judge("src/cli/a.ts", 'import c from "../../deno.json" with { type: "json" };'), []);
  assertEquals(judge("src/cli/a.ts", 'import "../../main.ts";'), [
    "src/cli/ must not import main.ts: it is in no room",
  ]);
  assertEquals(judge("src/cli/a.ts", 'import "../loose.ts";'), [
    "src/cli/ must not import src/loose.ts: it is in no room",
  ]);
  assertEquals(judge("src/cli/a.ts", 'import "../../tests/support/fake.ts";').length, 1);
  assertEquals(judge("src/cli/a.ts", 'import "../../../elsewhere/x.ts";').length, 1);
  assertEquals(judge("src/cli/a.ts", 'import "/etc/x.ts"; import "file:///etc/x.ts";').length, 2);
});

Deno.test("floors() asks for a floor for a new room, and keeps std free of ours", () => {
  const unknown = "src/attic/ is on no floor; give it one in lint_floors.ts";
  assertEquals(judge("src/cli/a.ts", 'import "../attic/b.ts";'), [unknown]);
  assertEquals(judge("src/attic/a.ts", 'import "../frame/b.ts";'), [unknown]);
  assertEquals(judge("src/std/a.ts", 'import "../frame/b.ts";').length, 1);
});

Deno.test("floors() knows exactly the rooms that exist", () => {
  const known = new Set([...HOUSE.flat(), "std"]);
  for (const entry of Deno.readDirSync(new URL("../../src/", import.meta.url))) {
    if (entry.isDirectory) assert(known.has(entry.name), `src/${entry.name}/ is on no floor`);
  }
});
