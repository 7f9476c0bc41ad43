/**
 * A fake Mac for tests: the whole DarwinKernel over a libSystem of ours, in virtual time.
 *
 * To the switch it is a kernel, to a test it is what the fake Linux is: VMs, time, faults, files, and what was left
 * open. Only what DarwinKernel asks the runtime itself is answered here: the clock, and lstat.
 *
 * @module
 */
import { type BulkChoice, DarwinKernel } from "../../src/platform/darwin.ts";
import type { PathInfo } from "../../src/platform/kernel.ts";
import type { CountingKernel } from "./counting_kernel.ts";
import { type DarwinOptions, FakeDarwinMachine } from "./fake_darwin_machine.ts";
import { fakeLibSystem } from "./fake_libsystem.ts";
import type { FaultCall } from "./faults.ts";

/** What a test uses of the machine. */
type Machine = Pick<
  FakeDarwinMachine,
  | "clock"
  | "faults"
  | "files"
  | "at"
  | "peerStream"
  | "peerDgram"
  | "inherit"
  | "inheritPipe"
  | "startProcess"
  | "descriptorFlags"
  | "openDescriptors"
>;

/** See the head of this file. */
export class FakeDarwin extends DarwinKernel {
  readonly machine: FakeDarwinMachine;
  readonly calls: Map<FaultCall, number>;
  /** Descriptors the last wait found ready. */
  found = 0;
  readonly #taken: number;

  /** @param library makes another libSystem than the faithful one */
  constructor(options: DarwinOptions = {}, bulk: BulkChoice = "auto", library = fakeLibSystem) {
    const machine = new FakeDarwinMachine(options);
    const { arena } = machine;
    const release = () => machine.dispose();
    super({ ...library(machine), arena, release }, bulk);
    this.machine = machine;
    this.calls = machine.calls;
    machine.oneByOne = this.bulk === "sendmsg/recvmsg";
    machine.calls.clear();
    this.#taken = machine.arenaTaken();
    for (const name of DELEGATED) {
      const value = machine[name];
      const mine = typeof value === "function" ? (value as () => unknown).bind(machine) : value;
      Object.defineProperty(this, name, { value: mine });
    }
  }

  override now(): number {
    return this.machine.clock.now;
  }

  override stat(path: string): PathInfo | undefined {
    return this.machine.files.stat(path);
  }

  override wait(microseconds: number): number {
    return this.found = super.wait(microseconds);
  }

  callsOf(name: FaultCall): number {
    return this.calls.get(name) ?? 0;
  }

  arenaTaken(): number {
    return this.machine.arenaTaken() - this.#taken;
  }

  assertNothingLeft(): void {
    const open = this.machine.openDescriptors();
    if (open.length > 0) throw new Error(`Descriptors left open: ${open.join(", ")}`);
    if (this.arenaTaken() > 0) throw new Error(`Arena memory not given back: ${this.arenaTaken()}`);
  }
}

export interface FakeDarwin extends Machine {}

const DELEGATED: readonly (keyof Machine)[] = [
  "clock",
  "faults",
  "files",
  "at",
  "peerStream",
  "peerDgram",
  "inherit",
  "inheritPipe",
  "startProcess",
  "descriptorFlags",
  "openDescriptors",
];

/** The same as the fake Linux to a test that does not care which it is. */
export function asCountingKernel(mac: FakeDarwin): CountingKernel {
  return mac as unknown as CountingKernel;
}
