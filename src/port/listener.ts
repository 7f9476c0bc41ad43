/**
 * A listening path: every connection becomes a port, of frames on the stream itself or of frames in memory
 * that the conversation on it is about (vhost-user).
 *
 * With `clients=many` each has a name of its own, `lan.1`, `lan.2`, and the smallest free number, so that a
 * VM that reconnects is usually called the same. With `replace` and `refuse` there is one, named as the port.
 *
 * Out of descriptors, Linux leaves the connection in the queue and reports it again at once: accepting
 * would spin. So the listener rests, longer each time up to a second, and the VMs stay in the queue.
 *
 * @module
 */
import { Errno, errnoName, Fault, judge } from "../platform/errno.ts";
import { Ready, SocketType } from "../platform/kernel.ts";
import { CLOSING_MAX, type Sharing } from "../platform/sharing.ts";
import type { PortConfig } from "./config.ts";
import type { Opened, Source, Switch } from "./port.ts";
import { hasRoom } from "./room.ts";
import { cannotOpen, type Claim, claim, release, removeFile } from "./socket_path.ts";
import { Watched } from "./watched.ts";

/** Connections that may wait; a whole rack of VMs reconnects at once after a restart of the switch. */
const BACKLOG = 1024;
/** Connections taken a turn. */
const ACCEPTS = 4;
/**
 * Connections a listener takes at once, and in the long run a second. A client that connects and goes in
 * a loop would otherwise take the time of everybody (17,000 a second delayed others by milliseconds); a
 * rack of VMs that comes back after a restart is served within a second.
 */
const BURST = 256, PER_SECOND = 500;
const REST_FIRST_MS = 50, REST_MOST_MS = 800;

/** A connection, as a port or with one. */
export interface Connection {
  readonly name: string;
  readonly row: number;
  /** Granted socket buffers in bytes, 0 where nothing depends on them. */
  readonly buffers: number;
  /** Handle what its VM has sent: that may be its end. */
  hear(): void;
  /** Somebody else takes its place: end, once what its VM has sent is read. */
  giveWay(reason: string): void;
  close(reason: string): void;
}

/** Makes the port of an accepted connection; `onClose` is called once, with everything released but the row. */
export type Connect = (
  host: Switch,
  config: PortConfig,
  name: string,
  row: number,
  fd: number,
  onClose: (ended: Connection, reason: string) => void,
) => Connection;

/** See the head of this file. */
export class Listener implements Source, Opened {
  readonly socket: "stream" | "vhost-user";
  readonly buffers = 0;
  readonly #make: Connect;
  readonly #switch: Switch;
  readonly #config: PortConfig;
  readonly #row: number;
  readonly #watched: Watched;
  readonly #claim: Claim | undefined;
  /** Connections by their number; with one client its number is 0. */
  readonly #ports = new Map<number, Connection>();
  #rest = REST_FIRST_MS;
  #closing = false;
  /** Somebody who has connected while the port has its VM, and has not spoken yet. */
  #newcomer: Watched | undefined;
  /** Connections that may be taken now, and when they were last counted. */
  #tokens = BURST;
  #counted = 0;

  /** @param made the bound socket; undefined for a descriptor we were given */
  constructor(
    host: Switch,
    config: PortConfig,
    fd: number,
    made: Claim | undefined,
    socket: "stream" | "vhost-user",
    make: Connect,
  ) {
    this.socket = socket;
    this.#make = make;
    this.#switch = host;
    this.#config = config;
    this.#row = host.enroll(config.name);
    this.#claim = made;
    this.#watched = new Watched(host, fd, this);
    this.#watched.read(true);
  }

  /** Bind the path and listen. */
  static open(
    host: Switch,
    config: PortConfig,
    socket: "stream" | "vhost-user",
    make: Connect,
  ): Opened {
    const made = claim(host, config, SocketType.STREAM);
    if (socket === "stream") host.kernel.refuseDescriptors(made.fd); // connections inherit it
    const listening = host.kernel.listen(made.fd, BACKLOG);
    if (listening < 0) {
      release(host.kernel, made);
      throw cannotOpen(config, `cannot listen on ${made.path} (${errnoName(listening)})`);
    }
    return new Listener(host, config, made.fd, made, socket, make);
  }

