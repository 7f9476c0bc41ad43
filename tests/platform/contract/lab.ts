/**
 * What one case of the contract works with: sockets that are closed at its end, and bytes in and out
 * of the arena without the bookkeeping of tables.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { storeFamily } from "../../../src/platform/address.ts";
import { errnoName } from "../../../src/platform/errno.ts";
import { type Kernel, SocketType } from "../../../src/platform/kernel.ts";
import { MessageTable, NAME_BYTES, Vector } from "../../../src/platform/vectors.ts";
import { ok } from "./expect.ts";
import type { Habits, World } from "./world.ts";

/** One clause of the contract. */
export interface Case {
  readonly name: string;
  /** The system it is about; else all keep it. */
  readonly only?: "linux" | "darwin";
  run(lab: Lab): void | Promise<void>;
}

const SLOT = 1 << 17;
const SLOTS = 16;
const encoder = new TextEncoder();

/** See the head of this file. */
export class Lab {
  readonly kernel: Kernel;
  readonly habits: Habits;
  readonly folder: string;
  /** Slots `i` of the tables lie at `memory + i * SLOT`. */
  readonly memory: number;
  /** For receiving and sending without names. */
  readonly plain: MessageTable;
  /** For receiving and sending with names; {@linkcode resetNames} before each receive. */
  readonly named: MessageTable;
  readonly vector: Vector;
  readonly #open = new Set<number>();

  constructor(readonly world: World) {
    const kernel = this.kernel = world.kernel;
    this.folder = world.folder;
    this.habits = world.habits;
    this.memory = kernel.arena.take(SLOT * SLOTS);
    this.plain = new MessageTable(kernel.arena, kernel.abi, SLOTS, false);
    this.named = new MessageTable(kernel.arena, kernel.abi, SLOTS, true);
    this.vector = new Vector(kernel.arena, SLOTS);
    for (let i = 0; i < SLOTS; i++) {
      this.plain.set(i, this.slot(i), SLOT);
      this.named.set(i, this.slot(i), SLOT);
    }
  }

  /** Arena offset of slot `i`. */
  slot(i: number): number {
    return this.memory + i * SLOT;
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  address(name: string): Uint8Array {
    return encoder.encode(this.path(name));
  }

  /** Close a descriptor at the end of the case. */
  track(fd: number): number {
    this.#open.add(ok(fd));
    return fd;
  }

  close(fd: number): void {
    this.#open.delete(fd);
    assertEquals(this.kernel.close(fd), 0);
  }

  socket(type: SocketType): number {
    return this.track(this.kernel.socket(type));
  }

  /** A datagram socket bound to a name in the folder. */
  bound(name: string, mode = 0o600): number {
    const fd = this.socket(SocketType.DGRAM);
    ok(this.kernel.bind(fd, this.path(name), mode));
    return fd;
  }

  listener(name: string, backlog: number): number {
    const fd = this.socket(SocketType.STREAM);
    ok(this.kernel.bind(fd, this.path(name), 0o600));
    ok(this.kernel.listen(fd, backlog));
    return fd;
  }

  pair(type: SocketType): [number, number] {
    ok(this.kernel.socketPair(type));
    return [this.track(this.kernel.pair[0]), this.track(this.kernel.pair[1])];
  }

  /** Ask for buffers at both ends: which of them bounds what is under way differs; returns the smaller one granted. */
  setBuffers(fds: readonly number[], bytes: number): number {
    return Math.min(...fds.map((fd) => ok(this.kernel.setBuffers(fd, bytes))));
  }

  /** Both bound sockets point at each other, as a dgram port and libkrun do. */
  mutual(a: string, b: string): [number, number] {
    const fds: [number, number] = [this.bound(a), this.bound(b)];
    ok(this.kernel.connect(fds[0], this.address(b)));
    ok(this.kernel.connect(fds[1], this.address(a)));
    return fds;
  }

  /** Put bytes into slot `i` and point both tables and the vector at them. */
  put(i: number, bytes: Uint8Array): void {
    this.kernel.arena.u8.set(bytes, this.slot(i));
    this.plain.set(i, this.slot(i), bytes.length);
    this.named.set(i, this.slot(i), bytes.length);
    this.vector.set(i, this.slot(i), bytes.length);
  }

  /** Address message `i` of the named table to a name in the folder. */
  putName(i: number, name: string): void {
    const at = this.named.names + i * NAME_BYTES;
    const path = this.address(name);
    storeFamily(this.kernel.arena.view, at, this.kernel.abi);
    this.kernel.arena.u8.set(path, at + 2);
    this.named.setName(i, at, 2 + path.length);
  }

  /** Make room for `count` names, as a caller does before each receive. */
  resetNames(count: number): void {
    for (let i = 0; i < count; i++) {
      this.named.setName(i, this.named.names + i * NAME_BYTES, NAME_BYTES);
    }
  }

  /** Send one datagram to the peer. */
  send(fd: number, bytes: Uint8Array): number {
    this.put(0, bytes);
    return this.kernel.send(fd, this.plain, 0, 1);
  }

  /** Send one datagram to a name. */
  sendTo(fd: number, name: string, bytes: Uint8Array): number {
    this.put(0, bytes);
    this.putName(0, name);
    return this.kernel.send(fd, this.named, 0, 1);
  }

  /** Send equal datagrams until one is refused because there is no room; returns how many were taken. */
  fill(send: () => number): number {
    for (let n = 0;; n++) {
      const result = send();
      if (result === 1) continue;
      assertEquals(errnoName(result), this.habits.full);
      return n;
    }
  }

  /** Receive one datagram; there must be one. */
  receive(fd: number): Uint8Array {
    this.plain.set(0, this.slot(0), SLOT);
    assertEquals(ok(this.kernel.receive(fd, this.plain, 1)), 1);
    return this.bytes(0, this.plain.received(0));
  }

  write(fd: number, bytes: Uint8Array): number {
    this.put(0, bytes);
    return this.kernel.write(fd, this.vector, 1);
  }

  /** Read what is there, at most `length` bytes. */
  read(fd: number, length = SLOT): Uint8Array {
    return this.bytes(0, ok(this.kernel.read(fd, this.slot(0), length)));
  }

  /** The first `length` bytes of slot `i`. */
  bytes(i: number, length: number): Uint8Array {
    return this.kernel.arena.u8.slice(this.slot(i), this.slot(i) + length);
  }

  /** What a wait reports now: bits by token. */
  ready(microseconds = 0): Record<number, number> {
    const n = this.kernel.wait(microseconds);
    const found: Record<number, number> = {};
    for (let i = 0; i < n; i++) {
      const token = this.kernel.readyToken[i];
      assert(!(token in found), `token ${token} is reported twice`);
      found[token] = this.kernel.readyBits[i];
    }
    return found;
  }

  end(): void {
    for (const fd of this.#open) this.kernel.close(fd);
    const { arena } = this.kernel;
    for (const table of [this.plain, this.named]) {
      arena.give(table.at);
      arena.give(table.vector.at);
    }
    arena.give(this.named.names);
    arena.give(this.vector.at);
    arena.give(this.memory);
    this.world.close();
  }
}
