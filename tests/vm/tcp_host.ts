/**
 * A host that serves TCP and UDP, as much of one as a guest needs at the other end, without a kernel.
 *
 * With offload it behaves as a krunkit guest with `offloading=on`: libkrun throws the virtio-net header away,
 * so what leaves are bare frames of up to 65,549 bytes whose checksum is only begun; and what comes may be as
 * long, but with its checksum finished, for nothing could say that it is not.
 *
 * @module
 */
import {
  type Addresses,
  addresses,
  makePacket,
  type Packet,
  readPacket,
  type SeenPacket,
  Tcp,
} from "../support/packet.ts";
import { answerNeighbour } from "./neighbour.ts";
import { type Outcome, type Outlet, randomBlock, TcpConnection } from "./tcp_connection.ts";

/** TCP port that sends, TCP port that takes, and UDP port that echoes. */
export const SOURCE = 7001, SINK = 7002, ECHO = 7;
/** Longest IPv4 packet, and longest packet of a link with an MTU of 1500. */
const LARGE = 65_535, ORDINARY = 1500;

/** What the host has seen on its wire. */
export interface Census {
  received: number;
  sent: number;
  /** Longest frame received and sent. */
  longestReceived: number;
  longestSent: number;
  /** Frames with something wrong, and what it was in the first of them. */
  faulty: number;
  readonly faults: string[];
}

/** See the head of this file. */
export class TcpHost implements Outlet {
  readonly census: Census = {
    received: 0,
    sent: 0,
    longestReceived: 0,
    longestSent: 0,
    faulty: 0,
    faults: [],
  };
  readonly #self: Addresses;
  readonly #offload: boolean;
  readonly #bytes: number;
  readonly #send: (frame: Uint8Array) => boolean;
  readonly #outbox: Uint8Array[] = [];
  readonly #connections = new Map<string, TcpConnection>();
  readonly #block = randomBlock();

  /**
   * @param number see {@linkcode addresses}
   * @param bytes what a client of {@linkcode SOURCE} gets
   * @param send hands a frame to the wire; false when there is no room
   */
  constructor(
    number: number,
    offload: boolean,
    bytes: number,
    send: (frame: Uint8Array) => boolean,
  ) {
    this.#self = addresses(number);
    this.#offload = offload;
    this.#bytes = bytes;
    this.#send = send;
  }

  get busy(): boolean {
    return this.#outbox.length > 0;
  }

  longest(version: 4 | 6, options: number): number {
    const isLarge = this.#offload && version === 4; // krunkit has no TSO6
    const ip = isLarge ? LARGE : ORDINARY;
    return ip - (version === 4 ? 20 : 40) - 20 - options;
  }

  emit(packet: Packet): void {
    this.#post(makePacket(packet, this.#offload));
  }

  /** Take a frame from the wire. */
  take(frame: Uint8Array, now: number): void {
    this.census.received++;
    this.census.longestReceived = Math.max(this.census.longestReceived, frame.length);
    const packet = readPacket(frame);
    if (packet !== undefined) return this.#hear(packet, now);
    const answer = answerNeighbour(frame, this.#self);
    if (answer !== undefined) this.#post(answer);
  }

  /** Send what waits; returns the outcomes of connections that have ended. */
  turn(now: number): Outcome[] {
    while (this.#outbox.length > 0 && this.#send(this.#outbox[0])) this.#outbox.shift();
    const outcomes: Outcome[] = [];
    for (const [key, connection] of this.#connections) {
      connection.turn(now);
      if (connection.ended === undefined) continue;
      outcomes.push(connection.ended);
      this.#connections.delete(key);
    }
    return outcomes;
  }

  #hear(packet: SeenPacket, now: number): void {
    const faults = packet.unfinished ? [...packet.faults, "an unfinished checksum"] : packet.faults;
    if (faults.length > 0) {
      this.census.faulty++;
      if (this.census.faults.length < 10) this.census.faults.push(faults.join(" and "));
      return;
    }
    if (packet.protocol === "udp") return this.#echo(packet);
    const key =
      `${packet.version} ${packet.from.ip4} ${packet.from.ip6} ${packet.source} ${packet.target}`;
    const connection = this.#connections.get(key);
    if (connection !== undefined) return connection.take(packet, now);
    if ((packet.flags & Tcp.SYN) === 0) return;
    const total = packet.target === SOURCE ? this.#bytes : 0;
    this.#connections.set(key, new TcpConnection(packet, total, this.#block, this));
  }

  #echo(packet: SeenPacket): void {
    const { from, to, source, target } = packet;
    if (target === ECHO) {
      this.emit({ ...packet, from: to, to: from, source: target, target: source });
    }
  }

  #post(frame: Uint8Array): void {
    this.census.sent++;
    this.census.longestSent = Math.max(this.census.longestSent, frame.length);
    if (this.busy || !this.#send(frame)) this.#outbox.push(frame);
  }
}
