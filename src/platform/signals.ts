/**
 * Adding to a counter that others hold, too (eventfd), without ever waiting for them.
 *
 * Whether a write to a full counter waits is said by O_NONBLOCK, and that belongs to the open file, which
 * the other holder shares: he fills the counter, clears the flag, and our thread stands still. No check
 * before the write helps, since he may do both between the check and the write, and a write cannot be told
 * not to wait (RWF_NOWAIT needs what eventfd has for reads only).
 *
 * The kernel itself never waits for a counter: when it completes an asynchronous request (io_submit(2)) it
 * adds one to the request's eventfd, and leaves a full one full. So a signal is a request that is done
 * before io_submit returns. The cheapest is to poll what is always ready: that takes 2.0 times as long as a
 * plain write, a read or write of no bytes 2.3 times.
 *
 * @module
 */
import { cString } from "./c_string.ts";
import type { Arena } from "./arena.ts";
import { Errno, UNKNOWN_ERROR } from "./errno.ts";
import type { Symbols } from "./linux_calls.ts";

const x86 = Deno.build.arch === "x86_64";
const IO_SETUP = x86 ? 206n : 0n;
const IO_DESTROY = x86 ? 207n : 1n;
const IO_SUBMIT = x86 ? 209n : 2n;
const IO_GETEVENTS = x86 ? 208n : 4n;

const CLOEXEC = 0x80000;

/** Where each structure lies in the memory, in bytes: the request, a list of it, and what calls answer. */
const Place = { request: 0, list: 64, context: 72, noTime: 80, events: 128 };
/** Words of struct iocb (include/uapi/linux/aio_abi.h). */
const Request = { operation: 4, file: 5, events: 6, flags: 14, counter: 15 };
const POLL = 5; // Linux 4.18
const POLLIN = 1;
const ADD_TO_COUNTER = 1; // IOCB_FLAG_RESFD
/** The kernel notes each request it has done, and takes no more of them before the notes are read. */
const NOTES = 64;
const ALL_NOTES = BigInt(NOTES);
const NOTE_BYTES = 32;
const BYTES = Place.events + NOTES * NOTE_BYTES;

/** How counters are added to. */
const Way = { UNKNOWN: 0, REQUEST: 1, WRITE: 2 } as const;

/** See the head of this file. What it needs of the kernel it asks for with the first signal. */
export class Signals {
  readonly #c: Symbols;
  readonly #errno: Int32Array;
  readonly #words: Int32Array;
  readonly #contexts: BigUint64Array;
  readonly #contextAddress: bigint;
  readonly #list: bigint;
  readonly #events: bigint;
  readonly #noTime: bigint;
  #way: number = Way.UNKNOWN;
  #context = 0n;
  #null = -1;
  /** Notes of the kernel's that were not read. */
  #notes = 0;

  constructor(c: Symbols, errno: Int32Array, arena: Arena) {
    this.#c = c;
    this.#errno = errno;
    const at = arena.take(BYTES), { buffer } = arena.u8;
    this.#words = new Int32Array(buffer, at, BYTES >> 2).fill(0);
    this.#contexts = new BigUint64Array(buffer, at + Place.context, 1);
    this.#contextAddress = arena.address(at + Place.context);
    this.#list = arena.address(at + Place.list);
    this.#events = arena.address(at + Place.events);
    this.#noTime = arena.address(at + Place.noTime);
    this.#words[Place.list >> 2] = at + Place.request;
    this.#words[(Place.list >> 2) + 1] = arena.high;
    this.#words[Request.operation] = POLL;
    this.#words[Request.events] = POLLIN;
  }

  /** See Sharing.signalsMayWait. */
  get mayWait(): boolean {
    return this.#known() === Way.WRITE;
  }

  /** See Sharing.signal. */
  raise(fd: number): number {
    if (this.#known() === Way.WRITE) return this.#result(this.#c.eventfd_write(fd, 1n));
    this.#words[Request.counter] = fd;
    if (++this.#notes >= NOTES) this.#readNotes();
    const error = this.#submit();
    if (error !== -Errno.EAGAIN) return error;
    this.#readNotes();
    return this.#submit();
  }

  dispose(): void {
    if (this.#way === Way.REQUEST) this.#end();
  }

  #known(): number {
    if (this.#way === Way.UNKNOWN) this.#way = this.#begin() ? Way.REQUEST : Way.WRITE;
    return this.#way;
  }

  /** False when the kernel has no such requests, grants us no more of them, or a filter forbids them. */
  #begin(): boolean {
    this.#null = this.#c.open(cString("/dev/null"), CLOEXEC);
    if (this.#null < 0) return false;
    this.#words[Request.file] = this.#null;
    if (this.#c.syscall(IO_SETUP, ALL_NOTES, this.#contextAddress) < 0) {
      this.#c.close(this.#null);
      return false;
    }
    this.#context = this.#contexts[0];
    const isDone = this.#submit() >= 0 && this.#readNotes() === 1;
    this.#words[Request.flags] = ADD_TO_COUNTER;
    if (!isDone) this.#end();
    return isDone;
  }

  #end(): void {
    this.#c.syscall(IO_DESTROY, this.#context, 0n);
    this.#c.close(this.#null);
  }

  #submit(): number {
    const taken = this.#c.io_submit(IO_SUBMIT, this.#context, 1n, this.#list);
    return taken > 0 ? 0 : this.#result(taken);
  }

  /** Returns how many there were. */
  #readNotes(): number {
    this.#notes = 0;
    const { io_getevents } = this.#c;
    return io_getevents(IO_GETEVENTS, this.#context, 0n, ALL_NOTES, this.#events, this.#noTime);
  }

  #result(value: number): number {
    return value >= 0 ? value : -(this.#errno[0] || UNKNOWN_ERROR);
  }
}
