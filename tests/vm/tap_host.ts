/**
 * The test's side of a Linux host in a network namespace: whether there can be one, starting it, its counts.
 *
 * @module
 */
import { readLines } from "../support/read_lines.ts";
import { until } from "../support/time.ts";
import { output, Unavailable } from "./debian.ts";
import type { Lab } from "./lab.ts";
import { Process } from "./process.ts";

/** What the host is. */
export interface TapHostTask {
  /** The last part of its addresses, as a guest's. */
  readonly number: number;
  /** The switch's socket, and its own. */
  readonly path: string;
  readonly own: string;
  /** Capture file to write: frames the switch delivered. */
  readonly capture: string;
}

/** Frames it sent to and got from the switch, how many of them are to be cut, and those its kernel refused. */
export interface TapHostReport {
  readonly sent: number;
  readonly sentLarge: number;
  readonly received: number;
  readonly receivedLarge: number;
  readonly refused: number;
}

/** A namespace of its own, as root or as root of a user namespace. */
const UNSHARE = ["unshare", ...(Deno.uid() === 0 ? [] : ["-r"]), "-n"];

/** Why there can be no such host here; undefined when there can. */
export async function whyNoTapHost(): Promise<Unavailable | undefined> {
  const [program, ...args] = [...UNSHARE, "ip", "tuntap", "add", "mode", "tap"];
  try {
    await output(program, args);
    return undefined;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    return new Unavailable(`Cannot have a network namespace with a tap here; ${said}`, { cause });
  }
}

/** See the head of this file. */
export class TapHost implements AsyncDisposable {
  readonly ip: string;
  readonly ip6: string;
  report: TapHostReport | undefined;
  readonly #process: Process;
  readonly #reader: Promise<void>;

  private constructor(number: number, process: Process) {
    this.ip = `10.0.0.${number}`;
    this.ip6 = `fd00::${number}`;
    this.#process = process;
    this.#reader = readLines(process.stdout, (line) => this.report = JSON.parse(line));
  }

  /** Start one and wait until it is connected. */
  static async start(lab: Lab, task: Omit<TapHostTask, "own">): Promise<TapHost> {
    const whole: TapHostTask = { ...task, own: lab.path(`tap.${task.number}.sock`) };
    const program = `${import.meta.dirname}/tap_host_program.ts`;
    // without the project's configuration: there is no network in there to look for packages
    const deno = [Deno.execPath(), "run", "-A", "--no-config", program, JSON.stringify(whole)];
    const host = new TapHost(
      task.number,
      lab.start([...UNSHARE, ...deno], { pipeStdout: true }),
    );
    try {
      await host.settled();
      return host;
    } catch (error) {
      throw new Error(`The host does not start: ${host.#process.logTail()}`, { cause: error });
    }
  }

  /** Its counts, once they are of a moment after this one. */
  async settled(): Promise<TapHostReport> {
    this.report = undefined;
    await until("a report of the host", () => this.report !== undefined, 10_000);
    return this.report!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.end();
    await this.#reader;
  }
}
