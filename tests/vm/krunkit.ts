/**
 * The test's side of a krunkit-like VM: starts it and hears how its transfers went.
 *
 * @module
 */
import { readLines } from "../support/read_lines.ts";
import type { Lab } from "./lab.ts";
import { Process } from "./process.ts";
import type { Outcome } from "./tcp_connection.ts";
import type { Census } from "./tcp_host.ts";

/** What the VM is. */
export interface KrunkitTask {
  /** The last part of its addresses, as a guest's. */
  readonly number: number;
  /** The switch's socket, and its own. */
  readonly path: string;
  readonly own: string;
  /** Large frames and unfinished checksums, as with `offloading=on`. */
  readonly offload: boolean;
  /** Bytes a client of its source gets. */
  readonly bytes: number;
}

/** A line of its output. */
export interface KrunkitReport {
  readonly event: "up" | "ended";
  readonly outcome?: Outcome;
  readonly census: Census;
}

/** See the head of this file. */
export class Krunkit implements AsyncDisposable {
  readonly ip: string;
  readonly ip6: string;
  readonly #process: Process;
  readonly #reader: Promise<void>;
  readonly #waiting: PromiseWithResolvers<KrunkitReport>[] = [];
  readonly #reports: KrunkitReport[] = [];

  private constructor(number: number, process: Process) {
    this.ip = `10.0.0.${number}`;
    this.ip6 = `fd00::${number}`;
    this.#process = process;
    this.#reader = this.#read();
  }

  /** Start one in a lab and wait until it is connected. */
  static async start(lab: Lab, task: Omit<KrunkitTask, "own">): Promise<Krunkit> {
    const whole: KrunkitTask = { ...task, own: lab.path(`krun-net-${task.number}.sock`) };
    const program = `${import.meta.dirname}/krunkit_program.ts`;
    const argv = [Deno.execPath(), "run", "-A", program, JSON.stringify(whole)];
    const krunkit = new Krunkit(task.number, lab.start(argv, { pipeStdout: true }));
    await krunkit.#next();
    return krunkit;
  }

  /** The next transfer that ends, and what the VM has seen until then. */
  async next(): Promise<{ outcome: Outcome; census: Census }> {
    const { outcome, census } = await this.#next();
    return { outcome: outcome!, census };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.end();
    await this.#reader;
  }

  async #read(): Promise<void> {
    await readLines(this.#process.stdout, (line) => this.#hear(JSON.parse(line)));
    for (const one of this.#waiting.splice(0)) {
      one.reject(new Error(`the krunkit-like VM has ended: ${this.#process.logTail()}`));
    }
  }

  #next(): Promise<KrunkitReport> {
    const report = Promise.withResolvers<KrunkitReport>();
    const early = this.#reports.shift();
    if (early === undefined) this.#waiting.push(report);
    else report.resolve(early);
    return report.promise;
  }

  #hear(report: KrunkitReport): void {
    const first = this.#waiting.shift();
    if (first === undefined) this.#reports.push(report);
    else first.resolve(report);
  }
}
