/**
 * The conversation with one front-end: what it has said about its guest's memory and rings, and
 * what we answer.
 *
 * A front-end says where things are piece by piece, in more than one order, and again at run time:
 * QEMU masks an interrupt by giving another call descriptor, plugs memory by giving another table,
 * stops a ring by asking for its base. So there is no sequence here. Each message changes the
 * state, and a ring runs while its state has all that it takes ({@linkcode RingState.ready}).
 * Around each change the rings are halted, as what they hold of the old state (views, watched
 * descriptors) is no longer true.
 *
 * @module
 */
import type { Policy } from "../../offload/policy.ts";
import type { Kernel } from "../../platform/kernel.ts";
import type { Sharing } from "../../platform/sharing.ts";
import type { Acked, FeatureBits } from "./features.ts";
import { GuestMemory, MAX_REGIONS } from "./guest_memory.ts";
import { regionsOf, tableFits } from "./memory_table.ts";
import { Flag, MessageReader, Next } from "./message.ts";
import { Negotiation } from "./negotiation.ts";
import { type Kind, kinds, Request, unknownRequest } from "./requests.ts";
import { noRing, RingPair } from "./ring_pair.ts";
import type { RingState } from "./ring_state.ts";

/** What a session goes by. */
export interface SessionConfig extends Policy {
  /** Memory that can get shorter is accepted. */
  readonly unsealed: boolean;
}

/** Who runs the rings. */
export interface SessionHost {
  readonly name: string;
  /** What is offered at first, and what is accepted: one object for all sessions of a port. */
  readonly config: SessionConfig;
  /**
   * Something that running rings depend on is about to change: write where each of them is to its
   * {@linkcode RingState.base}, let go of views, and stop watching kick descriptors, which may be
   * closed.
   */
  halt(): void;
  /**
   * All that was said so far is in effect: run the rings that are ready, if any. Follows each
   * {@linkcode halt}.
   */
  resume(): void;
  log(level: "debug" | "info" | "warning" | "error", text: string): void;
}

/** Messages handled in one call of {@linkcode Session.read}. */
const MESSAGES = 4;

/** See the head of this file. The connection's descriptor is the caller's, and is not closed. */
export class Session {
  readonly memory: GuestMemory;
  /** Ring 0: what the guest receives; ring 1: what it transmits. */
  readonly rings: readonly [RingState, RingState];
  /** Why the conversation is over; empty while it is not. */
  reason = "";
  readonly #host: SessionHost;
  readonly #negotiation: Negotiation;
  readonly #reader: MessageReader;
  readonly #pair: RingPair;
  #halted = false;
  #closed = false;

  constructor(kernel: Kernel, sharing: Sharing, host: SessionHost, fd: number) {
    this.#host = host;
    this.#negotiation = new Negotiation(host.config);
    this.#pair = new RingPair(sharing, host.config);
    this.rings = this.#pair.rings;
    this.memory = new GuestMemory(sharing, host.config);
    this.#reader = new MessageReader(kernel, sharing, fd, host.config);
  }

  /** What the guest's driver took; nothing before SET_FEATURES. */
  get features(): Acked {
    return this.#negotiation.features;
  }

  /** MTU the front-end told its guest; 0 when it did not say. */
  get mtu(): number {
    return this.#negotiation.mtu;
  }

  /**
   * The connection can be read: handle the messages that are there, a bounded number of them.
   *
   * @returns false when the conversation is over; {@linkcode reason} says why, and all it had is
   * released
   */
  read(): boolean {
    for (let i = 0; i < MESSAGES && !this.#closed; i++) {
      const got = this.#reader.next();
      if (got === Next.NONE) break;
      if (got === Next.MESSAGE) this.#take();
      else this.#end(this.#reader.reason);
      this.#resume();
    }
    return !this.#closed;
  }

