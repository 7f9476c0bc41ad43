/**
 * Every option there is, as data: this table feeds parsing, `--help` and the suggestions.
 *
 * A new option is one entry here and one line where its value is put to use (parse.ts for the command,
 * port_spec.ts for a port, port_policy.ts for what a port says of its frames). Groups are the headings of
 * the help text, in the order of their first option.
 *
 * @module
 */
import { PORT_DEFAULTS } from "../port/config.ts";
import { POLICY_OPTIONS } from "./policy_options.ts";
import type { Value, ValueOf } from "./value.ts";

/** One option. */
export interface Option {
  /** Stands for the value in the help text; empty for a flag. */
  readonly metavar: string;
  readonly value: Value;
  /** What holds when the option is not given; left out when that is nothing, or said in `help`. */
  readonly default?: string | number;
  /** One sentence without its full stop. */
  readonly help: string;
  /** Heading of the help text. */
  readonly group: string;
  /** A letter that stands for it after a single dash. */
  readonly short?: string;
  /** It may be given more than once. */
  readonly repeatable?: boolean;
}

/** Options by their names, without dashes. */
export type OptionTable = Readonly<Record<string, Option>>;

/** Values of the options that were given. */
export type Values<T extends OptionTable> = {
  readonly [K in keyof T]?: T[K]["value"] extends infer V extends Value ? ValueOf<V> : never;
};

const flag = { kind: "flag" } as const;

/** `-h, --help`: every command has it. */
const HELP = {
  metavar: "",
  value: flag,
  short: "h",
  group: "Other",
  help: "Show this text",
} as const;

/** Options of `vswitch` itself. */
export const RUN_OPTIONS = {
  port: {
    metavar: "PORT",
    value: { kind: "text", what: "a socket path, as in --port a.sock" },
    group: "Ports",
    repeatable: true,
    help: "Reach a VM, or several; give one for each socket",
  },
  "stats-interval": {
    metavar: "S",
    value: { kind: "decimal", min: 0.1, max: 86_400, unit: "seconds" },
    group: "Output",
    help: "Write the counters to stdout as a JSON line every S seconds (default: only on SIGUSR2)",
  },
  "ready-fd": {
    metavar: "N",
    value: { kind: "integer", min: 0, max: 65_535 },
    default: 1,
    group: "Output",
    help: "Write the JSON line that says the ports are open to this descriptor",
  },
  quiet: {
    metavar: "",
    value: flag,
    group: "Output",
    help: "Log warnings and errors only, as --log-level warning does",
  },
  "log-level": {
    metavar: "LEVEL",
    value: { kind: "choice", values: ["debug", "info", "warning", "error"] },
    default: "info",
    group: "Output",
    help: "Log records of this level and above to stderr",
  },
  "log-json": { metavar: "", value: flag, group: "Output", help: "Log JSON lines instead of text" },
  "pid-file": {
    metavar: "FILE",
    value: { kind: "text", what: "a path, as in --pid-file vswitch.pid" },
    group: "Other",
    help: "Keep the process id in FILE while the switch runs",
  },
  version: { metavar: "", value: flag, group: "Other", help: "Show the version" },
  json: { metavar: "", value: flag, group: "Other", help: "Show the version as JSON" },
  help: HELP,
} as const satisfies OptionTable;

/** Options of `vswitch demo`. */
export const DEMO_OPTIONS = {
  seconds: {
    metavar: "N",
    value: { kind: "decimal", min: 0.2, max: 60, unit: "seconds" },
    default: 2,
    group: "Options",
    help: "How long the throughput run takes",
  },
  help: { ...HELP, group: "Options" },
} as const satisfies OptionTable;

/** Options of `vswitch self-test`. */
export const SELF_TEST_OPTIONS = {
  json: {
    metavar: "",
    value: flag,
    group: "Options",
    help: "Print one line of JSON, for a report of a fault or a program",
  },
  only: {
    metavar: "NAME",
    // Those of src/selftest/questions.ts, in their order.
    value: {
      kind: "choice",
      values: [
        ...["layouts", "memory", "nonblocking", "errno", "paths", "bulk", "lengths", "full"],
        ...["stream", "strangers", "end", "hangup", "exit", "descriptors", "timer", "wake"],
        "traffic",
      ],
    },
    group: "Options",
    help: "Ask one question, in this process and without a limit of time, as a debugger wants it",
  },
  help: { ...HELP, group: "Options" },
} as const satisfies OptionTable;

/** Options behind the commas of `--port`. */
export const PORT_OPTIONS = {
  clients: {
    metavar: "WHO",
    value: { kind: "choice", values: ["many", "replace", "refuse"] },
    group: "Clients",
    help:
      "When another client comes: it becomes a port of its own, takes over, or is turned away " +
      "(default: as the kind says)",
  },
  "max-macs": {
    metavar: "N",
    value: { kind: "integer", min: 1, max: 8192 },
    default: PORT_DEFAULTS.maxMacs,
    group: "Clients",
    help: "Most MAC addresses learned behind one VM",
  },
  full: {
    metavar: "HOW",
    value: { kind: "choice", values: ["drop", "pause"] },
    default: PORT_DEFAULTS.full,
    group: "Flow control",
    help: "When a VM does not keep up: drop frames for it, or stop reading the senders for a while",
  },
  "pause-ms": {
    metavar: "MS",
    value: { kind: "integer", min: 1, max: 60_000, unit: "milliseconds" },
    default: PORT_DEFAULTS.pauseMs,
    group: "Flow control",
    help: "Longest pause of full=pause; after it frames are dropped",
  },
  queue: {
    metavar: "BYTES",
    // The least holds one frame of the greatest length, whatever max-frame says.
    value: { kind: "size", min: 128 << 10, max: 64 << 20 },
    default: PORT_DEFAULTS.queue,
    group: "Flow control",
    help: "Frames kept for each VM that does not keep up; K and M stand for KiB and MiB",
  },
  ...POLICY_OPTIONS,
  "poll-us": {
    metavar: "US",
    value: { kind: "integer", min: 0, max: 1_000_000, unit: "microseconds" },
    default: PORT_DEFAULTS.pollUs,
    group: "Shared memory (vhost-user)",
    help:
      "How long the switch goes on looking at the VM's rings after the last frame before it sleeps; " +
      "0 saves the most CPU time, more answers sooner",
  },
  unsealed: {
    metavar: "SWITCH",
    value: { kind: "choice", values: ["on", "off"] },
    default: PORT_DEFAULTS.unsealed ? "on" : "off",
    group: "Shared memory (vhost-user)",
    help:
      "Take guest memory that is not sealed against shrinking: whoever makes it shorter ends the " +
      "whole switch",
  },
  mode: {
    metavar: "OCTAL",
    value: { kind: "octal", min: 0, max: 0o777 },
    default: PORT_DEFAULTS.mode,
    group: "Socket file",
    help: "Permissions of the socket file",
  },
  group: {
    metavar: "GROUP",
    value: { kind: "group" },
    group: "Socket file",
    help: "Group of the socket file, by name or number (default: that of the process)",
  },
} as const satisfies OptionTable;

/** What a user can ask for, with the options of each; `run` is what happens without a subcommand. */
export const COMMANDS = {
  run: RUN_OPTIONS,
  demo: DEMO_OPTIONS,
  "self-test": SELF_TEST_OPTIONS,
} as const;

/** A key of {@linkcode COMMANDS}. */
export type CommandName = keyof typeof COMMANDS;
