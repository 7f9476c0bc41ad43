/**
 * The option table against its readers: what it lists is parsed and explained, and nothing else is.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { helpText } from "../../src/cli/help.ts";
import {
  type CommandName,
  COMMANDS,
  type Option,
  type OptionTable,
  PORT_OPTIONS,
} from "../../src/cli/options.ts";
import { parseCommand } from "../../src/cli/parse.ts";
import { POLICY_OPTIONS } from "../../src/cli/policy_options.ts";
import { parsePort } from "../../src/cli/port_spec.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { formatValue } from "../../src/cli/value.ts";
import { WORLD } from "./world.ts";

/** A text that the option takes. */
function sample({ value }: Option): string {
  if (value.kind === "choice") return value.values[0];
  if (value.kind === "group") return "kvm";
  if (value.kind === "text") return "some.file";
  if (value.kind === "features") return "csum+tso4";
  return value.kind === "flag" ? "" : formatValue(value, value.max);
}

/** Words that make a valid command around an option. */
function commandWith(command: CommandName, name: string, option: Option): string[] {
  const words = [`--${name}${option.value.kind === "flag" ? "" : `=${sample(option)}`}`];
  if (command === "run") words.unshift("--port", "vm.sock");
  if (command === "run" && name === "json") words.push("--version");
  return command === "run" ? words : [command, ...words];
}

/** A port of the first kind that takes an option. */
function portWith(text: string): string {
  const kinds = Object.entries(WORLD.kinds).map(([kind, { target }]) =>
    `vm=${kind}:${target === "path" ? "a.sock" : "3"}`
  );
  const takes = (port: string): boolean => {
    try {
      parsePort(`${port},${text}`, WORLD);
      return true;
    } catch (error) {
      assert(error instanceof UsageError && /, not for \w+; leave it out$/.test(error.message));
      return false;
    }
  };
  return kinds.find(takes)!;
}

const tables: readonly [CommandName, OptionTable][] = [
  ["run", COMMANDS.run],
  ["demo", COMMANDS.demo],
  ["self-test", COMMANDS["self-test"]],
];

Deno.test("COMMANDS lists exactly the options that are parsed and explained", () => {
  assertEquals(tables.map(([command]) => command), Object.keys(COMMANDS));
  for (const [command, table] of tables) {
    const help = helpText(command, WORLD.kinds, false);
    for (const [name, option] of Object.entries(table)) {
      parseCommand(commandWith(command, name, option), WORLD);
      const short = option.short ? `-${option.short}, ` : "";
      const metavar = option.metavar ? ` ${option.metavar}` : "";
      assertStringIncludes(help, `\n  ${short}--${name}${metavar}`);
    }
    // And the other way round: every option that the text explains is in the table.
    for (const [, name] of help.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)) {
      assert(Object.hasOwn(table, name), `${command}: --${name} is explained but not there`);
    }
  }
});

Deno.test("COMMANDS lists every option that parseCommand() takes", () => {
  const known = new Set(tables.flatMap(([, table]) => Object.keys(table)));
  const others = [...Object.keys(PORT_OPTIONS), "verbose", "config", "no-quiet", "run"];
  for (const [command, table] of tables) {
    for (const name of [...known, ...others].filter((name) => !Object.hasOwn(table, name))) {
      const words = command === "run" ? [`--${name}=1`] : [command, `--${name}=1`];
      assertThrows(() => parseCommand(words, WORLD), UsageError, `Unknown option "--${name}"`);
    }
  }
});

Deno.test("PORT_OPTIONS lists exactly the options that are parsed and explained", () => {
  const help = helpText("run", WORLD.kinds, false);
  for (const [name, option] of Object.entries<Option>(PORT_OPTIONS)) {
    const text = `${name}=${sample(option)}`;
    parsePort(`${portWith(text)},${text}`, WORLD);
    assertStringIncludes(help, `\n  ${name}=`);
    if (option.value.kind !== "choice") continue;
    for (const word of option.value.values) assertStringIncludes(help, word);
  }
  for (const [, name] of help.matchAll(/^ {2}([a-z-]+)=/gm)) {
    assert(Object.hasOwn(PORT_OPTIONS, name), `${name}= is explained but not there`);
  }
});

Deno.test("COMMANDS and PORT_OPTIONS have defaults that a user could give", () => {
  const withDefault = (table: OptionTable) =>
    Object.entries(table).filter(([, option]) => option.default !== undefined);
  for (const [command, table] of tables) {
    for (const [name, { value, default: usual }] of withDefault(table)) {
      const word = `--${name}=${formatValue(value, usual!)}`;
      parseCommand(command === "run" ? ["--port=a", word] : [command, word], WORLD);
    }
  }
  for (const [name, option] of withDefault(PORT_OPTIONS)) {
    const text = `${name}=${formatValue(option.value, option.default!)}`;
    const asked = Object.hasOwn(POLICY_OPTIONS, name) ? text : "";
    const port = portWith(text), usual = parsePort(port, WORLD);
    assertEquals(parsePort(`${port},${text}`, WORLD), { ...usual, asked }, name);
  }
});
