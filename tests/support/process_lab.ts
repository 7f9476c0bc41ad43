/**
 * Where a test of the real process happens: a fresh folder, a kernel to play VMs with, and everything that
 * was started, ended with the test.
 *
 * @module
 */
import { type Kernel } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { DgramVm } from "./dgram_vm.ts";
import { StreamVm } from "./stream_vm.ts";
import { until } from "./time.ts";
import type { Vm } from "./vm.ts";
import { VmProcess, type VmTask } from "./vm_process.ts";
import type { VswitchOptions } from "./spawn_vswitch.ts";
import { Vswitch } from "./vswitch.ts";

const ARENA_BYTES = 512 << 20;

/** See the head of this file. */
export class ProcessLab implements AsyncDisposable {
  /** Its path is short: socket paths end at 107 bytes. */
  readonly folder: string = Deno.makeTempDirSync({ prefix: "vs." });
  readonly kernel: Kernel = openKernel(ARENA_BYTES);
  readonly #owned = new AsyncDisposableStack();
  #ownPaths = 0;

  constructor() {
    this.#owned.defer(() => Deno.removeSync(this.folder, { recursive: true }));
    this.#owned.defer(() => this.kernel.dispose());
  }

  /** A path in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** `--port` arguments; names in the folder, as `a.sock` or `lan=stream:b.sock,clients=many`. */
  ports(...specs: string[]): string[] {
    return specs.flatMap((spec) => {
      const [, head, name, rest] = /^((?:\w+=)?(?:\w+:)?)([^,]+)(.*)$/.exec(spec)!;
      return ["--port", head.endsWith("fd:") ? spec : `${head}${this.path(name)}${rest}`];
    });
  }

  /** Start the switch and wait until it is ready. */
  async start(args: readonly string[], options?: VswitchOptions): Promise<Vswitch> {
    return this.#owned.use(await Vswitch.start(args, options));
  }

  /** Start the switch and wait for nothing. */
  launch(args: readonly string[], options?: VswitchOptions): Vswitch {
    return this.#owned.use(new Vswitch(args, options));
  }

  /** A datagram VM in this process; `like` as in {@linkcode VmTask}. */
  dgram(station: number, name: string, like: "vfkit" | "qemu" = "vfkit"): DgramVm {
    const way = { path: this.path(name), own: this.ownPath(), like };
    return this.keep(new DgramVm(this.kernel, station, way));
  }

  /** A stream VM in this process. */
  stream(station: number, name: string): StreamVm {
    return this.keep(new StreamVm(this.kernel, station, { path: this.path(name) }));
  }

  /** A VM in a process of its own. */
  async process(task: Omit<VmTask, "path"> & { name: string }): Promise<VmProcess> {
    const { name, ...rest } = task;
    const own = rest.own ?? this.ownPath();
    return this.#owned.use(await VmProcess.start({ ...rest, path: this.path(name), own }));
  }

  /** A fresh path for a datagram VM. */
  ownPath(): string {
    return this.path(`vm${++this.#ownPaths}`);
  }

  /** Close a VM at the end, unless the test does. */
  keep<T extends Vm>(vm: T): T {
    let open = true;
    const close = vm.close.bind(vm);
    vm.close = () => {
      if (open) close();
      open = false;
    };
    this.#owned.defer(() => vm.close());
    return vm;
  }

  /**
   * Introduce VMs to the switch, so that it knows their addresses, and wait until each has heard each.
   * Frames in between are forgotten.
   */
  async introduce(...vms: Vm[]): Promise<void> {
    const known = () =>
      vms.every((vm) => vms.every((other) => vm === other || vm.from(other.station).length > 0));
    let again = 0;
    await until("all VMs to hear each other", () => {
      if (again++ % 50 === 0) { for (const vm of vms) vm.send(0xffff); }
      for (const vm of vms) vm.poll();
      return known();
    });
    await until("the rest of the greetings", () => vms.every((vm) => vm.poll() === 0));
    for (const vm of vms) vm.got.length = 0;
  }

  /** Send frames one after the other, each when the one before has arrived; returns the longest wait in ms. */
  async converse(from: Vm, to: Vm, frames: number, length?: number): Promise<number> {
    let longest = 0;
    for (let i = 0; i < frames; i++) {
      const before = to.from(from.station).length;
      await until("room to send", () => from.send(to.station, length));
      const took = await until(`frame ${i} from ${from.station} to ${to.station}`, () => {
        from.poll();
        to.poll();
        return to.from(from.station).length > before;
      });
      longest = Math.max(longest, took);
    }
    return longest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
