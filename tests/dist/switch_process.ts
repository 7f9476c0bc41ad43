/**
 * A packaged switch that runs, from its ready line to its exit code.
 *
 * @module
 */
import type { Surroundings } from "./room.ts";

/** A line a switch prints when its ports are open, as far as the tests look at it. */
export interface Ready {
  readonly event: string;
  readonly pid: number;
  readonly ports: readonly { name: string; socket: string; path?: string; fd?: number }[];
}

const READY_MS = 10_000;

/** See the head of this file. Killed when disposed of. */
export class SwitchProcess implements AsyncDisposable {
  readonly ready: Ready;
  readonly #child: Deno.ChildProcess;
  readonly #stderr: Promise<string>;
  readonly #rest: Promise<void>;

  private constructor(
    child: Deno.ChildProcess,
    ready: Ready,
    rest: Promise<void>,
    stderr: Promise<string>,
  ) {
    this.#child = child;
    this.ready = ready;
    this.#rest = rest;
    this.#stderr = stderr;
  }

  /**
   * Start it and wait for its ready line.
   *
   * @param spawn starts the command; a test that passes descriptors on wraps the call
   */
  static async start(
    argv: readonly string[],
    { cwd, env }: Surroundings,
    spawn: (command: Deno.Command) => Deno.ChildProcess = (command) => command.spawn(),
  ): Promise<SwitchProcess> {
    const child = spawn(
      new Deno.Command(argv[0], {
        args: argv.slice(1),
        cwd,
        env,
        clearEnv: true,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }),
    );
    const stderr = new Response(child.stderr).text();
    const late = setTimeout(() => child.kill("SIGKILL"), READY_MS);
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let more = true; more && !text.includes("\n");) {
      const { value, done } = await lines.read();
      text += value ?? "";
      more = !done;
    }
    clearTimeout(late);
    if (!text.includes("\n")) {
      await child.status;
      throw new Error(
        `the switch ended, or took ${READY_MS} ms, without a ready line: ${await stderr}`,
      );
    }
    const rest = (async () => {
      while (!(await lines.read()).done);
    })();
    return new SwitchProcess(child, JSON.parse(text) as Ready, rest, stderr);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Ask it to end by a signal: its exit code, how long it took, and its log. */
  async end(signal: Deno.Signal): Promise<{ code: number; ms: number; stderr: string }> {
    const asked = performance.now();
    this.#child.kill(signal);
    const { code } = await this.#child.status;
    return { code, ms: performance.now() - asked, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
    await this.#child.status;
    await Promise.all([this.#rest, this.#stderr]);
  }
}
