/**
 * The recipe of eight_streams.ts on a fake machine, and what is watched meanwhile.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Egress } from "../../src/engine/egress.ts";
import { CountingKernel } from "../support/counting_kernel.ts";
import { asCountingKernel, FakeDarwin } from "../support/fake_darwin.ts";
import { LINUX_RULES } from "../support/fake_rules.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { dice } from "../support/faults.ts";
import { Refusals, refuseAtSeam, refusingLibrary } from "../support/refusals.ts";
import { burst, ports, rowOf } from "./eight_streams.ts";
import { FakeGuest } from "./fake_guest.ts";

/** Between two bursts, in ms: at least, and at most that much more. */
const BURST_MS = 15, BURST_MORE_MS = 5;
/** A storm of refusals begins this often and lasts this long, in ms. */
const STORM_EVERY_MS = 2000, STORM_MS = 60;

/** A run of the recipe. */
export interface Recipe {
  readonly system: "Darwin" | "Darwin, one by one" | "Linux";
  /** Which of the writable events never come. */
  readonly lost: "half" | "all" | "none";
  /** Most frames of one burst of one VM. */
  readonly most: number;
  readonly seed: number;
}

/** See the head of this file. */
export class FakeStress {
  readonly lab: FakeSwitch;
  readonly guests: FakeGuest[];
  readonly refusals: Refusals;
  /** Undefined on Linux. */
  readonly mac: FakeDarwin | undefined;
  /** Longest time in ms that a VM with room heard nothing while the switch had frames for it, storms apart. */
  longestStall = 0;
  /** Waits that were not to sleep and found nothing. */
  idleLooks = 0;
  /** Frames sent. */
  tag = 0;
  readonly #roll: () => number;
  readonly #most: number;
  #nextStorm = STORM_EVERY_MS;

  constructor({ system, lost, most, seed }: Recipe) {
    let kernel: CountingKernel | undefined = undefined;
    this.#roll = dice(seed);
    this.#most = most;
    this.refusals = new Refusals(this.#roll, () => kernel?.now() ?? 0);
    if (system === "Linux") kernel = new CountingKernel({ bufferLimit: 4 << 20 });
    else {
      this.mac = new FakeDarwin(
        {},
        system === "Darwin" ? "on" : "off",
        refusingLibrary(this.refusals),
      );
      kernel = asCountingKernel(this.mac);
    }
    this.lab = new FakeSwitch({}, kernel).open(...ports("/run"));
    this.guests = this.#join();
    if (this.mac === undefined) refuseAtSeam(kernel, this.refusals);
    if (lost !== "none") kernel.faults.on("writable", { every: lost === "all" ? 1 : 2 });
    this.#watch();
  }

  /** Traffic and refusals for a time. */
  run(ms: number): void {
    const { lab, refusals } = this;
    const end = lab.kernel.now() + ms;
    while (lab.kernel.now() < end) {
      if (refusals.on && lab.kernel.now() > this.#nextStorm) {
        refusals.storm(STORM_MS);
        this.#nextStorm += STORM_EVERY_MS;
      }
      this.burst();
      lab.run(BURST_MS + this.#roll() * BURST_MORE_MS);
    }
    lab.assertBalanced();
  }

  /** Each VM sends some frames at once. */
  burst(): void {
    this.tag = burst(this.guests, this.#roll, this.#most, this.tag);
  }

  /** Nothing is refused without a reason any more, and nothing is sent: all that waits arrives. */
  drain(): void {
    this.refusals.on = false;
    this.lab.run(1000);
  }

  #join(): FakeGuest[] {
    const { lab, mac } = this, { kernel } = lab;
    const around = {
      clock: kernel.clock,
      rules: mac?.machine.sockets ?? LINUX_RULES,
      roll: this.#roll,
      darwin: mac !== undefined,
    };
    return ports("/run").map(({ kind, target }, i) => {
      const vm = kind === "stream"
        ? kernel.peerStream(target)
        : kernel.peerDgram(target, { bind: `/run/vm${i}` });
      const guest = new FakeGuest(i + 1, vm, around);
      guest.hello();
      lab.run(10);
      guest.settle();
      return guest;
    });
  }

  /** Look at all VMs after each wait. */
  #watch(): void {
    const { lab, guests, refusals } = this, { kernel } = lab;
    const since = new Float64Array(guests.length).fill(Infinity);
    const arrived = new Float64Array(guests.length);
    const egress = guests.map((_, i) => {
      const member = lab.engine.members.find(({ port }) => port.name === rowOf(lab, i));
      assert(member !== undefined);
      return member;
    });
    const look = (i: number, now: number) => {
      const waits = has(egress[i]) && guests[i].hasRoom && guests[i].arrived === arrived[i];
      arrived[i] = guests[i].arrived;
      if (!waits || refusals.isStorm) since[i] = Infinity;
      else if (since[i] === Infinity) since[i] = now;
      else this.longestStall = Math.max(this.longestStall, now - since[i]);
    };
    const wait = kernel.wait.bind(kernel);
    const value = (microseconds: number) => {
      const n = wait(microseconds), now = kernel.now();
      if (n === 0 && microseconds === 0) this.idleLooks++;
      for (let i = 0; i < guests.length; i++) look(i, now);
      return n;
    };
    Object.defineProperty(kernel, "wait", { value });
  }
}

/** The switch has something for its VM. */
function has({ queued, port }: Egress): boolean {
  return queued > 0 || Boolean(port.unfinished);
}
