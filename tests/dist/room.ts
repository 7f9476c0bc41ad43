/**
 * What the tests of the packages share: a folder of their own, and running a program to its end.
 *
 * @module
 */

/** Root of the repository. */
export const ROOT: string = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** The least environment a program is started in; nothing of this one passes. */
export function bareEnv(room: string): Record<string, string> {
  return { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", HOME: room };
}

/** Run `work` with a folder that is gone afterwards. */
export async function inRoom(work: (room: string) => Promise<void>): Promise<void> {
  const room = await Deno.makeTempDir({ prefix: "vswitch-dist-" });
  try {
    await work(room);
  } finally {
    await Deno.remove(room, { recursive: true });
  }
}

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and in what environment a program runs; only what `env` holds passes. */
export interface Surroundings {
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/** Run a program to its end. */
export async function run(argv: readonly string[], { cwd, env }: Surroundings): Promise<Ended> {
  const command = new Deno.Command(argv[0], {
    args: argv.slice(1),
    cwd,
    env,
    clearEnv: true,
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Does a program of this name run? */
export async function installed(name: string): Promise<boolean> {
  try {
    const command = new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
