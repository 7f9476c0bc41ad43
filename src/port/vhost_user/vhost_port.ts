/**
 * A vhost-user port: the virtio-net queues of one VM, in memory that it shares with us.
 *
 * A front-end (QEMU, Cloud Hypervisor) tells on its socket where the guest's memory and rings are
 * (session.ts); from then on frames move without it and without a system call. What the guest's driver
 * took of the offered features is the port's policy while it is up.
 *
 * ```
 *  connected --both rings run--> up --a ring stops, or is found broken--> connected
 * ```
 * A broken ring takes down its port only: the front-end is told by the ring's error descriptor, and the
 * port is up again when it sets the rings up anew, as it does when the guest restarts. What a ring holds stays in it
 * across all of this, and across the end of this process.
 *
 * One queue pair: ring 0 is where the guest receives, ring 1 where it transmits.
 *
 * @module
 */
import type { Gather } from "../../offload/gather.ts";
import { describePolicy } from "../../offload/describe_policy.ts";
import { Windows } from "../../frame/windows.ts";
import type { PortConfig } from "../config.ts";
import type { Connect, Connection } from "../listener.ts";
import { type Polled, type Port, type Switch, TX_GONE } from "../port.ts";
import { Watched } from "../watched.ts";
import { errnoName } from "../../platform/errno.ts";
import { Ready } from "../../platform/kernel.ts";
import type { Sharing } from "../../platform/sharing.ts";
import { Delivery } from "./delivery.ts";
import { Intake } from "./intake.ts";
import { ReceiveRing } from "./receive_ring.ts";
import { faultText, type Ring, type RingPlan } from "./ring.ts";
import type { RingState } from "./ring_state.ts";
import { Session } from "./session.ts";
import { TransmitRing } from "./transmit_ring.ts";

/** Rings by their index, as the guest sees them. */
const RECEIVE = 0, TRANSMIT = 1;

/** See the head of this file. */
export class VhostUserPort implements Port, Polled, Connection {
  readonly name: string;
  readonly row: number;
  /** As asked for until the guest has negotiated; then with what it took. */
  config: PortConfig;
  readonly pausable = true;
  readonly unfinished = false;
  readonly framed = false;
  readonly scatters = true;
  readonly buffers = 0;
  readonly pollMs: number;
  readonly #switch: Switch;
  readonly #asked: PortConfig;
  readonly #sharing: Sharing;
  readonly #session: Session;
  readonly #watched: Watched;
  readonly #onClose: (ended: Connection, reason: string) => void;
  readonly #windows: Windows;
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  #transmit: TransmitRing | undefined;
  #receive: ReceiveRing | undefined;
  /** Kick descriptors of the two rings, while they run. */
  readonly #kicks: { fd: number; token: number }[] = [];
  #isUp = false;
  #isReading = true;
  #isWaiting = false;
  /** It is waited for the other VMs of a switch that has just started. */
  #isHeld = false;
  /** Kicks for a ring in which nothing has ever been. */
  #idleKicks = 0;
  /** What is wrong with a ring, until somebody can be told. */
  #broken = "";
  #closed = false;

