/**
 * A vhost-user port: the virtio-net queues of one VM, in memory that it shares with us.
 *
 * A front-end (QEMU, Cloud Hypervisor) tells on its socket where the guest's memory and rings are
 * (session.ts); from then on frames move without it and without a system call (traffic.ts). What the guest's driver
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
import type { PortConfig } from "../config.ts";
import type { Connect, Connection } from "../listener.ts";
import type { Port, Switch } from "../port.ts";
import { Watched } from "../watched.ts";
import type { Sharing } from "../../platform/sharing.ts";
import { Kicks } from "./kicks.ts";
import { Session } from "./session.ts";
import { Traffic } from "./traffic.ts";

/** See the head of this file. */
export class VhostUserPort implements Port, Connection {
  readonly name: string;
  readonly row: number;
  /** As asked for until the guest has negotiated; then with what it took. */
  config: PortConfig;
  readonly pausable = true;
  readonly unfinished = 0;
  readonly framed = false;
  readonly scatters = true;
  readonly buffers = 0;
  readonly #switch: Switch;
  readonly #asked: PortConfig;
  readonly #sharing: Sharing;
  readonly #session: Session;
  readonly #watched: Watched;
  readonly #onClose: (ended: Connection, reason: string) => void;
  readonly #traffic: Traffic;
  readonly #kicks: Kicks;
  #isUp = false;
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
    this.#onClose = onClose;
    this.#sharing = host.kernel.sharing!;
    this.#session = new Session(host.kernel, this.#sharing, {
      name,
      config,
      halt: () => this.#halt(),
      resume: () => this.#resume(),
      log: (level, text) => host.log(level, name, text),
    }, fd);
    this.#traffic = new Traffic(host, this, this.#session);
    this.#kicks = new Kicks(host, this, () => {
      this.#halt();
      this.#resume();
    });
    this.#watched = new Watched(host, fd, this);
    this.#watched.read(true);
  }

  /** The front-end says something. */
  ready(): void {
    if (!this.#session.read()) this.close(this.#session.reason);
  }

  lose(reason: string): void {
    const traffic = this.#traffic;
    if (traffic.fault === "") return this.close(reason);
    const text = `${traffic.fault}; the port is down until the guest sets it up again`;
    this.#switch.log("error", this.name, text);
    traffic.fault = "";
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
    this.#kicks.stop();
    this.#traffic.halt();
  }

  #resume(): void {
    if (this.#closed) return;
    const { rings: [receive, transmit], features: took, mtu } = this.#session;
    if (!receive.ready || !transmit.ready) return this.#leave();
    this.#traffic.start();
    this.#kicks.watch(receive.kick, () => this.#traffic.refilled());
    this.#kicks.watch(transmit.kick, () => this.#kicked());
    const { sends, accepts, vnetHdr } = took;
    this.#join({ ...this.#asked, sends, accepts, vnetHdr, mtu: mtu || this.#asked.mtu });
    this.#traffic.resume();
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
    this.#switch.leave(this);
    this.#traffic.reset();
  }

  /** The guest says that there is something in its ring. */
  #kicked(): void {
    if (this.#traffic.isUntouched) this.#kicks.idle();
    this.#traffic.rouse();
  }

  // ---- the switch has frames ----

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    return this.#traffic.tx(at, length, from, count);
  }

  txGather(gather: Gather): number {
    return this.#traffic.txGather(gather);
  }

  wantWrite(on: boolean): void {
    this.#traffic.wantWrite(on);
  }

  wantRead(on: boolean): void {
    this.#traffic.wantRead(on);
  }

  giveBack(frames: number): void {
    this.#traffic.giveBack(frames);
  }
}

/** Makes the port of a front-end's connection. */
export const vhostUserPort: Connect = (host, config, name, row, fd, onClose) =>
  new VhostUserPort(host, config, name, row, fd, onClose);
