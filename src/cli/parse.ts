/**
 * The command line as a whole: words to what the user wants.
 *
 * @module
 */
import type { Config, LogLevel } from "../control/config.ts";
import { refuseConflicts } from "./conflicts.ts";
import type { Environment } from "./environment.ts";
import {
  type CommandName,
  COMMANDS,
  DEMO_OPTIONS,
  RUN_OPTIONS,
  SELF_TEST_OPTIONS,
  type Values,
} from "./options.ts";
import { parsePort } from "./port_spec.ts";
import { readOptions } from "./read_options.ts";
import { unknownCommand } from "./unknown_option.ts";
import { quote, UsageError } from "./usage_error.ts";

/** What a command line asks for. */
export type Command =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "demo"; readonly seconds: number }
  | { readonly kind: "self-test"; readonly json: boolean; readonly only?: string }
  | { readonly kind: "version"; readonly json: boolean }
  | { readonly kind: "help"; readonly topic: CommandName };

/**
 * Reads the arguments of the process, without its name.
 *
 * A request for help is answered whatever else is wrong; anything else that cannot be used throws a
 * {@linkcode UsageError}.
 */
export function parseCommand(args: readonly string[], environment: Environment): Command {
  const [topic, words] = splitCommand(args);
  if (asksForHelp(words)) return { kind: "help", topic };
  if (args.length > 0 && words === args && !/^(-|$)/.test(args[0])) throw unknownCommand(args[0]);
  switch (topic) {
    case "demo":
      return parseDemo(words);
    case "self-test":
      return parseSelfTest(words);
    case "run":
      return parseRun(words, environment);
  }
}

function splitCommand(args: readonly string[]): [CommandName, readonly string[]] {
  const [first, ...words] = args;
  const named = first !== "run" && Object.hasOwn(COMMANDS, first ?? "");
  return named ? [first as CommandName, words] : ["run", args];
}

/** A word that starts with a dash is never the value of another, so it can be looked for. */
function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.some((word, i) => /^(--help|-h+)$/.test(word) && (end < 0 || i < end));
}

function parseDemo(words: readonly string[]): Command {
  const { values } = readOptions(words, DEMO_OPTIONS);
  return { kind: "demo", seconds: values.seconds ?? DEMO_OPTIONS.seconds.default };
}

function parseSelfTest(words: readonly string[]): Command {
  const { values } = readOptions(words, SELF_TEST_OPTIONS);
  const { json = false, only } = values;
  return { kind: "self-test", json, ...only === undefined ? {} : { only } };
}

function parseRun(words: readonly string[], environment: Environment): Command {
  const { values, all } = readOptions(words, RUN_OPTIONS);
  if (values.version) return { kind: "version", json: values.json ?? false };
  if (values.json) {
    throw new UsageError(
      "Cannot use --json alone: it goes with --version, or behind self-test; " +
        "for a log in JSON write --log-json",
    );
  }
  const logLevel = logLevelOf(values);
  const readyFd = values["ready-fd"] ?? RUN_OPTIONS["ready-fd"].default;
  const written = all("port").map((text) => ({ text, port: parsePort(text, environment) }));
  if (written.length === 0) {
    throw new UsageError(
      "Cannot start without a port; write for example vswitch --port a.sock --port b.sock, " +
        "or try vswitch demo",
    );
  }
  refuseConflicts(written, readyFd, environment.kinds);
  const config: Config = {
    ports: written.map(({ port }) => port),
    statsInterval: values["stats-interval"] ?? 0,
    readyFd,
    logLevel,
    logJson: values["log-json"] ?? false,
    pidFile: values["pid-file"] ?? "",
  };
  return { kind: "run", config };
}

function logLevelOf(values: Values<typeof RUN_OPTIONS>): LogLevel {
  const level = values["log-level"];
  if (!values.quiet) return level ?? RUN_OPTIONS["log-level"].default;
  if (level !== undefined && level !== "warning") {
    throw new UsageError(
      `Cannot use --quiet and --log-level ${quote(level)}: --quiet is the level warning; keep one`,
    );
  }
  return "warning";
}
