/**
 * The recipe of eight_streams.ts on the kernel this test runs on: the engine, driven turn by turn, and its VMs are in
 * one process and speak over real sockets. Refusals and lost events are put in at the seam.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Kernel } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import type { CountingKernel } from "../support/counting_kernel.ts";
import { DgramVm } from "../support/dgram_vm.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { dice } from "../support/faults.ts";
import { hideWritable, Refusals, refuseAtSeam } from "../support/refusals.ts";
import { StreamVm } from "../support/stream_vm.ts";
import { burst, Guest, ports } from "./eight_streams.ts";

const ARENA_BYTES = 384 << 20, VM_ARENA_BYTES = 64 << 20;
/** Asked for the switch's sockets, however much it asks for: a few frames fill them. */
const BUFFER = 24 << 10;
/** Most frames of a burst of a VM, and the part of the VMs that read between two turns. */
const MOST = 4, READERS = 1 / 4;
/** Turns between two bursts, at most, and the longest time one of them sleeps, in ms. */
const TURNS = 8, TURN_MS = 0.05;
/** Rounds in which nothing came any more, after which nothing will; and rounds to get there. */
const QUIET = 50, ROUNDS = 20_000;

/** A VM on a real socket. */
class RealGuest extends Guest {
  readonly vm: DgramVm | StreamVm;

  constructor(n: number, vm: DgramVm | StreamVm) {
    super(n);
    this.vm = vm;
    vm.onFrame = (frame) => this.hear(frame);
  }

  protected override put(frame: Uint8Array): boolean {
    return this.vm.sendBytes(frame);
  }
}

/** See the head of this file. */
export class RealStress implements Disposable {
  readonly lab: FakeSwitch;
  readonly guests: RealGuest[] = [];
  readonly refusals: Refusals;
  /** Frames sent. */
  tag = 0;
  readonly #folder = Deno.makeTempDirSync({ prefix: "vs." });
  readonly #kernel = openKernel(ARENA_BYTES);
  readonly #vmKernel = openKernel(VM_ARENA_BYTES);
  readonly #roll: () => number;

  constructor(seed: number, lost: "half" | "all") {
    const kernel = this.#kernel;
    this.#roll = dice(seed);
    this.refusals = new Refusals(this.#roll, () => kernel.now());
    const setBuffers: Kernel["setBuffers"] = kernel.setBuffers.bind(kernel);
    Object.defineProperty(kernel, "setBuffers", { value: (fd: number) => setBuffers(fd, BUFFER) });
    hideWritable(kernel, () => lost === "all" || this.#roll() < 1 / 2);
    refuseAtSeam(kernel, this.refusals);
    this.lab = new FakeSwitch({}, asCountingKernel(kernel)).open(...ports(this.#folder));
    for (const { kind, target } of ports(this.#folder)) {
      const n = this.guests.length + 1, path = target;
      const vm = kind === "stream"
        ? new StreamVm(this.#vmKernel, n, { path })
        : new DgramVm(this.#vmKernel, n, { path, own: `${path}.vm`, like: "vfkit" });
      this.guests.push(new RealGuest(n, vm));
      this.guests[n - 1].hello();
      this.lab.settle();
    }
  }

  /** `bursts` of every VM, while some of them read. */
  run(bursts: number): void {
    for (let i = 0; i < bursts; i++) {
      if (i % 100 === 99) this.refusals.storm(5);
      this.burst();
      const turns = 1 + Math.floor(this.#roll() * TURNS);
      for (let turn = 0; turn < turns; turn++) {
        this.lab.run(TURN_MS);
        for (const { vm } of this.guests) if (this.#roll() < READERS) vm.poll();
      }
    }
    this.lab.assertBalanced();
  }

  /** Each VM sends some frames at once. */
  burst(): void {
    this.tag = burst(this.guests, this.#roll, MOST, this.tag);
  }

  /** Nothing is refused without a reason any more, and nothing is sent: all that waits arrives. */
  drain(): void {
    this.refusals.on = false;
    for (let round = 0, quiet = 0; quiet < QUIET; round++) {
      assert(round < ROUNDS, `frames are stuck: ${this.lab.balance()}`);
      this.lab.run(TURN_MS);
      let came = this.lab.kernel.found;
      for (const { vm } of this.guests) came += vm.poll();
      const waits = this.lab.sum("queued") > 0 || this.lab.engine.unfinished;
      quiet = came > 0 || waits ? 0 : quiet + 1;
    }
  }

  [Symbol.dispose](): void {
    for (const { vm } of this.guests) vm.close();
    this.#vmKernel.dispose();
    this.#kernel.dispose();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** What {@linkcode FakeSwitch} asks its kernel beyond a kernel's calls. Descriptors are the test's to count. */
function asCountingKernel(kernel: Kernel): CountingKernel {
  const available = kernel.arena.available;
  const wait = kernel.wait.bind(kernel);
  const counting = kernel as Kernel & { found: number };
  counting.found = 0;
  Object.defineProperties(kernel, {
    wait: { value: (microseconds: number) => counting.found = wait(microseconds) },
    arenaTaken: { value: () => available - kernel.arena.available },
    openDescriptors: { value: () => [] },
  });
  return kernel as unknown as CountingKernel;
}
