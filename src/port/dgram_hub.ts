/**
 * A datagram path with many VMs (`clients=many`), told apart by the address they send from.
 *
 * A datagram socket has no accept(), and a VM that has connected to a socket hears that socket only. So
 * each VM that comes connected (vfkit, libkrun) gets the socket it came to for itself, and a fresh one takes
 * the path in its place, by rename, so that the path is never without a socket. That keeps one VM's full
 * queue from using up the send buffer of another's. Senders that do not connect (QEMU) all arrive at the
 * socket that holds the path; the kernel queues at most ten datagrams to such a VM, so they can share it.
 *
 * These sockets stay unconnected, since more than one VM may have connected to the same one before the
 * first of them spoke: every datagram names its receiver, which costs a look-up of the path in the kernel.
 *
 * @module
 */
import { Fault, judge } from "../platform/errno.ts";
import { type Peer, SocketType } from "../platform/kernel.ts";
import { MESSAGES } from "./batch.ts";
import type { PortConfig } from "./config.ts";
import { DGRAM_BUFFER_BYTES, DgramPort } from "./dgram.ts";
import { discardDatagrams } from "./dgram_discard.ts";
import { DgramClient } from "./dgram_client.ts";
import { describe, isHello, Life, probe, resetNames } from "./dgram_peer.ts";
import type { Opened, Source, Switch } from "./port.ts";
import { hasRoom } from "./room.ts";
import { type Claim, claim, claimBeside, release, removeFile } from "./socket_path.ts";
import { Watched } from "./watched.ts";

/** Bind a datagram path, for one VM or many. */
export function openDgram(host: Switch, config: PortConfig): Opened {
  return config.clients === "many" ? new DgramHub(host, config) : DgramPort.open(host, config);
}

/** Added to the path for the moment between bind and rename. */
const NEXT = ".new";
/** Silent VMs looked at in one tick. */
const LOOKS = 32;

/** One of the hub's sockets and the VMs that talk through it. */
class HubSocket implements Source {
  readonly watched: Watched;
  readonly clients = new Set<DgramClient>();
  readonly #hub: DgramHub;

  constructor(hub: DgramHub, host: Switch, fd: number) {
    this.#hub = hub;
    this.watched = new Watched(host, fd, this);
    this.watched.read(true);
  }

  ready(): void {
    this.#hub.receive(this);
  }
}

/** See the head of this file. */
export class DgramHub implements Opened {
  readonly socket = "dgram";
  readonly buffers: number;
  readonly #switch: Switch;
  readonly #config: PortConfig;
  readonly #row: number;
  readonly #sockets = new Set<HubSocket>();
  /** VMs by a hash of their address; several under one hash in the same list. */
  readonly #clients = new Map<number, DgramClient[]>();
  readonly #numbers = new Set<number>();
  #claim: Claim;
  #front: HubSocket;
  #closing = false;
  /** Whose turn it is to be looked at. */
  #looked = 0;

