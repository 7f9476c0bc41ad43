/**
 * Options of the benches. Read strictly by node:util, which refuses what it does not know; the program's
 * own option table (src/cli) is not used, so that a bench never depends on what it measures.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { print } from "./text.ts";
import { OURS } from "./subject.ts";

/** What every bench can be told. */
export interface BenchOptions {
  /** Command of the switch, without ports. */
  command: readonly string[];
  /** Runs of each subject and case. */
  rounds: number;
  /** Length of a throughput run. */
  seconds: number;
  /** File for the results; empty: none. */
  json: string;
  /** Values of the options only this bench has, by name. */
  own: Record<string, string | boolean | undefined>;
}

/** An option only one bench has. */
export type OwnOptions = Record<string, { type: "string" | "boolean"; default?: string | boolean }>;

/** Read Deno.args; wrong input ends with exit code 2 and the usage, `--help` with 0. */
export function readOptions(
  usage: string,
  rounds: number,
  seconds: number,
  ownOptions: OwnOptions = {},
): BenchOptions {
  try {
    const { values } = parseArgs({
      args: [...Deno.args],
      options: {
        switch: { type: "string" },
        rounds: { type: "string", default: String(rounds) },
        seconds: { type: "string", default: String(seconds) },
        json: { type: "string", default: "" },
        help: { type: "boolean", default: false },
        ...ownOptions,
      },
    });
    if (values.help) end(0, usage);
    const command = typeof values.switch === "string" ? values.switch.trim().split(/\s+/) : OURS;
    return {
      command,
      rounds: positive("rounds", values.rounds),
      seconds: positive("seconds", values.seconds),
      json: String(values.json),
      own: values as Record<string, string | boolean | undefined>,
    };
  } catch (error) {
    return end(2, `${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}

/** Write results as JSON; the file ends in a newline. */
export async function writeJson(path: string, results: unknown): Promise<void> {
  if (path === "") return;
  await Deno.writeTextFile(path, `${JSON.stringify(results, null, 2)}\n`);
  print(`\nResults written to ${path}`);
}

/** Comma-separated values, each one of `allowed`; all of them when the option is not given. */
export function choose<T extends string>(name: string, value: unknown, allowed: readonly T[]): T[] {
  if (typeof value !== "string") return [...allowed];
  return value.split(",").map((word) => {
    const found = allowed.find((a) => a === word);
    if (found === undefined) {
      return end(2, `Cannot use --${name} ${value}: "${word}" is not one of ${allowed.join(", ")}`);
    }
    return found;
  });
}

/** Comma-separated positive numbers. */
export function numbers(name: string, value: unknown, defaults: readonly number[]): number[] {
  if (typeof value !== "string") return [...defaults];
  return value.split(",").map((word) => positive(name, word));
}

function positive(name: string, value: unknown): number {
  const number = Number(value);
  if (!(number > 0)) return end(2, `Cannot use --${name} ${value}: it must be a number above 0`);
  return number;
}

function end(code: number, text: string): never {
  print(text);
  Deno.exit(code);
}
