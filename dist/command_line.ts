/**
 * What the build scripts share at their edge: reading options, running a program, giving up.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { HOST, TARGETS } from "./targets.ts";

/** Root of the repository, without a slash at its end. */
export const ROOT: string = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
/** The bundle that every package is made of. */
export const BUNDLE: string = `${ROOT}/dist/vswitch.js`;

/** A build cannot go on; the message says why and what helps. */
export class BuildError extends Error {
  override name = "BuildError";
  /** 2: the command line, 1: anything else. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Values by option name. */
export type OptionValues<Name extends string> = { readonly [K in Name]?: string };

/**
 * Read `--name VALUE` options strictly; `--help` prints the usage and ends the program.
 *
 * @throws BuildError for anything else
 */
export function readOptions<Name extends string>(
  usage: string,
  names: readonly Name[],
): OptionValues<Name> {
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    const { values } = parseArgs({
      args: [...Deno.args],
      options: { ...options, help: { type: "boolean" } },
    });
    if (values.help === true) {
      print(usage);
      Deno.exit(0);
    }
    return values as OptionValues<Name>;
  } catch (error) {
    throw new BuildError(`${error instanceof Error ? error.message : error}\n\n${usage}`, 2);
  }
}

/** A target by its name; this machine when none is given. */
export function chooseTarget(name: string | undefined): string {
  const target = name ?? HOST;
  if (Object.hasOwn(TARGETS, target)) return target;
  const known = Object.keys(TARGETS).join(", ");
  throw new BuildError(`Cannot build for ${target}: the targets are ${known}`, 2);
}

/** Throw unless the bundle has been made. */
export function needBundle(): void {
  try {
    Deno.statSync(BUNDLE);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new BuildError("Cannot build: dist/vswitch.js is missing; run `deno task bundle`");
  }
}

/** How a program ended and what it said. */
export interface Outcome {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run a program to its end; a program that is not installed is an unsuccessful one. */
export async function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<Outcome> {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  try {
    const command = new Deno.Command(program, { args: [...args], cwd, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    return { success, stdout: text(stdout), stderr: text(stderr) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { success: false, stdout: "", stderr: `${program} is not installed` };
  }
}

/** Print a line. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

/** Run a build; what it cannot do is told without a stack. */
export async function build(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(error.message + "\n"));
    Deno.exit(error.exitCode);
  }
}
