/**
 * How a call enters the fake kernel, what a descriptor means to it, and how it waits.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeMachine } from "./fake_machine.ts";
import { attempt } from "./fake_peers.ts";
import { type FakeSocket, Refused } from "./fake_socket.ts";
import type { FaultCall } from "./faults.ts";

/** Descriptors one wait reports. Fewer than linux.ts's, so that tests meet the limit. */
const EVENTS = 64;
/** Virtual time of a wait that does not sleep, in milliseconds: a loop that never sleeps sees time pass. */
const LOOK = 0.001;
/** Waits in a row that did not sleep, after which the switch is said to spin. */
const SPIN = 200_000;

/** See the head of this file. */
export abstract class FakeCalls extends FakeMachine {
  readonly readyToken: Int32Array = new Int32Array(EVENTS);
  readonly readyBits: Int32Array = new Int32Array(EVENTS);
  #looks = 0;
  #disposed = false;

  dispose(): void {
    this.#disposed = true;
  }

  /** Ask the fault script first; `limit` is what a short count leaves. */
  protected call(name: FaultCall, fd: number, body: (limit: number) => number): number {
    if (this.#disposed) throw new Error(`Cannot call ${name}(): the kernel was disposed of`);
    const strike = this.faults.strike(name, fd);
    if (strike?.error !== undefined) return -strike.error;
    return attempt(() => body(strike?.short ?? Infinity));
  }

  protected addSocket(socket: FakeSocket): number {
    return this.descriptors.add({ kind: "socket", socket });
  }

  protected socketOf(fd: number): FakeSocket {
    const open = this.descriptors.get(fd);
    if (open.kind !== "socket") throw new Refused(Errno.ENOTSOCK);
    return open.socket;
  }

  /** A stream call on a datagram socket is a bug of the switch that Linux would hide. */
  protected datagramOf(fd: number): FakeSocket {
    const socket = this.socketOf(fd);
    if (socket.type !== SocketType.DGRAM) throw new Error(`A datagram call on stream ${fd}`);
    return socket;
  }

  protected streamOf(fd: number): FakeSocket {
    const socket = this.socketOf(fd);
    if (socket.type !== SocketType.STREAM) {
      throw new Error(`A stream call on datagram socket ${fd}`);
    }
    return socket;
  }

  protected wakesOf(fd: number): { count: number; additions: number } {
    const open = this.descriptors.get(fd);
    if (open.kind !== "wake") throw new Refused(Errno.EINVAL);
    return open;
  }

  protected addWake(fd: number): number {
    const wakes = this.wakesOf(fd);
    wakes.count++;
    wakes.additions++;
    return 0;
  }

  /**
   * Let time pass until something is ready.
   *
   * @param collect fills in what is ready and counts it
   * @param next when something becomes ready by itself, in ms
   */
  protected sleep(
    microseconds: number,
    collect: () => number = () => this.#collect(),
    next: () => number = () => Infinity,
  ): number {
    const deadline = microseconds < 0 ? Infinity : this.clock.now + microseconds / 1000;
    for (;;) {
      this.clock.runDue();
      const n = collect();
      if (n > 0 || microseconds === 0) return this.#looked(n);
      if (this.clock.now >= deadline) return 0;
      const until = Math.min(this.clock.next, next(), deadline);
      if (until === Infinity) throw new Error("Deadlock in the fake: nobody will ever wake");
      this.clock.now = until;
      this.#looks = 0;
    }
  }

  #collect(): number {
    return this.descriptors.collect(this.readyToken, this.readyBits, (fd) => this.#lost(fd));
  }

  #looked(n: number): number {
    this.clock.now += LOOK;
    if (++this.#looks > SPIN) throw new Error(`The switch spins: ${SPIN} waits without a sleep`);
    return n;
  }

  #lost(fd: number): boolean {
    return this.faults.strike("writable", fd) !== undefined;
  }
}