  /**
   * Release the memory and every descriptor; the rings are not ready any more. The host has halted
   * them.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.close();
    this.#pair.close();
    this.memory.release();
  }

  /** The conversation cannot go on. */
  #end(reason: string): void {
    this.#halt();
    this.reason ||= reason;
    this.close();
  }

  #halt(): void {
    if (!this.#halted) this.#host.halt();
    this.#halted = true;
  }

  #resume(): void {
    if (this.#halted) this.#host.resume();
    this.#halted = false;
  }

  /** Handle the message that is there. */
  #take(): void {
    const reader = this.#reader, kind = kinds.get(reader.request);
    if (kind?.changes) this.#halt();
    const fault = this.#judge(kind) || this.#handle();
    if (!kind?.answers) this.#acknowledge(fault);
    else if (fault !== "") this.#end(fault);
    if (!this.#closed) reader.drop();
  }

  /** What is wrong with the message before its payload is read; empty when nothing is. */
  #judge(kind: Kind | undefined): string {
    const { request, size } = this.#reader;
    if (kind === undefined) return unknownRequest(request);
    const good = kind.bytes < 0 ? tableFits(this.#reader) : size === kind.bytes;
    return good ? "" : `it sent ${kind.name} with ${size} bytes`;
  }

  /**
   * A message without a reply of its own is acknowledged if the front-end asked for it, and else
   * has to be right.
   */
  #acknowledge(fault: string): void {
    const asked = (this.#reader.flags & Flag.NEED_REPLY) !== 0 &&
      this.#negotiation.acknowledges;
    if (!asked && fault !== "") return this.#end(fault);
    if (!asked) return;
    if (fault !== "") this.#host.log("warning", `refused: ${fault}`);
    this.#answer(fault === "" ? 0 : 1);
  }

  #answer(first: number, second = 0): string {
    if (!this.#reader.reply(first, second)) this.#end(this.#reader.reason);
    return "";
  }

  /** Do what the message says; returns what is wrong with it, or an empty text. */
  #handle(): string {
    switch (this.#reader.request) {
      case Request.GET_FEATURES:
        return this.#answerBits(this.#negotiation.offer);
      case Request.SET_FEATURES:
        return this.#setFeatures();
      case Request.GET_PROTOCOL_FEATURES:
        return this.#answerBits(this.#negotiation.protocolOffer);
      case Request.SET_PROTOCOL_FEATURES:
        return this.#negotiation.takeProtocol(this.#reader.bits());
      case Request.GET_QUEUE_NUM:
        return this.#answer(1);
      case Request.SET_MEM_TABLE:
        return this.#setTable();
      case Request.NET_SET_MTU:
        return this.#setMtu();
      case Request.RESET_OWNER:
        return this.#pair.disable();
      case Request.RESET_DEVICE:
        return this.#reset();
      case Request.SET_OWNER:
        return "";
      case Request.GET_VRING_BASE:
        return this.#stopRing();
      default:
        return this.#pair.handle(this.#reader, this.memory);
    }
  }

  // ---- features ----

  #answerBits({ low, high }: FeatureBits): string {
    return this.#answer(low, high);
  }

  #setFeatures(): string {
    const fault = this.#negotiation.take(this.#reader.bits());
    if (fault !== "") return fault;
    // A front-end that knows no SET_VRING_ENABLE has its rings enabled from the start.
    return this.features.protocol ? "" : this.#pair.enable(this.memory);
  }

  #setMtu(): string {
    const fault = this.#negotiation.takeMtu(this.#reader.long(0));
    if (fault === "") this.#host.log("info", `its guest's MTU is ${this.mtu}`);
    return fault;
  }

  // ---- memory ----

  #setTable(): string {
    const regions = regionsOf(this.#reader);
    if (regions === undefined) {
      return `it has ${this.#reader.word(0)} memory regions, of at most ${MAX_REGIONS}`;
    }
    const { unsealed } = this.#host.config;
    const fault = this.memory.replace(regions, this.#reader.descriptors, unsealed);
    if (fault !== "") return fault;
    this.#reader.takeAll();
    for (const ring of this.rings) ring.translate(this.memory);
    return this.#pair.faultOfPlace(this.memory);
  }

  // ---- rings ----

  /** Where a ring is, which stops there. */
  #stopRing(): string {
    const index = this.#reader.word(0);
    if (index > 1) return noRing(index);
    this.#pair.stop(this.rings[index]);
    return this.#answer(index, this.rings[index].base);
  }

  /** Rings as at the beginning. Memory stays: a front-end gives it again when it has changed. */
  #reset(): string {
    this.#pair.reset();
    this.#negotiation.reset();
    return "";
  }
}