  ready(): void {
    const closing = this.#sharing?.closing(this.#config) ?? 0;
    if (closing > CLOSING_MAX) return this.#pause(REST_MOST_MS);
    for (let i = 0; i < ACCEPTS; i++) {
      if (!this.#mayAccept()) return this.#pause(1000 / PER_SECOND * ACCEPTS);
      const fd = this.#switch.kernel.accept(this.#watched.fd);
      if (fd < 0) return this.#acceptFailed(fd);
      this.#tokens--;
      this.#rest = REST_FIRST_MS;
      this.#admit(fd);
    }
  }

  tick(): void {
    this.#sharing?.closing();
  }

  quiesce(): void {
    this.#closing = true;
    this.#watched.stop();
    if (this.#claim !== undefined) removeFile(this.#switch.kernel, this.#claim);
  }

  close(): void {
    this.quiesce();
    for (const port of [...this.#ports.values()]) port.close("the switch stops");
    this.#dismissNewcomer();
    this.#discard(this.#watched.fd);
  }

  /** Close a socket, in which messages may wait. */
  #discard(fd: number): void {
    const sharing = this.#sharing;
    if (sharing === undefined) this.#switch.kernel.close(fd);
    else sharing.closeElsewhere(fd, this.#config);
  }

  /** What its messages bring descriptors by; undefined where they bring none. */
  get #sharing(): Sharing | undefined {
    return this.socket === "vhost-user" ? this.#switch.kernel.sharing : undefined;
  }

  #acceptFailed(error: number): void {
    if (error === -Errno.EAGAIN) return;
    // That client gave up, or we were interrupted; the next call may be fine.
    if (error === -Errno.EINTR || judge(error) === Fault.PEER) return;
    const text = `cannot accept a VM (${errnoName(error)}); trying again in ${this.#rest} ms; ` +
      'raise "ulimit -n"';
    this.#switch.log("error", this.#config.name, text);
    this.#pause(this.#rest);
    this.#rest = Math.min(this.#rest * 2, REST_MOST_MS);
  }

  /** Leave the queue alone for a while; those who wait in it stay there. */
  #pause(milliseconds: number): void {
    this.#watched.read(false);
    this.#switch.later(milliseconds, () => {
      if (!this.#closing) this.#watched.read(true);
    });
  }

  #mayAccept(): boolean {
    const { now } = this.#switch;
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#counted) * (PER_SECOND / 1000));
    this.#counted = now;
    return this.#tokens >= 1;
  }

  #admit(fd: number): void {
    const pid = this.#switch.kernel.peerOf(fd)?.pid ?? 0;
    const who = pid > 0 ? `pid ${pid}` : "a client";
    const single = this.#config.clients !== "many";
    if (single) this.#ports.get(0)?.hear(); // it may have gone, and this be its next life
    const old = this.#ports.get(0);
    if (single && old !== undefined) {
      if (this.#config.clients === "refuse") {
        this.#discard(fd);
        const text = `turned away ${who}: the port has its VM (clients=refuse)`;
        return this.#switch.log("warning", this.#config.name, text);
      }
      if (this.socket === "vhost-user") return this.#await(fd, who);
      old.giveWay(`${who} took its place`);
    }
    this.#connect(fd, single ? 0 : this.#freeNumber(), who);
  }

  /**
   * A front-end speaks first. Who does not only wants to know whether somebody listens, as another switch does before
   * it takes a path, and must not end the VM that is here.
   */
  #await(fd: number, who: string): void {
    this.#dismissNewcomer();
    const newcomer = new Watched(this.#switch, fd, {
      ready: (bits) => {
        if ((bits & Ready.GONE) !== 0) return this.#dismissNewcomer();
        newcomer.stop();
        this.#newcomer = undefined;
        this.#ports.get(0)?.giveWay(`${who} took its place`);
        this.#connect(fd, 0, who);
      },
    });
    this.#newcomer = newcomer;
    newcomer.read(true);
  }

  #dismissNewcomer(): void {
    if (this.#newcomer === undefined) return;
    this.#newcomer.stop();
    this.#discard(this.#newcomer.fd);
    this.#newcomer = undefined;
  }

  #connect(fd: number, number: number, who: string): void {
    const config = this.#config;
    const name = number === 0 ? config.name : `${config.name}.${number}`;
    const row = number === 0 ? this.#row : this.#switch.enroll(name);
    if (row < 0 || !hasRoom(this.#switch.kernel.arena, config.queue)) {
      if (row >= 0 && number > 0) this.#switch.dismiss(row, this.#row);
      this.#discard(fd);
      return this.#switch.log("error", config.name, `turned away ${who}: no room for more ports`);
    }
    const port = this.#make(this.#switch, config, name, row, fd, (ended, reason) => {
      this.#ports.delete(number);
      this.#switch.log("info", ended.name, `VM disconnected: ${reason}`);
      if (number > 0) this.#switch.dismiss(ended.row, this.#row);
    });
    this.#ports.set(number, port);
    const buffers = port.buffers === 0 ? "" : `; socket buffers: ${port.buffers}`;
    this.#switch.log("info", name, `VM connected: ${who}${buffers}`);
  }

  #freeNumber(): number {
    let number = 1;
    while (this.#ports.has(number)) number++;
    return number;
  }
}