  /** @param onClose called once, when the conversation has ended and everything is released but the row */
  constructor(
    host: Switch,
    config: PortConfig,
    name: string,
    row: number,
    fd: number,
    onClose: (ended: Connection, reason: string) => void,
  ) {
    this.#switch = host;
    this.#asked = this.config = config;
    this.name = name;
    this.row = row;
    this.pollMs = config.pollUs / 1000;
    this.#onClose = onClose;
    this.#windows = new Windows(host.kernel.arena.u8.buffer);
    this.#intake = new Intake(host, this, this.#windows);
    this.#delivery = new Delivery(host, this, this.#windows);
    this.#sharing = host.kernel.sharing!;
    this.#session = new Session(host.kernel, this.#sharing, {
      name,
      config,
      halt: () => this.#halt(),
      resume: () => this.#resume(),
      log: (level, text) => host.log(level, name, text),
    }, fd);
    this.#watched = new Watched(host, fd, this);
    this.#watched.read(true);
  }

  /** The front-end says something. */
  ready(): void {
    if (!this.#session.read()) this.close(this.#session.reason);
  }

  lose(reason: string): void {
    if (this.#broken === "") return this.close(reason);
    const text = `${this.#broken}; the port is down until the guest sets it up again`;
    this.#switch.log("error", this.name, text);
    this.#broken = "";
    this.#halt();
    for (const { err } of this.#session.rings) if (err >= 0) this.#sharing.signal(err);
    this.#leave();
  }

  hear(): void {
    this.ready();
  }

  giveWay(reason: string): void {
    this.close(reason);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#halt();
    this.#leave();
    this.#watched.stop();
    this.#session.close();
    this.#sharing.closeElsewhere(this.#watched.fd, this.#asked);
    this.#onClose(this, reason);
  }

  // ---- the front-end sets up ----

  #halt(): void {
    this.#switch.unpoll(this);
    for (const { fd, token } of this.#kicks) this.#switch.unwatch(fd, token);
    this.#kicks.length = 0;
    const { rings } = this.#session;
    if (this.#receive !== undefined) rings[RECEIVE].base = this.#receive.next;
    if (this.#transmit !== undefined) rings[TRANSMIT].base = this.#transmit.next;
    this.#receive = this.#transmit = undefined;
  }

  #resume(): void {
    if (this.#closed) return;
    const { rings, features: took, memory, mtu } = this.#session;
    if (!rings[RECEIVE].ready || !rings[TRANSMIT].ready) return this.#leave();
    const windows = this.#windows;
    this.#receive = new ReceiveRing(windows, memory, plan(rings[RECEIVE], took), took.mergeable);
    this.#transmit = new TransmitRing(windows, memory, plan(rings[TRANSMIT], took));
    this.#kick(rings[RECEIVE].kick, () => this.#refilled());
    this.#kick(rings[TRANSMIT].kick, () => this.#kicked());
    const { sends, accepts, vnetHdr } = took;
    this.#join({ ...this.#asked, sends, accepts, vnetHdr, mtu: mtu || this.#asked.mtu });
    this.wantWrite(this.#isWaiting);
    this.#rouse();
  }

  /** Be up with this policy; a port that is up with the same one stays it. */
  #join(config: PortConfig): void {
    const { sends, accepts, vnetHdr, mtu } = this.config;
    const isSame = config.sends === sends && config.accepts === accepts &&
      config.vnetHdr === vnetHdr && config.mtu === mtu;
    if (this.#isUp && isSame) return;
    this.#leave();
    this.config = config;
    this.#isUp = true;
    this.#switch.join(this);
    this.#switch.log("info", this.name, `its guest negotiated: ${describePolicy(config)}`);
  }

  #leave(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#isWaiting = false;
    this.#switch.leave(this);
    this.#isReading = true; // it may have been paused, and nobody will resume what is not there
  }

  /**
   * Call back at each kick. The counter is never read: it is the front-end's as well, which could have emptied it
   * and made reading it wait.
   */
  #kick(fd: number, action: () => void): void {
    const source = {
      ready: () => {
        this.#switch.tally.rxCall(this.row);
        action();
      },
    };
    const token = this.#switch.watch(fd, source, Ready.READ | Ready.EDGE);
    if (token >= 0) return void this.#kicks.push({ fd, token });
    this.#switch.log(
      "error",
      this.name,
      `cannot wait for kicks (${errnoName(token)}); trying again`,
    );
    this.#switch.later(AGAIN_MS, () => {
      this.#halt();
      this.#resume();
    });
  }

  // ---- the guest transmits ----

  /** The guest says that there is something in its ring. */
  #kicked(): void {
    const ring = this.#transmit;
    if (ring?.isUntouched === true && ++this.#idleKicks === IDLE_KICKS) {
      const text = "its guest kicks, but its rings stay empty: the VM monitor does not share the " +
        "guest's memory; use share=on";
      this.#switch.log("warning", this.name, text);
    }
    this.#rouse();
  }

  poll(): boolean {
    let found = false;
    if (this.#isWaiting && this.#receive?.hasMore === true) {
      found = true;
      this.#switch.writable(this);
    }
    const ring = this.#transmit;
    if (ring === undefined || !this.#isReading || this.#isHeld) return found;
    const chains = this.#intake.read(ring);
    if (this.#switch.batch.count > 0) this.#switch.ingress(this);
    this.#publish(ring, TRANSMIT);
    if (chains < 0) this.#break("transmit", chains);
    return found || chains > 0;
  }

  giveBack(frames: number): void {
    this.#transmit?.giveBack(frames);
  }

  hush(): void {
    this.#transmit?.hush();
    this.#receive?.hush();
  }

  rest(): boolean {
    let isQuiet = true;
    if (this.#transmit !== undefined && this.#isReading && !this.#isHeld) {
      isQuiet = this.#transmit.ask() === 0;
    }
    if (this.#receive !== undefined && this.#isWaiting) {
      this.#receive.askMore();
      if (this.#receive.hasMore) isQuiet = false;
    }
    if (!isQuiet) this.hush();
    return isQuiet;
  }

  wantRead(on: boolean): void {
    this.#isReading = on;
    if (on) this.#rouse();
  }

  /** Look at the guest's ring, once those are there whom its frames may be for. */
  #rouse(): void {
    if (!this.#isReading || this.#transmit === undefined || this.#isHeld) return;
    this.#isHeld = this.#switch.isGathering;
    if (!this.#isHeld) return this.#switch.poll(this);
    this.#switch.later(GATHER_MS, () => {
      this.#isHeld = false;
      this.#rouse();
    });
  }

  // ---- the guest receives ----

  /** The guest says that it has given buffers. */
  #refilled(): void {
    this.#switch.writable(this);
    // What these did not take waits for the next: they are looked at before they are asked for.
    if (this.#isWaiting) this.#switch.poll(this);
  }

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    const ring = this.#receive;
    if (ring === undefined) return 0;
    return this.#delivered(ring, this.#delivery.send(ring, at, length, from, count));
  }

  txGather(gather: Gather): number {
    const ring = this.#receive;
    if (ring === undefined) return 0;
    return this.#delivered(ring, this.#delivery.sendGather(ring, gather));
  }

  wantWrite(on: boolean): void {
    this.#isWaiting = on;
    if (this.#receive === undefined) return;
    if (on) this.#switch.poll(this);
    else this.#receive.hush();
  }

  #delivered(ring: ReceiveRing, frames: number): number {
    this.#publish(ring, RECEIVE);
    const { fault } = this.#delivery;
    if (fault === 0) return frames;
    // What was delivered is told first; the next call finds the ring broken again and nothing else.
    if (frames > 0) return frames;
    this.#broken = `receive ring: ${faultText(fault)}`;
    return TX_GONE;
  }

  #publish(ring: Ring, index: number): void {
    if (!ring.publish()) return;
    const { call } = this.#session.rings[index];
    if (call < 0) return;
    this.#sharing.signal(call);
    this.#switch.tally.txCall(this.row);
  }

  #break(ring: string, fault: number): void {
    this.#broken = `${ring} ring: ${faultText(fault)}`;
    this.lose(this.#broken);
  }
}

/** Until another try when the kernel could not watch a descriptor. */
const AGAIN_MS = 10;
/** Kicks for an untouched ring until something must be wrong. */
const IDLE_KICKS = 3;
/** Between two looks whether all are there. */
const GATHER_MS = 20;

/** Makes the port of a front-end's connection. */
export const vhostUserPort: Connect = (host, config, name, row, fd, onClose) =>
  new VhostUserPort(host, config, name, row, fd, onClose);

function plan(
  { size, desc, avail, used, base }: RingState,
  { eventIdx, indirect }: { eventIdx: boolean; indirect: boolean },
): RingPlan {
  return { size, desc, avail, used, base, eventIdx, indirect };
}
