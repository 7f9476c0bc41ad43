/**
 * A child process of a test that cannot outlive it: a guest, a switch, a peer.
 *
 * Three habits in one place. The child dies with the test even if that is killed (`setpriv --pdeathsig`,
 * kept over exec). Its output goes to a file through `sh`, so no pipe has to be drained. And it can
 * inherit descriptors: Deno passes none above 2 on purpose, but a child keeps every descriptor that is not
 * close-on-exec, so the flag is cleared for exactly the time of the spawn. The number stays the same.
 *
 * @module
 */
import { inheriting } from "../support/descriptors.ts";

/** How to start a {@linkcode Process}. */
export interface ProcessOptions {
  /** File that gets stderr, and stdout unless it is piped. */
  readonly log: string;
  /** Descriptors of ours the child may use, by the same numbers. */
  readonly descriptors?: readonly number[];
  /** Give stdout to {@linkcode Process.stdout} instead of the log. */
  readonly pipeStdout?: boolean;
  /** Keep stdin open until the end, for programs that leave at its end of file. */
  readonly holdStdin?: boolean;
  readonly env?: Record<string, string>;
}

/** A running child. End it with {@linkcode Process.end} or `await using`. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #options: ProcessOptions;
  #status: Deno.CommandStatus | undefined;

  private constructor(child: Deno.ChildProcess, options: ProcessOptions) {
    this.#child = child;
    this.#options = options;
    void child.status.then((status) => this.#status = status);
  }

  /** Start a program by its full argument vector. */
  static start(argv: readonly string[], options: ProcessOptions): Process {
    const redirect = options.pipeStdout ? 'exec "$@" 2>>"$0"' : 'exec "$@" >>"$0" 2>&1';
    const command = new Deno.Command("setpriv", {
      args: ["--pdeathsig", "KILL", "sh", "-c", redirect, options.log, ...argv],
      stdin: options.holdStdin ? "piped" : "null",
      stdout: options.pipeStdout ? "piped" : "null",
      stderr: "null",
      ...(options.env ? { env: options.env } : {}),
    });
    return new Process(inheriting(options.descriptors ?? [], () => command.spawn()), options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#child.stdout;
  }

  /** How it ended, once it has. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  get alive(): boolean {
    return this.#status === undefined;
  }

  /** Send a signal; nothing happens when it has ended. */
  signal(signal: Deno.Signal): void {
    if (!this.alive) return;
    try {
      this.#child.kill(signal);
    } catch (error) { // it may end between the two lines
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Kill it and wait until it is gone. */
  async end(): Promise<Deno.CommandStatus> {
    this.signal("SIGKILL");
    const status = await this.#child.status;
    if (this.#options.holdStdin) await this.#child.stdin.close().catch(() => {});
    return status;
  }

  /** What it wrote so far, the last `characters` of it. */
  logTail(characters = 2000): string {
    try {
      return Deno.readTextFileSync(this.#options.log).slice(-characters);
    } catch {
      return ""; // nothing written yet
    }
  }

  /** User and system time so far, in seconds; 0 once it has ended. */
  cpuSeconds(): number {
    try {
      const stat = Deno.readTextFileSync(`/proc/${this.pid}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / 100; // USER_HZ is 100 on every Linux
    } catch {
      return 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
