/**
 * The command line as a whole: what each command gives, by any spelling and order, and that no words
 * whatever do worse than a usage error.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import * as fc from "fast-check";
import { COMMANDS, PORT_OPTIONS } from "../../src/cli/options.ts";
import { type Command, parseCommand } from "../../src/cli/parse.ts";
import { parsePort } from "../../src/cli/port_spec.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { WORLD } from "./world.ts";

const parse = (...args: string[]): Command => parseCommand(args, WORLD);

const DEFAULTS = {
  statsInterval: 0,
  readyFd: 1,
  logLevel: "info",
  logJson: false,
  pidFile: "",
} as const;

Deno.test("parseCommand() runs the ports in the order given, with every default", () => {
  const command = parse("--port", "b.sock", "--port=lan=stream:a.sock", "--port", "fd:3");
  const ports = ["b.sock", "lan=stream:a.sock", "fd:3"].map((text) => parsePort(text, WORLD));
  assertEquals(command, { kind: "run", config: { ports, ...DEFAULTS } });
});

Deno.test("parseCommand() lets ports share what they may share", () => {
  const command = parse(
    "--port=a",
    "--port=x.1=stream:b,clients=refuse",
    "--port=x=c",
    "--port=fd:3",
  );
  assert(command.kind === "run" && command.config.ports.length === 4);
  // lan.1 could be a client of lan, lan.01 and lan.b could not; a=3 and fd:3 are different places.
  parse("--port=lan=stream:a", "--port=lan.01=b", "--port=lan.b=c", "--port=d=3", "--port=fd:3");
  parse("--port=/a/b", "--port=c=a/b", "--port=d=/a/b/c");
  parse("--port=fd:1", "--ready-fd=4");
});

Deno.test("parseCommand() lets --quiet stand for the level warning", () => {
  const level = (...args: string[]) => {
    const command = parse("--port=a", ...args);
    return command.kind === "run" ? command.config.logLevel : command.kind;
  };
  assertEquals(level("--quiet"), "warning");
  assertEquals(level("--quiet", "--log-level=warning"), "warning");
  assertEquals(level("--quiet", "--quiet"), "warning");
  assertEquals(level("--log-level", "error"), "error");
});

Deno.test("parseCommand() knows the other commands", () => {
  assertEquals(parse("demo"), { kind: "demo", seconds: 2 });
  assertEquals(parse("demo", "--seconds", "0.2"), { kind: "demo", seconds: 0.2 });
  assertEquals(parse("demo", "--seconds=60"), { kind: "demo", seconds: 60 });
  assertEquals(parse("self-test"), { kind: "self-test", json: false });
  assertEquals(parse("self-test", "--json"), { kind: "self-test", json: true });
  assertEquals(parse("self-test", "--only=bulk"), { kind: "self-test", json: false, only: "bulk" });
  const traffic = { kind: "self-test", json: true, only: "traffic" } as const;
  assertEquals(parse("self-test", "--only", "traffic", "--json"), traffic);
  assertEquals(parse("--version"), { kind: "version", json: false });
  assertEquals(parse("--json", "--version"), { kind: "version", json: true });
  assertEquals(parse("--version", "--port", "a"), { kind: "version", json: false });
});

Deno.test("parseCommand() answers a request for help whatever else is wrong", () => {
  for (
    const words of [["--help"], ["-h"], ["-hh"], ["--port", "--help"], ["--nonsense", "x", "-h"]]
  ) {
    assertEquals(parse(...words), { kind: "help", topic: "run" });
    assertEquals(parse("demo", ...words), { kind: "help", topic: "demo" });
    assertEquals(parse("self-test", ...words), { kind: "help", topic: "self-test" });
  }
  assertEquals(parse("start", "--help"), { kind: "help", topic: "run" });
});

Deno.test("parseCommand() reads every valid command line, in any order and spelling", () => {
  const level = fc.constantFrom("debug", "info", "warning", "error");
  const target = fc.stringMatching(/^[a-z]{1,8}$/)
    .filter((text) => !Object.hasOwn(WORLD.kinds, text));
  const wanted = fc.record({
    targets: fc.uniqueArray(target, { minLength: 1, maxLength: 4 }),
    statsInterval: fc.integer({ min: 1, max: 864_000 }).map((tenths) => tenths / 10),
    readyFd: fc.integer({ min: 0, max: 65_535 }),
    logLevel: level,
    logJson: fc.boolean(),
    pidFile: fc.string({ minLength: 1 }).filter((text) => !text.startsWith("-")),
  });
  // Words that belong together stay together; the ports keep their order.
  fc.assert(
    fc.property(wanted, fc.infiniteStream(fc.nat(99)), (wanted, dice) => {
      const roll = () => dice.next().value!;
      const spell = (name: string, value: string | number) =>
        roll() % 2 === 0 ? [`--${name}=${value}`] : [`--${name}`, `${value}`];
      const { targets, statsInterval, readyFd, logLevel, logJson, pidFile } = wanted;
      const groups = [
        targets.flatMap((target) => spell("port", target)),
        spell("stats-interval", statsInterval),
        spell("ready-fd", readyFd),
        spell("log-level", logLevel),
        spell("pid-file", pidFile),
        logJson ? ["--log-json"] : [],
      ].map((words) => ({ words, rank: roll() })).sort((a, b) => a.rank - b.rank);
      const args = groups.flatMap((group) => group.words);
      const ports = targets.map((target) => parsePort(target, WORLD));
      assertEquals(parse(...args), {
        kind: "run",
        config: { ports, statsInterval, readyFd, logLevel, logJson, pidFile },
      });
    }),
    { numRuns: 1000 },
  );
});

Deno.test("parseCommand() throws nothing but usage errors, whatever the words", () => {
  const names = [...Object.values(COMMANDS), PORT_OPTIONS].flatMap((table) => Object.keys(table));
  const piece = fc.oneof(
    fc.constantFrom(
      ...names,
      "demo",
      "self-test",
      "a.sock",
      "fd",
      "dgram",
      "stream",
      "1",
      "0.5",
      "64K",
      "__proto__",
    ),
    fc.constantFrom(
      "-",
      "--",
      "---",
      "=",
      ":",
      ",",
      "/",
      ".",
      "~/",
      " ",
      "",
      "true",
      "constructor",
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  const word = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (args) => {
      try {
        parseCommand(args, WORLD);
      } catch (error) {
        assertInstanceOf(error, UsageError);
        // deno-lint-ignore no-control-regex -- that is what must not reach a terminal
        assert(!/[\x00-\x1f\x7f-\x9f]/.test(error.message), error.message);
      }
    }),
    { numRuns: 5000 },
  );
});
