/**
 * A VM on a fake machine that reads at its own random pace, and now and then not at all for a while.
 *
 * @module
 */
import { SocketType } from "../../src/platform/kernel.ts";
import type { FakeClock } from "../support/fake_clock.ts";
import type { DgramPeer, StreamPeer } from "../support/fake_peers.ts";
import type { SocketRules } from "../support/fake_rules.ts";
import { Guest, LONGEST } from "./eight_streams.ts";

/** What lies between a VM and the switch: room for one long frame, or a few short ones. */
const BUFFER = 24 << 10;
/** Room for any frame and its head. */
const ROOM = LONGEST + 600;
/** Most ms between two reads of the fastest and of the slowest VM; for a part of the reads, more. */
const FASTEST_MS = 0.5, SLOWEST_MS = 28, PAUSE_MS = 50, PAUSES = 1 / 40;
/** What one read takes at most: datagrams, or bytes of a stream. */
const MESSAGES = 2, BYTES = 20_000;

/** What the guests of a machine share. */
export interface Surroundings {
  readonly clock: FakeClock;
  readonly rules: SocketRules;
  readonly roll: () => number;
  /** Only the receiver's buffer bounds what waits there, as on Darwin; else the sender's. */
  readonly darwin: boolean;
}

/** See the head of this file. */
export class FakeGuest extends Guest {
  readonly vm: DgramPeer | StreamPeer;
  /** Pieces that ever came. */
  arrived = 0;
  readonly #around: Surroundings;
  readonly #pace: number;
  readonly #into = new Uint8Array(BYTES);
  #rest = new Uint8Array();
  #willRead = false;
  #hangs = false;

  constructor(n: number, vm: DgramPeer | StreamPeer, around: Surroundings) {
    super(n);
    this.vm = vm;
    this.#around = around;
    // All paces between, the same in each run, so that every run is about as much work.
    this.#pace = FASTEST_MS + (7 * n % 16) / 15 * (SLOWEST_MS - FASTEST_MS);
    vm.socket.sendLimit = 16 << 20;
    vm.socket.receiveLimit = BUFFER;
    vm.stopReading();
    vm.socket.onArrival = () => {
      this.arrived++;
      this.#readLater();
    };
  }

  /** The switch's socket to it has a small buffer as well, where that counts. */
  settle(): void {
    const { socket } = this.vm, bounded = this.#isStream || !this.#around.darwin;
    if (bounded && socket.peer !== undefined) socket.peer.sendLimit = BUFFER;
  }

  /** Read no more. */
  hang(): void {
    this.#hangs = true;
  }

  /** There is room for any frame. */
  get hasRoom(): boolean {
    const { socket } = this.vm;
    return this.#around.darwin && !this.#isStream
      ? socket.receiveLimit - socket.held >= ROOM
      : socket.peer!.sendLimit - socket.peer!.used >= ROOM;
  }

  protected override put(frame: Uint8Array): boolean {
    if (!("sendFrame" in this.vm)) return this.vm.send(frame) === frame.length;
    const taken = this.vm.sendFrame(frame);
    if (taken > 0 && taken < 4 + frame.length) {
      throw new Error("A frame was cut: too small a buffer");
    }
    return taken > 0;
  }

  get #isStream(): boolean {
    return this.vm.socket.type === SocketType.STREAM;
  }

  #readLater(): void {
    if (this.#willRead) return;
    this.#willRead = true;
    const { clock, roll } = this.#around;
    const pause = roll() < PAUSES ? 1 + roll() * (PAUSE_MS - 1) : roll() * this.#pace;
    clock.after(pause, () => {
      this.#willRead = false;
      if (this.#hangs) return;
      if (this.#isStream) this.#read();
      else this.#receive();
      if (this.vm.socket.queue.length > 0) this.#readLater();
    });
  }

  #receive(): void {
    const { rules, roll } = this.#around, { socket } = this.vm;
    const most = 1 + Math.floor(roll() * MESSAGES);
    for (let i = 0; i < most && socket.queue.length > 0; i++) {
      this.hear(rules.receive(socket).bytes);
    }
  }

  #read(): void {
    const { rules, roll } = this.#around, { socket } = this.vm;
    if (socket.queue.length === 0) return;
    const into = this.#into.subarray(0, 1 + Math.floor(roll() * BYTES));
    const got = rules.read(socket, into);
    const bytes = new Uint8Array(this.#rest.length + got);
    bytes.set(this.#rest);
    bytes.set(into.subarray(0, got), this.#rest.length);
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const end = at + 4 + view.getUint32(at);
      if (end > bytes.length) break;
      this.hear(bytes.subarray(at + 4, end));
      at = end;
    }
    this.#rest = bytes.slice(at);
  }
}
