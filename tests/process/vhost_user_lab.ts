/**
 * Guests of a switch that is a real process: their memory is this process's and the switch's, and nothing else is
 * between them. A guest verifies whatever arrives, and its memory when it goes.
 *
 * @module
 */
import { openKernel } from "../../src/platform/mod.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { EVERYBODY, makeFrame, readFrame } from "../support/test_frame.ts";
import { until } from "../support/time.ts";
import { FrontEnd, type Way } from "../support/vhost_frontend/front_end.ts";
import { Guest, type GuestPlan } from "../support/vhost_frontend/guest.ts";
import { boot, hello, start } from "../support/vhost_frontend/qemu.ts";
import type { Vswitch } from "../support/vswitch.ts";

/** Kernel of all guests. */
export const machine = openKernel(64 << 20, 2 ** 36);

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Let the switch run for a moment. */
export function nap(milliseconds = 0.2): void {
  Atomics.wait(sleeper, 0, 0, milliseconds);
}

/** A guest and its front-end. */
export class VhostVm {
  readonly station: number;
  readonly front: FrontEnd;
  /** Times that each frame of the other station arrived, by its number. */
  readonly got = new Map<number, number>();
  /** Numbers in the order in which they arrived. */
  readonly order: number[] = [];

  constructor(station: number, way: string | Way, plan: GuestPlan = {}) {
    this.station = station;
    this.front = new FrontEnd(new Guest(machine, plan), way, nap);
  }

  /** Connect and run, for the first time. */
  boot(): void {
    boot(this.front);
    this.front.guest.receive.fill(1600);
  }

  /** Connect again, as often as it takes, and go on where the rings are. */
  async reconnect(): Promise<void> {
    await until(`station ${this.station} to connect again`, () => {
      try {
        this.front.connect();
        return true;
      } catch {
        return false;
      }
    });
    for (const step of [...hello(this.front), ...start(this.front)]) step.run();
    for (const ring of this.front.guest.rings) ring.forceKick();
  }

  /** Make one frame available; false when the ring is full. */
  send(to: number, seq: number, length: number): boolean {
    return this.front.guest.transmit.transmit(
      makeFrame({ from: this.station, to, seq, length }),
    );
  }

  /** Take what has arrived. */
  poll(): void {
    const { receive, transmit } = this.front.guest;
    for (let one = receive.next(); one !== undefined; one = receive.next()) {
      const { seq, to } = readFrame(one.frame);
      if (to === EVERYBODY) continue;
      this.got.set(seq, (this.got.get(seq) ?? 0) + 1);
      this.order.push(seq);
    }
    receive.refill();
    transmit.reclaim();
  }

  close(verified = true): void {
    this.front.close(verified);
  }
}

/** See the head of this file. */
export class VhostLab extends ProcessLab {
  readonly vms: VhostVm[] = [];

  /** A `--port` of a name, its socket named like it. */
  port(name: string, kind = "vhost-user", options = ""): string[] {
    return ["--port", `${name}=${kind}:${this.path(`${name}.sock`)}${options}`];
  }

  vm(station: number, name: string, plan: GuestPlan = {}): VhostVm {
    const vm = new VhostVm(station, this.path(`${name}.sock`), plan);
    this.vms.push(vm);
    return vm;
  }

  /** Everybody greets everybody, and is known. */
  async greet(vswitch: Vswitch): Promise<void> {
    await vswitch.statsWhen("all addresses to be known", ({ ports }) => {
      for (const vm of this.vms) {
        vm.send(EVERYBODY, 0, 60);
        vm.poll();
      }
      return ports.every(({ macs }) => macs > 0);
    });
  }

  /** As many frames from one to the other, each arriving once. */
  async talk(from: VhostVm, to: VhostVm, first: number, frames: number): Promise<void> {
    let next = first;
    await until(`${frames} frames from ${from.station} to ${to.station}`, () => {
      for (let i = 0; i < 32 && next < first + frames; i++) {
        if (!from.send(to.station, next, 60 + next * 37 % 20_000)) break;
        next++;
      }
      for (const vm of this.vms) vm.poll();
      return Array.from({ length: frames }, (_, i) => to.got.get(first + i) === 1).every(Boolean);
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const vm of this.vms) vm.close(false);
    await super[Symbol.asyncDispose]();
  }
}
