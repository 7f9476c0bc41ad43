/**
 * A built-in host: as much of a network stack as it takes to find a neighbour and ping it.
 *
 * @module
 */
import type { Arena } from "../platform/arena.ts";
import { readArp, writeArpReply, writeArpRequest } from "./arp.ts";
import { type Echo, readEcho, writeEcho } from "./icmp.ts";
import { DemoError } from "./demo_error.ts";
import { type Link, LINK_FRAME } from "./link.ts";
import { formatIp, type Station } from "./station.ts";

/** See the head of this file. */
export class Host {
  readonly name: string;
  readonly self: Station;
  readonly link: Link;
  /** Frames handed to the switch. */
  sent = 0;
  /** Frames taken from the switch. */
  received = 0;
  /** Sequence number of the last echo reply to us, -1 before the first. */
  answered = -1;
  readonly #bytes: Uint8Array;
  readonly #scratch: number;
  readonly #neighbours = new Map<string, Station>();

  constructor(name: string, self: Station, link: Link, arena: Arena) {
    this.name = name;
    this.self = self;
    this.link = link;
    this.#bytes = arena.u8;
    this.#scratch = arena.take(LINK_FRAME);
  }

  /** Who has this address, as far as we were told. */
  neighbour(ip: Uint8Array): Station | undefined {
    return this.#neighbours.get(formatIp(ip));
  }

  /** Ask everybody who has this address. */
  ask(ip: Uint8Array): void {
    this.#send(writeArpRequest(this.#bytes, this.#scratch, this.self, ip));
  }

  /** Send an echo request. */
  ping(to: Station, id: number, sequence: number): void {
    this.#echo({ kind: "request", from: this.self, to, id, sequence });
  }

  /** Take every frame that waits, and answer. */
  serve(): void {
    while (this.receive((at, length) => this.#take(at, length)) > 0);
  }

  /** Take a batch of frames and give each to `take`; returns how many there were. */
  receive(take: (at: number, length: number) => void): number {
    const { link } = this, count = link.receive();
    this.received += count;
    for (let i = 0; i < count; i++) take(link.at[i], link.length[i]);
    return count;
  }

  #take(at: number, length: number): void {
    const arp = readArp(this.#bytes, at, length);
    if (arp !== undefined) {
      if (!same(arp.target.ip, this.self.ip)) return;
      // Told to us, so it is true for us: a request carries the sender's addresses as a reply does.
      this.#neighbours.set(formatIp(arp.sender.ip), arp.sender);
      if (arp.operation === "reply") return;
      return this.#send(writeArpReply(this.#bytes, this.#scratch, this.self, arp.sender));
    }
    const echo = readEcho(this.#bytes, at, length);
    if (echo === undefined || !same(echo.to.ip, this.self.ip)) return;
    if (echo.kind === "reply") this.answered = echo.sequence;
    else this.#echo({ ...echo, kind: "reply", from: this.self, to: echo.from });
  }

  #echo(echo: Echo): void {
    this.#send(writeEcho(this.#bytes, this.#scratch, echo));
  }

  #send(length: number): void {
    if (!this.link.put(this.#scratch, length)) {
      throw new DemoError(`host ${this.name} cannot send: the switch takes no frames`);
    }
    this.sent++;
    this.link.flush();
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((octet, i) => octet === b[i]);
}