  constructor(host: Switch, config: PortConfig) {
    this.#switch = host;
    this.#config = config;
    this.#claim = claim(host, config, SocketType.DGRAM, NEXT.length);
    this.#row = host.enroll(config.name);
    this.buffers = host.kernel.setBuffers(this.#claim.fd, DGRAM_BUFFER_BYTES);
    this.#front = this.#addSocket(this.#claim.fd);
    const text = `socket buffers: asked ${DGRAM_BUFFER_BYTES}, got ${this.buffers}`;
    host.log("info", config.name, text);
  }

  /** Read one batch of a socket; each run of datagrams of one VM is a batch of its own. */
  receive(socket: HubSocket): boolean {
    const { kernel, memory, batch, tally } = this.#switch;
    const table = memory.rxNamed;
    resetNames(table);
    tally.rxCall(this.#row);
    const n = kernel.receive(socket.watched.fd, table, MESSAGES);
    if (n <= 0) {
      if (n < 0 && judge(n) === Fault.BROKEN) socket.watched.stop();
      return false;
    }
    let from = 0;
    while (from < n) {
      const client = this.#senderOf(socket, from);
      let next = from + 1;
      while (next < n && client !== undefined && client.isSender(table, next)) next++;
      batch.count = 0;
      for (let i = from; i < next; i++) this.#take(client, memory.slot[i], table.received(i));
      if (client !== undefined && batch.count > 0) this.#switch.ingress(client);
      from = next;
    }
    return true;
  }

  tick(): void {
    const clients = this.#all();
    for (let i = 0; i < Math.min(LOOKS, clients.length); i++) {
      clients[this.#looked++ % clients.length].tick();
    }
  }

  quiesce(): void {
    this.#closing = true;
    for (const socket of this.#sockets) socket.watched.stop();
    removeFile(this.#switch.kernel, this.#claim);
  }

  close(): void {
    this.quiesce();
    for (const client of this.#all()) client.lose("the switch stops");
    for (const socket of this.#sockets) {
      discardDatagrams(this.#switch, socket.watched.fd, this.#row);
      this.#switch.kernel.close(socket.watched.fd);
    }
  }

  /** A VM is gone: forget it, and its socket when it was the last there. */
  remove(client: DgramClient, socket: HubSocket): void {
    const others = this.#clients.get(client.hash)!.filter((other) => other !== client);
    if (others.length > 0) this.#clients.set(client.hash, others);
    else this.#clients.delete(client.hash);
    this.#numbers.delete(client.number);
    socket.clients.delete(client);
    this.#switch.dismiss(client.row, this.#row);
    if (socket.clients.size > 0 || socket === this.#front) return;
    socket.watched.stop();
    this.#switch.kernel.close(socket.watched.fd);
    this.#sockets.delete(socket);
  }

  #all(): DgramClient[] {
    return [...this.#clients.values()].flat();
  }

  #addSocket(fd: number): HubSocket {
    const socket = new HubSocket(this, this.#switch, fd);
    this.#sockets.add(socket);
    return socket;
  }

  #take(client: DgramClient | undefined, at: number, length: number): void {
    const { kernel, tally } = this.#switch;
    if (client === undefined) return tally.lost(this.#row, "stranger", 1, length);
    if (!client.greeted) {
      client.greeted = true;
      if (isHello(kernel.arena.view, at, length)) return;
    }
    client.take(at, length);
  }

  /** The VM that sent message `i`; a new one is welcomed. */
  #senderOf(socket: HubSocket, i: number): DgramClient | undefined {
    const table = this.#switch.memory.rxNamed;
    const hash = table.senderHash(i);
    const known = this.#clients.get(hash)?.find((client) => client.isSender(table, i));
    return known ?? this.#welcome(socket, hash, i);
  }

  #welcome(socket: HubSocket, hash: number, i: number): DgramClient | undefined {
    const { kernel, memory } = this.#switch;
    const peer: Peer = { address: memory.rxNamed.sender(i), pid: 0, uid: -1 };
    if (this.#closing) return undefined;
    if (peer.address.length === 0) {
      const text = "dropped a datagram: its sender has no address; bind the VM's socket to a path";
      this.#switch.log("warning", this.#config.name, text);
      return undefined;
    }
    let number = 1;
    while (this.#numbers.has(number)) number++;
    const name = `${this.#config.name}.${number}`;
    const row = hasRoom(kernel.arena, this.#config.queue) ? this.#switch.enroll(name) : -1;
    if (row < 0) {
      const text = `turned away ${describe(peer)}: no room for more ports`;
      this.#switch.log("error", this.#config.name, text);
      return undefined;
    }
    const connected = probe(kernel, peer) === Life.CONNECTED;
    const client = new DgramClient(
      this.#switch,
      { config: this.#config, name, row, number, hash, peer, fd: socket.watched.fd },
      (ended) => this.remove(ended, socket),
    );
    this.#numbers.add(number);
    this.#clients.set(hash, [...this.#clients.get(hash) ?? [], client]);
    socket.clients.add(client);
    this.#switch.log("info", name, `VM connected: ${describe(peer)}`);
    if (connected && socket === this.#front) this.#rotate();
    return client;
  }

  /** Put a fresh socket at the path; the one there now belongs to the VMs that have connected to it. */
  #rotate(): void {
    const { kernel } = this.#switch;
    const path = this.#config.target, next = path + NEXT;
    const config = { ...this.#config, target: next };
    try {
      const made = claimBeside(kernel, config, SocketType.DGRAM);
      if (kernel.rename(next, path) < 0) return release(kernel, made);
      kernel.setBuffers(made.fd, DGRAM_BUFFER_BYTES);
      this.#claim = { ...made, path };
      this.#front = this.#addSocket(made.fd);
    } catch (error) {
      // The VM has been served; the next ones share its socket.
      this.#switch.log("warning", this.#config.name, `${(error as Error).message}`);
    }
  }
}
