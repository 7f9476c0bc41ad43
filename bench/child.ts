/**
 * A program under test or the load generator: started on one CPU, spoken to by lines.
 *
 * @module
 */

/** One line of stdout that is a JSON object. */
export type Line = Record<string, unknown>;

/** Most bytes of stderr kept to explain a failure. */
const STDERR_KEPT = 4000;

/** A running program whose stdout is JSON lines (other lines are ignored). */
export class Child {
  /** The command, for messages. */
  readonly name: string;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: Line[] = [];
  readonly #reading: Promise<void>[];
  #stderr = "";
  #ended = false;
  #arrived = Promise.withResolvers<void>();

  /** Start a command, on one CPU if `cpu` is given (with taskset, which becomes the program: same pid). */
  constructor(command: readonly string[], cpu?: number) {
    const argv = cpu === undefined ? command : ["taskset", "-c", String(cpu), ...command];
    this.name = command.slice(0, 4).join(" ");
    this.#process = new Deno.Command(argv[0], {
      args: argv.slice(1),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = [this.#readLines(), this.#readStderr()];
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Write a line to the program's stdin. */
  async say(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /**
   * The next line whose `event` is the given one (undefined: any), skipping others.
   *
   * @throws Error when it does not come in time or the program ends, with the end of its stderr
   */
  async next(event: string | undefined, milliseconds: number): Promise<Line> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        if (event === undefined || line.event === event) return line;
      }
      const left = deadline - performance.now();
      if (this.#ended || left <= 0) {
        const what = this.#ended ? "it ended" : `${milliseconds} ms went by`;
        throw new Error(
          `Cannot get ${event ?? "a line"} from "${this.name}": ${what}\n${this.#stderr}`,
        );
      }
      await this.#arrival(left);
    }
  }

  /** End the program: close its stdin, SIGTERM, SIGKILL after two seconds. */
  async stop(pid: number = this.pid): Promise<void> {
    await this.#input.close().catch(() => {}); // it may have ended before
    if (!this.#ended) signal(pid, "SIGTERM");
    const timer = setTimeout(() => signal(this.pid, "SIGKILL"), 2000);
    await this.#process.status;
    clearTimeout(timer);
    await Promise.all(this.#reading);
  }

  /** Wait for the end after closing stdin, for a program that ends by that. */
  async finish(): Promise<void> {
    await this.#input.close().catch(() => {}); // it may have ended before
    await this.#process.status;
    await Promise.all(this.#reading);
  }

  async #arrival(milliseconds: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, milliseconds);
    await Promise.race([this.#arrived.promise, late.promise]);
    clearTimeout(timer);
  }

  async #readLines(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines.filter((line) => line.startsWith("{")).map((l) => JSON.parse(l)));
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }

  async #readStderr(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    }
  }
}

/** Let time go by. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Send a signal to a process that may have ended. */
function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof TypeError)) throw error;
  }
}
