/**
 * The switch as its users see it: a program that prints a ready line, obeys signals and prints statistics.
 *
 * `VSWITCH` names another build to judge (words separated by spaces, e.g. `dist/vswitch`); without it the
 * sources of this repository run under the same deno as the test.
 *
 * @module
 */
import { Process } from "./process.ts";
import type { StatsLine } from "./stats.ts";

/** Arguments before `--port`. */
function program(): string[] {
  const chosen = Deno.env.get("VSWITCH")?.trim();
  if (chosen) return chosen.split(/\s+/);
  return [Deno.execPath(), "run", "-A", `${import.meta.dirname}/../../main.ts`];
}

/** What a switch process is started with. */
export interface SwitchOptions {
  /** Texts of `--port`. */
  readonly ports: readonly string[];
  /** Descriptors its `fd:` ports name. */
  readonly descriptors?: readonly number[];
  readonly log: string;
}

/** A switch: {@linkcode SwitchProcess.start} it, and again after it was stopped or killed. */
export class SwitchProcess implements AsyncDisposable {
  readonly #options: SwitchOptions;
  #running: Process | undefined;
  #waiting: PromiseWithResolvers<Record<string, unknown>>[] = [];
  #reader: Promise<void> = Promise.resolve();

  constructor(options: SwitchOptions) {
    this.#options = options;
  }

  /** Start it, each time with the same arguments, and wait for its ready line. */
  async start(): Promise<void> {
    const argv = [...program(), ...this.#options.ports.flatMap((port) => ["--port", port])];
    this.#running = Process.start(argv, {
      log: this.#options.log,
      descriptors: this.#options.descriptors ?? [],
      pipeStdout: true,
    });
    this.#reader = this.#read(this.#running);
    await this.#next("ready");
  }

  /** Ask for a statistics line by SIGUSR2. */
  async stats(): Promise<StatsLine> {
    const line = this.#next("stats");
    this.#process.signal("SIGUSR2");
    return await line as unknown as StatsLine;
  }

  /** SIGTERM; returns how many milliseconds it took to end, and throws unless it ended with 0. */
  async stop(): Promise<number> {
    const asked = performance.now();
    this.#process.signal("SIGTERM");
    const status = await this.#process.status;
    const took = performance.now() - asked;
    await this.#reader;
    if (status.code !== 0) {
      throw new Error(`SIGTERM ended the switch with ${status.code}: ${this.log}`);
    }
    return took;
  }

  /** End it without a chance to clean up. */
  async kill9(): Promise<void> {
    await this.#running?.end();
    await this.#reader;
  }

  /** User and system time so far, in seconds. */
  cpuSeconds(): number {
    return this.#process.cpuSeconds();
  }

  get alive(): boolean {
    return this.#process.alive;
  }

  /** The end of its log. */
  get log(): string {
    return this.#process.logTail();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
  }

  get #process(): Process {
    if (!this.#running) throw new Error("the switch was never started");
    return this.#running;
  }

  /** The next line of stdout, which must be JSON with this `event`. */
  async #next(event: string): Promise<Record<string, unknown>> {
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.push(answer);
    const late = setTimeout(
      () => answer.reject(new Error(`no ${event} line in 10 s: ${this.log}`)),
      10_000,
    );
    try {
      const line = await answer.promise;
      if (line.event === event) return line;
      throw new Error(`a ${event} line was due on stdout, this came: ${JSON.stringify(line)}`);
    } finally {
      clearTimeout(late);
    }
  }

  async #read(process: Process): Promise<void> {
    let rest = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    }
    const { code, signal } = await process.status;
    for (const waiting of this.#waiting.splice(0)) {
      waiting.reject(new Error(`the switch ended (${signal ?? code}): ${process.logTail()}`));
    }
  }

  #take(line: string): void {
    const waiting = this.#waiting.shift();
    try {
      waiting?.resolve(JSON.parse(line));
    } catch {
      waiting?.reject(new Error(`stdout of the switch is not JSON: ${line}`));
    }
  }
}
