/**
 * A datagram port: one datagram is one frame, one socket is one VM.
 *
 * ```
 *  waiting --first datagram--> up --peer ends, is refused, or its path changes--> waiting
 * ```
 * The VM binds a path of its own and sends to ours; the first datagram tells who it is (vfkit and libkrun
 * send "VFKT", QEMU a frame). We connect back: then the kernel keeps everybody else out, sending needs no
 * look-up of the path, and the queue to the VM is bounded by our send buffer instead of ten datagrams.
 * Answers come from the socket the VM sent to, the only one a connected VM listens to. Where the kernel keeps nobody
 * out (Darwin), every datagram is received with its sender's name, and those of others are dropped here.
 *
 * QEMU's dgram by path sends from a socket that is never connected and spins when nobody reads it, so
 * such a peer is not paused: it is read and its frames are dropped where they do not fit.
 *
 * @module
 */
import { errnoName, Fault, judge } from "../platform/errno.ts";
import { type Peer, Ready, SocketType } from "../platform/kernel.ts";
import type { MessageTable } from "../platform/vectors.ts";
import { MESSAGES } from "./batch.ts";
import type { PortConfig } from "./config.ts";
import { discardDatagrams, DRAIN_BATCHES } from "./dgram_discard.ts";
import {
  connectedTo,
  describe,
  fileOf,
  isHello,
  Life,
  probe,
  resetNames,
  sameAddress,
} from "./dgram_peer.ts";
import { DgramSender } from "./dgram_send.ts";
import type { Gather } from "../offload/gather.ts";
import type { Opened, Port, Source, Switch } from "./port.ts";
import { hasRoom } from "./room.ts";
import { type Claim, claim, removeFile } from "./socket_path.ts";
import { VnetIn } from "./vnet_in.ts";
import { Watched } from "./watched.ts";

/** Socket buffers asked for: 1.2 ms of 10 Gbit/s, deep enough for TCP and shallow enough for its delay. */
export const DGRAM_BUFFER_BYTES = 2 << 20;
/** Silent seconds after which a peer whose process is watched is looked at. */
const WATCHED_SILENCE_TICKS = 5;

/** See the head of this file. */
export class DgramPort implements Port, Opened {
  readonly name: string;
  readonly row: number;
  readonly config: PortConfig;
  readonly socket = "dgram";
  readonly buffers: number;
  readonly unfinished = 0;
  readonly framed = false;
  readonly scatters = false;
  pausable: boolean;
  readonly #switch: Switch;
  readonly #sender: DgramSender;
  readonly #vnet: VnetIn;
  readonly #watched: Watched;
  readonly #claim: Claim | undefined;
  #peer: Peer | undefined;
  #peerFile = "";
  #exit: { fd: number; token: number } | undefined;
  #greeted = false;
  #heard = false;
  /** Ticks since the last frame or look. */
  #silence = 0;
  #leaving = false;
  /** Datagrams of others reach us too: each is looked at. */
  readonly #sorts: boolean;
  /** It came connected (one end of a socketpair): there is no other VM to wait for. */
  readonly #paired: boolean;

  /** @param made the bound socket; undefined for a descriptor we were given, bound or connected */
  constructor(host: Switch, config: PortConfig, fd: number, made: Claim | undefined) {
    this.#switch = host;
    this.config = config;
    this.name = config.name;
    this.row = host.enroll(config.name);
    this.#sender = new DgramSender(host, this);
    this.#vnet = new VnetIn(host);
    this.#claim = made;
    this.buffers = host.kernel.setBuffers(fd, DGRAM_BUFFER_BYTES);
    this.#watched = new Watched(host, fd, this);
    host.log("info", this.name, `socket buffers: asked ${DGRAM_BUFFER_BYTES}, got ${this.buffers}`);
    const { kernel } = host, address = connectedTo(kernel, fd);
    this.#paired = address?.length === 0;
    this.#sorts = !kernel.turnsAway && (!this.#paired || kernel.ownAddress(fd)?.length !== 0);
    this.pausable = kernel.turnsAway;
    if (address === undefined) kernel.setCredentials(fd, true);
    else this.#welcome({ address, pid: 0, uid: -1 });
    this.#watched.read(true);
  }

  /** Bind the path and wait for a VM. */
  static open(host: Switch, config: PortConfig): Opened {
    const made = claim(host, config, SocketType.DGRAM);
    return new DgramPort(host, config, made.fd, made);
  }

