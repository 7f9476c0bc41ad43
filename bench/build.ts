/**
 * Compile the limit and the load generator. They are C so that the limit is one and the load is cheap;
 * without a C compiler there is no bench.
 *
 * @module
 */
import { giveUp } from "./text.ts";

/** Paths of the compiled programs. */
export interface Programs {
  relay: string;
  load: string;
}

const SOURCES = new URL("limit/", import.meta.url);
const BUILD = new URL("build/", SOURCES);

/** Those, and the ones that speak vhost-user. */
export interface VhostPrograms extends Programs {
  vhostLoad: string;
  vhostMemcpy: string;
}

/** Sources of each program: its own, by the beginning of their names, and those it shares. */
const PARTS = {
  relay: /^relay/,
  load: /^load/,
  vhost_load: /^(vhost_load|vhost_message|load_(end|frame|sink|source|tcp|wait))/,
  vhost_memcpy: /^(vhost_memcpy|vhost_message)/,
} as const;

/** Compile relay and load, or end with exit code 1 and what is missing. */
export async function build(): Promise<Programs> {
  const compiler = await insistCompiler();
  return { relay: await compile(compiler, "relay"), load: await compile(compiler, "load") };
}

/** Compile all programs, or end with exit code 1 and what is missing. */
export async function buildVhost(): Promise<VhostPrograms> {
  const compiler = await insistCompiler();
  return {
    ...await build(),
    vhostLoad: await compile(compiler, "vhost_load"),
    vhostMemcpy: await compile(compiler, "vhost_memcpy"),
  };
}

/** A limit that spoils some frames: `-DDAMAGE` or `-DDROP`. */
export async function buildMischief(flag: "DAMAGE" | "DROP"): Promise<string> {
  return await compile(await insistCompiler(), "vhost_memcpy", flag);
}

async function insistCompiler(): Promise<string> {
  if (Deno.build.os !== "linux") {
    giveUp("Cannot run this bench: it uses recvmmsg, sendmmsg and /proc of Linux; run it on Linux");
  }
  const compiler = await findCompiler();
  if (compiler === undefined) {
    giveUp(
      "Cannot build bench/limit: no C compiler found (tried $CC, cc, gcc, clang); " +
        "install one, for example with: apt-get install gcc libc6-dev",
    );
  }
  await Deno.mkdir(BUILD, { recursive: true });
  return compiler;
}

/** The first C compiler that answers, or undefined. */
export async function findCompiler(): Promise<string | undefined> {
  for (const name of [Deno.env.get("CC"), "cc", "gcc", "clang"]) {
    if (name && await firstLine([name, "--version"]) !== undefined) return name;
  }
  return undefined;
}

/** First line a command prints; undefined when it cannot be run or fails. */
export async function firstLine(command: readonly string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(command[0], {
      args: command.slice(1),
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).split("\n")[0].trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function compile(compiler: string, name: keyof typeof PARTS, flag = ""): Promise<string> {
  const sources = Array.from(Deno.readDirSync(SOURCES))
    .map((entry) => entry.name)
    .filter((file) => PARTS[name].test(file) && file.endsWith(".c"))
    .map((file) => new URL(file, SOURCES).pathname);
  const program = new URL(name + flag, BUILD).pathname;
  const options = ["-O2", "-Wall", "-Wextra", "-pthread", ...flag ? [`-D${flag}`] : []];
  const { success, stderr } = await new Deno.Command(compiler, {
    args: [...options, "-o", program, ...sources],
  }).output();
  if (!success) giveUp(`Cannot compile bench/limit:\n${new TextDecoder().decode(stderr)}`);
  return program;
}
