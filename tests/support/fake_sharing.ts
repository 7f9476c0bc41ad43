/**
 * Memory shared with VMs, in the fake kernel: files that are memory, and descriptors in messages.
 *
 * There is one process and one ArrayBuffer, so a file that is mapped lies in the guest space once, whole,
 * and whoever maps it is told the same place. What follows is the one difference from a real kernel: zeros
 * come in its place with its LAST mapping. While a test's front-end still has a file mapped, what the
 * switch has unmapped still reads as the file.
 *
 * @module
 */
import { type Arena, GUEST_BASE } from "../../src/platform/arena.ts";
import { Errno } from "../../src/platform/errno.ts";
import { FreeList } from "../../src/platform/free_list.ts";
import type { Sharing } from "../../src/platform/sharing.ts";
import type { FakeDescriptors } from "./fake_descriptors.ts";
import { type FakeSocket, type Passed, Refused } from "./fake_socket.ts";
import { readStream, writeStream } from "./fake_stream.ts";
import type { FaultCall } from "./faults.ts";

const PAGE = 4096;
/** Most descriptors linux.ts has room for in a message, and most it sends. */
const RECEIVE_MAX = 16, SEND_MAX = 32;

/** A file that is memory. */
export interface FakeFile {
  readonly bytes: number;
  readonly sealed: boolean;
  /** What it holds while nobody has it mapped. */
  kept: Uint8Array;
  /** Where it lies while somebody has, and how many do. */
  at: number;
  mappings: number;
}

/** What of the kernel sharing works with. */
export interface SharingParts {
  readonly arena: Arena;
  readonly guestBytes: number;
  readonly descriptors: FakeDescriptors;
  call(name: FaultCall, fd: number, body: (limit: number) => number): number;
  streamOf(fd: number): FakeSocket;
  addWake(fd: number): number;
  close(fd: number): number;
}

/** See the head of this file. */
export class FakeSharing implements Sharing {
  /** For a test of what is said then; nothing ever waits. */
  signalsMayWait = false;
  descriptors: readonly number[] = [];
  /** Closing takes for ever: {@linkcode closing} counts what is closed from now on. */
  lingers = false;
  /** Who gave what is not closed yet. */
  readonly #givers: object[] = [];
  readonly #parts: SharingParts;
  readonly #room: FreeList;
  /** Files by where they are mapped, once for each mapping. */
  readonly #mapped = new Map<number, FakeFile[]>();

  constructor(parts: SharingParts) {
    this.#parts = parts;
    this.#room = new FreeList(GUEST_BASE, parts.guestBytes, PAGE);
  }

  /** Mappings there are now. */
  get mappings(): number {
    return [...this.#mapped.values()].reduce((sum, files) => sum + files.length, 0);
  }

  receiveMessage(fd: number, at: number, length: number): number {
    this.descriptors = [];
    return this.#parts.call("receiveMessage", fd, (limit) => {
      const { arena, descriptors } = this.#parts;
      const passed: Passed[] = [];
      const into = arena.u8.subarray(at, at + Math.min(length, limit));
      const bytes = readStream(this.#parts.streamOf(fd), into, passed);
      this.descriptors = passed.map(({ open, nonBlocking }) =>
        descriptors.add(open, { nonBlocking, closeOnExec: true })
      );
      if (passed.length > RECEIVE_MAX) throw new Refused(Errno.EPROTO);
      return bytes;
    });
  }

  sendMessage(fd: number, at: number, length: number, fds: readonly number[]): number {
    return this.#parts.call("sendMessage", fd, (limit) => {
      const socket = this.#parts.streamOf(fd);
      if (fds.length > SEND_MAX) throw new Refused(Errno.EINVAL);
      const passed = fds.map((each) => this.#pass(each));
      const bytes = this.#parts.arena.u8.subarray(at, at + Math.min(length, limit));
      return writeStream(socket, bytes, passed);
    });
  }

  closeElsewhere(fd: number, giver: object): void {
    this.#parts.close(fd);
    if (this.lingers) this.#givers.push(giver);
  }

  closing(giver?: object): number {
    return this.#givers.filter((each) => giver === undefined || each === giver).length;
  }

  createMemory(bytes: number, sealed: boolean): number {
    return this.#parts.call("createMemory", -1, () => {
      const file = { bytes, sealed, kept: new Uint8Array(), at: 0, mappings: 0 };
      return this.#parts.descriptors.add({ kind: "memory", file });
    });
  }

  isSealed(fd: number): number {
    const open = this.#parts.descriptors.find(fd);
    return open?.kind === "memory" && open.file.sealed ? 1 : 0;
  }

  sizeOf(fd: number): number {
    return this.#parts.call("sizeOf", fd, () => this.#fileOf(fd)?.bytes ?? 0);
  }

  adoptWake(fd: number): number {
    return this.#parts.call("adoptWake", fd, () => {
      const { descriptors } = this.#parts;
      if (descriptors.get(fd).kind !== "wake") return 0;
      descriptors.flags(fd).nonBlocking = true;
      return 1;
    });
  }

  signal(fd: number): number {
    return this.#parts.call("signal", fd, () => this.#parts.addWake(fd));
  }

  map(fd: number, offset: number, bytes: number): number {
    return this.#parts.call("map", fd, () => {
      const file = this.#fileOf(fd);
      const whole = offset >= 0 && offset % PAGE === 0 && bytes > 0;
      if (!whole || file === undefined || !(offset + bytes <= file.bytes)) {
        throw new Refused(Errno.EINVAL);
      }
      if (file.mappings === 0) this.#place(file);
      file.mappings++;
      const at = file.at + offset;
      this.#mapped.set(at, [...this.#mapped.get(at) ?? [], file]);
      return at;
    });
  }

  unmap(at: number): void {
    const files = this.#mapped.get(at);
    if (files === undefined) throw new RangeError(`Cannot give back ${at}: it was not taken`);
    const file = files.pop()!;
    if (files.length === 0) this.#mapped.delete(at);
    if (--file.mappings > 0) return;
    const { u8 } = this.#parts.arena;
    file.kept = u8.slice(file.at, file.at + file.bytes);
    u8.fill(0, file.at, file.at + this.#room.bytesAt(file.at));
    this.#room.give(file.at);
  }

  /** Put a file into the guest space, with a page of zeros behind it. */
  #place(file: FakeFile): void {
    const at = this.#room.take(this.#room.round(file.bytes) + PAGE);
    if (at < 0) throw new Refused(Errno.ENOMEM);
    const { u8 } = this.#parts.arena;
    u8.fill(0, at, at + this.#room.bytesAt(at)); // somebody may have written to what he had unmapped
    u8.set(file.kept, at);
    file.at = at;
  }

  #fileOf(fd: number): FakeFile | undefined {
    const open = this.#parts.descriptors.get(fd);
    return open.kind === "memory" ? open.file : undefined;
  }

  /** A second descriptor for the same thing. Closing a socket closes it here, so it cannot have two. */
  #pass(fd: number): Passed {
    const { descriptors } = this.#parts;
    const open = descriptors.get(fd);
    if (open.kind === "socket") throw new Error(`The fake cannot pass socket ${fd} in a message`);
    return { open, nonBlocking: descriptors.flags(fd).nonBlocking };
  }
}