  ready(bits: number): void {
    if (this.#peer === undefined) return this.#meet();
    if ((bits & Ready.WRITE) !== 0) this.#switch.writable(this);
    if ((bits & (Ready.READ | Ready.GONE)) !== 0) this.#receive();
  }

  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    const { tx } = this.#switch.memory;
    return this.#sender.send(this.#watched.fd, tx, at, length, from, count);
  }

  txGather(gather: Gather): number {
    return this.#sender.sendGather(this.#watched.fd, this.#switch.memory.txGather, gather);
  }

  wantWrite(on: boolean): void {
    this.#watched.write(on);
  }

  wantRead(on: boolean): void {
    this.#watched.read(on);
  }

  tick(): void {
    if (this.#peer === undefined) return;
    const { kernel } = this.#switch;
    // Darwin takes the peer away when it closes, and tells nobody.
    if (!kernel.turnsAway && kernel.isConnected(this.#watched.fd) === 0) {
      return this.lose("nobody is behind its socket");
    }
    if (this.#peer.address.length === 0) return;
    this.#silence = this.#heard ? 0 : this.#silence + 1;
    this.#heard = false;
    // A watched process seldom lives on without its socket, so there is no hurry.
    if (this.#silence < (this.#exit === undefined ? 1 : WATCHED_SILENCE_TICKS)) return;
    this.#silence = 0;
    this.#check(this.#peer);
  }

  lose(reason: string): void {
    const peer = this.#peer;
    if (peer === undefined || this.#leaving) return;
    this.#leaving = true;
    for (let i = 0; i < DRAIN_BATCHES && this.#receive(); i++);
    this.#leaving = false;
    this.#switch.leave(this);
    this.#peer = undefined;
    this.#unwatchExit();
    const { kernel } = this.#switch;
    if (this.#paired) {
      this.#watched.stop();
      this.#switch.log("warning", this.name, `the other end is gone: ${reason}; this port is over`);
      return;
    }
    kernel.setCredentials(this.#watched.fd, true);
    kernel.disconnect(this.#watched.fd);
    this.#watched.write(false); // the VM may have been full; now there is always room
    this.#watched.read(true);
    this.#switch.log("info", this.name, `${describe(peer)} is gone: ${reason}; waiting for a VM`);
  }

  quiesce(): void {
    if (this.#peer === undefined) this.#watched.stop();
    if (this.#claim !== undefined) removeFile(this.#switch.kernel, this.#claim);
  }

  close(): void {
    this.#unwatchExit();
    this.#watched.stop();
    discardDatagrams(this.#switch, this.#watched.fd, this.row);
    if (this.#peer !== undefined) this.#switch.leave(this);
    this.quiesce();
    this.#switch.kernel.close(this.#watched.fd);
  }

  // ---- the VM comes ----

  /** The first datagram of a VM. */
  #meet(): void {
    const { kernel, memory } = this.#switch;
    const at = memory.slot[0];
    const length = kernel.receiveFrom(this.#watched.fd, at, memory.slotBytes);
    this.#switch.tally.rxCall(this.row);
    if (length < 0) return;
    const peer = kernel.sender;
    if (!this.#accept(peer, length)) return;
    this.#deliver(at, length);
    this.#sortQueued(peer);
    // From here on they would cost time with every datagram; until here they keep descriptors out.
    kernel.setCredentials(this.#watched.fd, false);
  }

  #accept(peer: Peer, length: number): boolean {
    const { kernel } = this.#switch;
    if (peer.address.length === 0) {
      this.#refuse(length, "it has no address to answer to; bind its socket to a path");
      return false;
    }
    if (!hasRoom(kernel.arena, this.config.queue)) {
      this.#refuse(length, `no room for ${describe(peer)}; use fewer ports or a smaller queue=`);
      return false;
    }
    const connected = kernel.connect(this.#watched.fd, peer.address);
    if (connected < 0) {
      this.#refuse(
        length,
        `cannot answer ${describe(peer)} (${
          errnoName(connected)
        }); bind it to an absolute path we may write to`,
      );
      return false;
    }
    this.#welcome(peer);
    return true;
  }

  /** The socket is connected to this VM. */
  #welcome(peer: Peer): void {
    this.#peer = peer;
    this.#greeted = false;
    this.#heard = true;
    if (!this.#paired) this.#inquire(peer);
    this.#switch.join(this);
    if (!this.#paired) this.#switch.log("info", this.name, `VM connected: ${describe(peer)}`);
  }

  /** Find out what can be known of a VM by its name. */
  #inquire(peer: Peer): void {
    const { kernel } = this.#switch;
    // Where datagrams carry no process, the connection may tell it.
    if (peer.pid === 0) peer.pid = kernel.peerOf(this.#watched.fd)?.pid ?? 0;
    this.#peerFile = fileOf(kernel, peer);
    this.pausable = probe(kernel, peer) === Life.CONNECTED;
    this.#watchExit(peer.pid);
  }

  #refuse(bytes: number, why: string): void {
    this.#switch.tally.lost(this.row, "stranger", 1, bytes);
    this.#switch.log("warning", this.name, `dropped a datagram: ${why}`);
  }

  /** Others may have sent before we connected; the kernel keeps their datagrams in our queue. */
  #sortQueued(peer: Peer): void {
    const { kernel, memory } = this.#switch;
    const at = memory.slot[0];
    for (let i = 0; i < DRAIN_BATCHES * MESSAGES && this.#peer === peer; i++) {
      const length = kernel.receiveFrom(this.#watched.fd, at, memory.slotBytes);
      if (length < 0) return;
      if (sameAddress(kernel.sender.address, peer.address)) this.#deliver(at, length);
      else this.#refuse(length, `${describe(kernel.sender)} is not this port's VM`);
    }
  }

  #deliver(at: number, length: number): void {
    const { batch } = this.#switch;
    if (this.#isHello(at, length)) return;
    batch.count = 0;
    this.#vnet.take(this, at, length);
    this.#switch.ingress(this);
  }

  /** Only the first datagram of a VM can be a greeting. */
  #isHello(at: number, length: number): boolean {
    if (this.#greeted) return false;
    this.#greeted = true;
    return isHello(this.#switch.kernel.arena.view, at, length);
  }

  // ---- the VM talks ----

  /** Read one batch; false when nothing was there. */
  #receive(): boolean {
    const { kernel, memory, batch, tally } = this.#switch;
    tally.rxCall(this.row);
    const table = this.#sorts ? memory.rxNamed : memory.rx;
    if (this.#sorts) resetNames(table);
    const n = kernel.receive(this.#watched.fd, table, MESSAGES);
    if (n <= 0) {
      if (n < 0 && judge(n) >= Fault.PEER) this.lose("the socket failed");
      return false;
    }
    batch.count = 0;
    for (let i = 0; i < n; i++) {
      const length = table.received(i);
      if (this.#sorts && !this.#isPeers(table, i)) continue;
      this.#heard = true;
      if (!this.#greeted && this.#isHello(memory.slot[i], length)) continue;
      this.#vnet.take(this, memory.slot[i], length);
    }
    this.#switch.ingress(this);
    return true;
  }

  /** True if message `i` is the VM's; another's is dropped and told. */
  #isPeers(table: MessageTable, i: number): boolean {
    const { address } = this.#peer!;
    if (table.isFrom(i, address)) return true;
    const sender = describe({ address: table.sender(i), pid: 0, uid: -1 });
    this.#refuse(table.received(i), `${sender || "somebody"} is not this port's VM`);
    return false;
  }

  // ---- the VM goes ----

  #check(peer: Peer): void {
    const life = probe(this.#switch.kernel, peer);
    if (life === Life.GONE) return this.lose("nobody is behind its socket");
    const doubtful = life === Life.REMOVED && this.#exit === undefined;
    if (doubtful && this.config.clients === "replace") {
      return this.lose("its socket file was removed");
    }
    const file = fileOf(this.#switch.kernel, peer);
    if (file !== "" && file !== this.#peerFile) this.lose("its socket file was replaced");
  }

  #watchExit(pid: number): void {
    if (pid <= 0) return;
    const source: Source = { ready: () => this.lose("its process ended") };
    this.#exit = this.#switch.watchExit(pid, source);
  }

  #unwatchExit(): void {
    if (this.#exit === undefined) return;
    this.#switch.unwatch(this.#exit.fd, this.#exit.token);
    this.#switch.kernel.close(this.#exit.fd);
    this.#exit = undefined;
  }
}
