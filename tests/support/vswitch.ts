/**
 * The switch as a user has it: a process that prints a ready line, obeys signals and tells its counters.
 *
 * Its output is collected as it comes. It cannot outlive the test: disposing of it kills it, and it dies
 * with the thread that started it.
 *
 * @module
 */
import type { ReadyLine } from "../../src/control/ready.ts";
import type { StatsReport } from "../../src/control/reports.ts";
import { readLines } from "./read_lines.ts";
import { descriptorsOf, residentMib } from "./proc.ts";
import { spawnVswitch, type VswitchOptions } from "./spawn_vswitch.ts";
import { pause, until } from "./time.ts";

/** How a process ended. */
export interface End {
  readonly code: number;
  readonly signal: string | null;
  /** Milliseconds from the signal that asked for it. */
  readonly ms: number;
}

/** Longest time anything we wait for may take: far beyond every promise, so that only a fault reaches it. */
const PATIENCE_MS = 10_000;

/** See the head of this file. */
export class Vswitch implements AsyncDisposable {
  /** Whole lines of stdout so far. */
  readonly lines: string[] = [];
  /** stderr so far. */
  log = "";
  /** Milliseconds from its start to the ready line. */
  readyMs = 0;
  readonly #child: Deno.ChildProcess;
  readonly #started = performance.now();
  readonly #readers: Promise<void>[] = [];
  readonly #held: ReadableStream<Uint8Array> | undefined;
  #ready: ReadyLine | undefined;
  #status: Deno.CommandStatus | undefined;

  /** Start it without waiting for anything. */
  constructor(args: readonly string[], options: VswitchOptions = {}) {
    this.#child = spawnVswitch(args, options);
    void this.#child.status.then((status) => this.#status = status);
    if (options.holdStdout) this.#held = this.#child.stdout;
    else this.#readers.push(readLines(this.#child.stdout, (line) => this.#take(line)));
    this.#readers.push(readLines(this.#child.stderr, (line) => this.#tell(line)));
  }

  /** Start it and wait for its ready line. */
  static async start(args: readonly string[], options: VswitchOptions = {}): Promise<Vswitch> {
    const vswitch = new Vswitch(args, options);
    try {
      await vswitch.ready();
      return vswitch;
    } catch (error) {
      await vswitch.kill9();
      throw error;
    }
  }

  /** The ready line, once it has come. */
  async ready(): Promise<ReadyLine> {
    await this.#until("a ready line", () => this.#ready !== undefined);
    return this.#ready!;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#status === undefined;
  }

  /** Stdout lines that are statistics. */
  get reports(): StatsReport[] {
    return this.lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "stats");
  }

  /** Lines of stderr so far. */
  get logLines(): string[] {
    return this.log.split("\n").filter((line) => line !== "");
  }

  /** Ask for the counters. By default not by SIGUSR1, on which the runtime starts a debugger of its own. */
  async stats(signal: "SIGUSR1" | "SIGUSR2" = "SIGUSR2"): Promise<StatsReport> {
    const before = this.reports.length;
    this.signal(signal);
    await this.#until("a statistics line", () => this.reports.length > before);
    return this.reports[before];
  }

  /** The counters once they are as `condition` wants them. */
  async statsWhen(
    what: string,
    condition: (stats: StatsReport) => boolean,
    milliseconds = 5000,
  ): Promise<StatsReport> {
    let stats = await this.stats();
    const started = performance.now();
    while (!condition(stats)) {
      if (performance.now() - started > milliseconds) {
        throw new Error(`Waited in vain: ${what}; the counters are ${JSON.stringify(stats)}`);
      }
      await pause(2);
      stats = await this.stats();
    }
    return stats;
  }

  /** Send a signal; nothing happens when it has ended. */
  signal(signal: Deno.Signal): void {
    try {
      if (this.alive) Deno.kill(this.pid, signal);
    } catch (error) { // it has ended, and we have not heard of it yet
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Send signals one after the other and wait for the end. */
  async stop(...signals: Deno.Signal[]): Promise<End> {
    const asked = performance.now();
    for (const signal of signals.length > 0 ? signals : ["SIGTERM" as const]) {
      if (!this.alive) break;
      this.signal(signal);
      await pause(2);
    }
    return await this.ended(asked);
  }

  /** Wait until it has ended. */
  async ended(since: number = this.#started): Promise<End> {
    await this.#until("its end", () => !this.alive, false);
    const ms = performance.now() - since;
    await Promise.all(this.#readers);
    return { code: this.#status!.code, signal: this.#status!.signal, ms };
  }

  /** End it without a chance to clean up. */
  async kill9(): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.status;
    await this.#held?.cancel();
    await Promise.all(this.#readers);
  }

  fds(): string[] {
    return descriptorsOf(this.pid);
  }

  residentMib(): number {
    return residentMib(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
  }

  async #until(what: string, condition: () => boolean, living = true): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    await until(`${what} of the switch`, () => {
      if (condition()) return true;
      if (living && !this.alive) {
        throw new Error(`The switch ended (${JSON.stringify(this.#status)}): ${this.log}`);
      }
      if (performance.now() < deadline) return false;
      throw new Error(`Waited ${PATIENCE_MS} ms in vain for ${what}; its log: ${this.log}`);
    }, 2 * PATIENCE_MS);
  }

  #take(line: string): void {
    this.lines.push(line);
    this.#lookForReady(line);
  }

  #tell(line: string): void {
    this.log += line + "\n";
    this.#lookForReady(line); // --ready-fd 2
  }

  #lookForReady(line: string): void {
    if (this.#ready !== undefined || !line.startsWith('{"event":"ready"')) return;
    this.readyMs = performance.now() - this.#started;
    this.#ready = JSON.parse(line);
  }
}
