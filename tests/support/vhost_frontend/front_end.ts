/**
 * A vhost-user front-end: the messages a VM monitor sends for its guest's network card, each a method, so
 * that a test can say them in any order. What QEMU says, and when, is in qemu.ts.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import { Channel, connectTo, type Message, type Turn } from "./channel.ts";
import type { DriverRing } from "./driver_ring.ts";
import type { Guest } from "./guest.ts";
import { bits, Flag, hasBit, NO_DESCRIPTOR, Protocol, Request, words32, words64 } from "./wire.ts";

/** How the other end is reached: each connection is a new descriptor. */
export type Way = () => number;

/** What a test chooses about a front-end. */
export interface FrontEndPlan {
  /** Driver features to be acked, as far as they are offered; all that are offered if not given. */
  readonly wanted?: bigint;
  /** Protocol features, alike. */
  readonly wantedProtocol?: bigint;
  /** Messages that are to be acknowledged once REPLY_ACK is agreed; QEMU asks for that of memory tables only. */
  readonly acks?: "none" | "table" | "all";
}

/** See the head of this file. */
export class FrontEnd {
  readonly guest: Guest;
  readonly plan: FrontEndPlan;
  /** Features that the other end offers and that were agreed. */
  offered = 0n;
  protocol = 0n;
  readonly #kernel: Kernel;
  readonly #way: Way;
  readonly #turn: Turn;
  #channel: Channel | undefined;

  /** @param way a path, or what makes a connection */
  constructor(guest: Guest, way: string | Way, turn: Turn, plan: FrontEndPlan = {}) {
    this.guest = guest;
    this.plan = plan;
    this.#kernel = guest.kernel;
    this.#way = typeof way === "string" ? () => connectTo(guest.kernel, way) : way;
    this.#turn = turn;
  }

  /** Connect, for the first time or again. */
  connect(): void {
    this.#channel?.close();
    this.protocol = 0n;
    this.#channel = new Channel(this.#kernel, this.#way(), this.#turn);
  }

  get channel(): Channel {
    if (this.#channel === undefined) throw new Error("The front-end is not connected");
    return this.#channel;
  }

  /** Close the connection, as a VM monitor that ends. The guest stays as it is. */
  disconnect(): void {
    this.#channel?.close();
  }

  /** Disconnect, and let the guest go. */
  close(verified = true): void {
    this.disconnect();
    this.guest.close(verified);
  }

  // ---- ways to say something ----

  /** Send any message, right or wrong. */
  send(
    request: number,
    payload?: Uint8Array,
    descriptors?: readonly number[],
    flags?: number,
  ): void {
    this.channel.send(request, payload, descriptors, flags);
  }

  /** The next message of the other end. */
  reply(): Message {
    return this.channel.reply();
  }

  /** Send a message that is answered; returns the answer's payload. */
  ask(request: number, payload?: Uint8Array): DataView<ArrayBuffer> {
    this.send(request, payload);
    return new DataView(this.#answer(request).payload.buffer);
  }

  /**
   * Send a message that is not answered, or acknowledged only.
   *
   * @throws Error when the other end says that it failed
   */
  tell(request: number, payload?: Uint8Array, descriptors?: readonly number[]): void {
    const { acks = "table" } = this.plan;
    const isAcked = hasBit(this.protocol, Protocol.REPLY_ACK) &&
      (acks === "all" || acks === "table" && request === Request.SET_MEM_TABLE);
    this.send(
      request,
      payload,
      descriptors,
      Flag.VERSION | (isAcked ? Flag.NEED_REPLY : 0),
    );
    if (!isAcked) return;
    const { payload: word } = this.#answer(request);
    const result = new DataView(word.buffer).getBigUint64(0, true);
    if (result !== 0n) throw new Error(`Request ${request} failed: ${result}`);
  }

  // ---- the device ----

  getFeatures(): bigint {
    return this.offered = this.ask(Request.GET_FEATURES).getBigUint64(0, true);
  }

  setFeatures(features: bigint): void {
    this.tell(Request.SET_FEATURES, words64(features));
  }

  getProtocolFeatures(): bigint {
    return this.ask(Request.GET_PROTOCOL_FEATURES).getBigUint64(0, true);
  }

  setProtocolFeatures(features: bigint): void {
    this.tell(Request.SET_PROTOCOL_FEATURES, words64(features));
    this.protocol = features;
  }

  getQueueNum(): number {
    return Number(this.ask(Request.GET_QUEUE_NUM).getBigUint64(0, true));
  }

  setOwner(): void {
    this.tell(Request.SET_OWNER);
  }

  resetDevice(): void {
    this.tell(Request.RESET_DEVICE);
  }

  setMtu(mtu: number): void {
    this.tell(Request.NET_SET_MTU, words64(mtu));
  }

  setMemTable(): void {
    const { payload, descriptors } = this.guest.memory.table();
    this.tell(Request.SET_MEM_TABLE, payload, descriptors);
  }

  // ---- its rings ----

  setVringNum(ring: number): void {
    this.tell(Request.SET_VRING_NUM, words32(ring, this.#ring(ring).size));
  }

  setVringBase(ring: number, base: number): void {
    this.tell(Request.SET_VRING_BASE, words32(ring, base));
  }

  setVringAddr(ring: number): void {
    const { desc, avail, used } = this.#ring(ring).blocks;
    const user = (part: { address: number }) => BigInt(this.guest.memory.userOf(part.address));
    const payload = new Uint8Array(40), view = new DataView(payload.buffer);
    view.setUint32(0, ring, true);
    view.setBigUint64(8, user(desc), true);
    view.setBigUint64(16, user(used), true);
    view.setBigUint64(24, user(avail), true);
    this.tell(Request.SET_VRING_ADDR, payload);
  }

  setVringKick(ring: number, fd: number | undefined = this.#ring(ring).kickFd): void {
    this.#setDescriptor(Request.SET_VRING_KICK, ring, fd);
  }

  setVringCall(ring: number, fd: number | undefined = this.#ring(ring).callFd): void {
    this.#setDescriptor(Request.SET_VRING_CALL, ring, fd);
  }

  setVringErr(ring: number, fd: number | undefined = this.#ring(ring).errorFd): void {
    this.#setDescriptor(Request.SET_VRING_ERR, ring, fd);
  }

  setVringEnable(ring: number, on: boolean): void {
    this.tell(Request.SET_VRING_ENABLE, words32(ring, on ? 1 : 0));
  }

  /** Stop a ring; returns the index from which it can go on. */
  getVringBase(ring: number): number {
    return this.ask(Request.GET_VRING_BASE, words32(ring, 0)).getUint32(4, true);
  }

  /** Tell that a ring has no such descriptor (SET_VRING_KICK, _CALL or _ERR without one). */
  setNoDescriptor(request: number, ring: number): void {
    this.tell(request, words64(ring | NO_DESCRIPTOR));
  }

  #setDescriptor(request: number, ring: number, fd: number): void {
    this.tell(request, words64(ring), [fd]);
  }

  #ring(ring: number): DriverRing {
    return this.guest.rings[ring];
  }

  #answer(request: number): Message {
    const message = this.reply();
    if (message.request !== request || message.flags !== (Flag.VERSION | Flag.REPLY)) {
      const { request: said, flags } = message;
      throw new Error(`Request ${request} was answered by ${said} with flags ${flags}`);
    }
    return message;
  }
}

/** Protocol features a front-end asks for when a test says nothing else. */
export const USUAL_PROTOCOL: bigint = bits(
  Protocol.MQ,
  Protocol.REPLY_ACK,
  Protocol.NET_MTU,
  Protocol.RESET_DEVICE,
);
