/**
 * Four VMs of every kind that all talk to each other, and come back when they are cut off.
 *
 * @module
 */
import type { ProcessLab } from "../support/process_lab.ts";
import { StreamVm } from "../support/stream_vm.ts";
import { pause, until } from "../support/time.ts";
import type { Vm } from "../support/vm.ts";

/** Ports the traffic needs. */
export const PORTS = ["a.sock", "lan=stream:b.sock", "many=c.sock,clients=many"];

/** See the head of this file. */
export class Traffic {
  /** Connections made again. */
  reconnects = 0;
  readonly #lab: ProcessLab;
  #vms: Vm[];

  constructor(lab: ProcessLab) {
    this.#lab = lab;
    this.#vms = [
      lab.dgram(1, "a.sock"),
      lab.stream(2, "b.sock"),
      lab.stream(3, "b.sock"),
      lab.dgram(4, "c.sock", "qemu"),
    ];
  }

  /** Let all hear each other, however often they have to connect for it. */
  async meet(): Promise<void> {
    let looks = 0;
    const heard = () =>
      this.#vms.every((vm) =>
        this.#vms.every((peer) => vm === peer || vm.from(peer.station).length > 0)
      );
    await until("all VMs to hear each other", () => {
      this.#reconnect();
      if (looks++ % 50 === 0) { for (const vm of this.#vms) vm.send(0xffff); }
      return this.#poll(), heard();
    }, 15_000);
    await this.settle();
    this.#forget();
  }

  /** Each VM sends a frame to each other one, `rounds` times; returns how many were sent. */
  async talk(rounds: number): Promise<number> {
    let sent = 0;
    for (let round = 0; round < rounds; round++) {
      for (const from of this.#vms) {
        for (const to of this.#vms) {
          if (from !== to && from.send(to.station, 60 + (sent * 37) % 1454)) sent++;
        }
      }
      await pause(2);
      this.#poll();
      this.#reconnect();
    }
    return sent;
  }

  /** Wait until nothing is under way any more: nothing arrives for a while. */
  async settle(): Promise<void> {
    do await pause(60); while (this.#poll() > 0);
  }

  /** Frames that have arrived where they were sent to since {@linkcode meet}; flooded ones count once. */
  get arrived(): number {
    this.#poll();
    return this.#vms.reduce(
      (sum, vm) => sum + vm.got.filter(({ to }) => to === vm.station).length,
      0,
    );
  }

  /** Throws when a frame was delivered twice, or overtook another of the same pair. */
  checkOrder(): void {
    for (const to of this.#vms) {
      const last = new Map<number, number>();
      for (const { from, seq } of to.got) {
        if (seq <= (last.get(from) ?? 0)) {
          throw new Error(`Frame ${seq} of ${from} came to ${to.station} after ${last.get(from)}`);
        }
        last.set(from, seq);
      }
    }
  }

  /** Bytes of unfinished frames in open connections. */
  get partial(): number {
    return this.#vms.reduce((sum, vm) => sum + (vm instanceof StreamVm ? vm.partial : 0), 0);
  }

  #poll(): number {
    return this.#vms.reduce((sum, vm) => sum + vm.poll(), 0);
  }

  /** As QEMU's reconnect does: another connection in place of one that has ended. */
  #reconnect(): void {
    this.#vms = this.#vms.map((vm) => {
      if (!(vm instanceof StreamVm) || !vm.ended) return vm;
      this.reconnects++;
      const again = this.#lab.stream(vm.station, "b.sock");
      vm.close();
      return again;
    });
  }

  #forget(): void {
    for (const vm of this.#vms) vm.got.length = 0;
  }
}
