/**
 * One VM of a datagram path with many (dgram_hub.ts): a switch port of its own.
 *
 * Its address is kept in the arena as the kernel delivered it, so that finding out who sent a datagram is
 * a hash and a comparison of words, and answering it a pointer.
 *
 * @module
 */
import { storeFamily } from "../platform/address.ts";
import type { Peer } from "../platform/kernel.ts";
import { type MessageTable, NAME_BYTES } from "../platform/vectors.ts";
import { MESSAGES } from "./batch.ts";
import type { PortConfig } from "./config.ts";
import { describe, fileOf, Life, probe } from "./dgram_peer.ts";
import { DgramSender } from "./dgram_send.ts";
import type { Gather } from "../offload/gather.ts";
import type { Port, Switch } from "./port.ts";
import { VnetIn } from "./vnet_in.ts";

/** What the hub knows of a new VM. */
export interface ClientFacts {
  readonly config: PortConfig;
  readonly name: string;
  readonly row: number;
  /** N of the name `lan.N`. */
  readonly number: number;
  /** See {@linkcode MessageTable.senderHash}. */
  readonly hash: number;
  readonly peer: Peer;
  /** The socket it sends to and is answered from. */
  readonly fd: number;
}

/** See the head of this file. */
export class DgramClient implements Port {
  readonly name: string;
  readonly row: number;
  readonly config: PortConfig;
  /** Its socket may be shared, and QEMU must always be read: never paused. */
  readonly pausable = false;
  readonly unfinished = 0;
  readonly framed = false;
  readonly scatters = false;
  readonly number: number;
  readonly hash: number;
  /** False until its first datagram, which may be a greeting, was looked at. */
  greeted = false;
  readonly #switch: Switch;
  readonly #sender: DgramSender;
  readonly #vnet: VnetIn;
  readonly #fd: number;
  readonly #peer: Peer;
  readonly #file: string;
  readonly #onLose: (client: DgramClient) => void;
  /** Its sockaddr in the arena, and how many bytes of it count. */
  readonly #name: number;
  readonly #nameLength: number;
  #heard = true;
  #lost = false;

  constructor(host: Switch, facts: ClientFacts, onLose: (client: DgramClient) => void) {
    const { arena } = host.kernel;
    this.#switch = host;
    this.#onLose = onLose;
    this.name = facts.name;
    this.row = facts.row;
    this.config = facts.config;
    this.#sender = new DgramSender(host, this);
    this.#vnet = new VnetIn(host);
    this.number = facts.number;
    this.hash = facts.hash;
    this.#fd = facts.fd;
    this.#peer = facts.peer;
    this.#file = fileOf(host.kernel, facts.peer);
    this.#name = arena.take(NAME_BYTES);
    storeFamily(arena.view, this.#name, host.kernel.abi);
    arena.u8.set(facts.peer.address, this.#name + 2);
    this.#nameLength = 2 + facts.peer.address.length;
    host.join(this);
  }

  /** True when message `i` came from this VM. */
  isSender(table: MessageTable, i: number): boolean {
    if (!table.isFrom(i, this.#peer.address)) return false;
    this.#heard = true;
    return true;
  }

  /** Never called: the hub's sockets are watched by the hub. */
  ready(): void {}

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    const { txNamed } = this.#switch.memory;
    this.#address(txNamed);
    return this.#sender.send(this.#fd, txNamed, at, length, from, count);
  }

  txGather(gather: Gather): number {
    const { txGatherNamed } = this.#switch.memory;
    this.#address(txGatherNamed);
    return this.#sender.sendGather(this.#fd, txGatherNamed, gather);
  }

  /** Add `length` bytes at `at`, which it sent, to the batch. */
  take(at: number, length: number): void {
    this.#vnet.take(this, at, length);
  }

  #address(table: MessageTable): void {
    for (let i = 0; i < MESSAGES; i++) table.setName(i, this.#name, this.#nameLength);
  }

  /** The shared socket's writability says nothing about this VM's queue; the retry timer does. */
  wantWrite(): void {}

  /** Never called: it is not pausable. */
  wantRead(): void {}

  /** Called about once a second. */
  tick(): void {
    const silent = !this.#heard;
    this.#heard = false;
    if (!silent) return;
    const life = probe(this.#switch.kernel, this.#peer);
    if (life === Life.GONE || life === Life.REMOVED) {
      return this.lose("nobody is behind its socket");
    }
    const file = fileOf(this.#switch.kernel, this.#peer);
    if (file !== "" && file !== this.#file) this.lose("its socket file was replaced");
  }

  lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#switch.leave(this);
    this.#switch.kernel.arena.give(this.#name);
    this.#switch.log("info", this.name, `${describe(this.#peer)} is gone: ${reason}`);
    this.#onLose(this);
  }
}
