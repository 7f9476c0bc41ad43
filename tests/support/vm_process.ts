/**
 * A VM in a process of its own: one that can be killed in the middle of anything, or stopped and left
 * standing. It cannot outlive the test.
 *
 * @module
 */
import { isStopped } from "./proc.ts";
import { readLines } from "./read_lines.ts";
import { until } from "./time.ts";

/** What the VM is and does. */
export interface VmTask {
  readonly like: "vfkit" | "qemu" | "stream";
  /** The switch's socket, and its own for a datagram VM. */
  readonly path: string;
  readonly own?: string;
  readonly station: number;
  /** Station it sends to; every VM sends it one frame at first. */
  readonly to: number;
  /** Answer what arrives, send all the time, send half a frame, or nothing more. */
  readonly role: "echo" | "blast" | "half" | "quiet";
  /** Length of the frames of a blaster. */
  readonly length?: number;
}

/** What the VM has done so far. */
export interface VmReport {
  readonly sent: number;
  readonly got: number;
}

/** See the head of this file. */
export class VmProcess implements AsyncDisposable {
  report: VmReport = { sent: 0, got: 0 };
  readonly #child: Deno.ChildProcess;
  readonly #reader: Promise<void>;
  #lines = 0;
  #ended = false;

  private constructor(task: VmTask) {
    const program = `${import.meta.dirname}/vm_program.ts`;
    this.#child = new Deno.Command("setpriv", {
      args: ["--pdeathsig", "KILL", Deno.execPath(), "run", "-A", program, JSON.stringify(task)],
      stdin: "null",
      stdout: "piped",
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).spawn();
    void this.#child.status.then(() => this.#ended = true);
    this.#reader = readLines(this.#child.stdout, (line) => {
      this.#lines++;
      this.report = JSON.parse(line);
    });
  }

  /** Start it and wait until it has sent its first frame. */
  static async start(task: VmTask): Promise<VmProcess> {
    const vm = new VmProcess(task);
    try {
      await until(`VM ${task.station} to start`, () => {
        if (vm.#ended) throw new Error(`VM ${task.station} has ended; its stderr says why`);
        return vm.#lines > 0;
      }, 10_000);
      return vm;
    } catch (error) {
      await vm.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Stop it as a debugger would: it reads nothing any more. */
  async freeze(): Promise<void> {
    Deno.kill(this.pid, "SIGSTOP");
    await until("the VM to stop", () => isStopped(this.pid));
  }

  thaw(): void {
    Deno.kill(this.pid, "SIGCONT");
  }

  /** SIGKILL; returns when it is gone. */
  async kill(): Promise<void> {
    if (!this.#ended) Deno.kill(this.pid, "SIGKILL");
    await this.#child.status;
    await this.#reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
