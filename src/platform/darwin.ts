/**
 * The Darwin kernel (macOS), through libSystem and Deno's FFI.
 *
 * What is other than on Linux, and stays in this file and those beside it (darwin_sockets.ts, darwin_datagrams.ts,
 * darwin_memory.ts, darwin_errno.ts, kqueue.ts, kqueue_signal.ts); what both do alike is in posix.ts and posix_sockets.ts:
 *
 * - MSG_DONTWAIT does not keep a send on a stream from blocking, so every socket is O_NONBLOCK; that is set without
 *   variadic calls and read back, since a socket that blocks would stop the switch.
 * - A full peer is ENOBUFS, not EAGAIN; the queue is the peer's SO_RCVBUF, SO_SNDBUF is the longest datagram.
 * - A connected datagram socket hears everybody, and nobody is refused for being connected (uipc_send).
 * - accept() without a free descriptor drops the client instead of leaving it in the queue.
 * - Descriptors that a peer sends along are opened in us, asked for or not (darwin_rights.ts).
 * - bind() follows a dangling symlink; listen(fd, 0) means 128; a full listener refuses with ECONNREFUSED.
 *
 * Its parts come by the constructor, so that all of it runs in tests over a libSystem of theirs.
 *
 * @module
 */
import { DARWIN, DARWIN_NUMBERS as D } from "./abi.ts";
import { cString } from "./c_string.ts";
import { DarwinDatagrams, isTrusted, MOST } from "./darwin_datagrams.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { DarwinRights } from "./darwin_rights.ts";
import { DarwinSockets } from "./darwin_sockets.ts";
import { Errno } from "./errno.ts";
import type { Kernel } from "./kernel.ts";
import { Kqueue } from "./kqueue.ts";
import { KqueueSignals } from "./kqueue_signal.ts";
import { MessageTable, NAME_BYTES, type Vector } from "./vectors.ts";

/** OPEN_MAX: what a process may always have (xnu bsd/sys/syslimits.h). */
const OPEN_MAX = 10_240n;

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** Whether sendmsg_x and recvmsg_x are used: where they can be trusted, always, or never. */
export type BulkChoice = "auto" | "on" | "off";

/** See {@linkcode Kernel}. */
export class DarwinKernel extends DarwinSockets implements Kernel {
  readonly bulk: string;
  readonly #kqueue: Kqueue;
  readonly #signals: KqueueSignals;
  readonly #datagrams: DarwinDatagrams;
  readonly #rights: DarwinRights;
  /** For calls that receive one message. */
  readonly #one: MessageTable;

  constructor(process: DarwinProcess, bulk: BulkChoice = "auto") {
    const kqueue = new Kqueue(process);
    super(process, DARWIN, kqueue);
    this.#kqueue = kqueue;
    this.#signals = new KqueueSignals(process);
    const wanted = bulk === "on" || (bulk === "auto" && isTrusted(this.#kernelRelease()));
    this.#rights = new DarwinRights(process, MOST);
    this.#one = new MessageTable(process.arena, DARWIN, 1, true);
    this.#datagrams = new DarwinDatagrams(process, this.#rights, wanted);
    this.bulk = this.#datagrams.bulk;
  }

  override close(fd: number): number {
    this.#kqueue.forget(fd);
    this.#datagrams.forget(fd);
    return super.close(fd);
  }

  // ---- data ----

  receiveFrom(fd: number, at: number, length: number): number {
    const table = this.#one;
    table.set(0, at, length);
    table.setName(0, table.names, NAME_BYTES);
    const n = this.#datagrams.receiveOne(fd, table, 0);
    if (n >= 0) this.sender = { address: table.sender(0), pid: 0, uid: -1 };
    return n;
  }

  receive(fd: number, table: MessageTable, count: number): number {
    return this.#datagrams.receive(fd, table, count);
  }

  send(fd: number, table: MessageTable, from: number, count: number): number {
    return this.#datagrams.send(fd, table, from, count);
  }

  read(fd: number, at: number, length: number): number {
    const table = this.#one;
    table.set(0, at, length);
    this.#rights.offer(table, 0, 1);
    const n = this.c.recvmsg(fd, table.address(0), D.MSG_DONTWAIT);
    const error = n >= 0 ? 0 : fromDarwin(this.errno[0]);
    if (this.#rights.settle(table, 0, 1, n < 0 ? 0 : 1)) return -Errno.EPROTO;
    return n >= 0 ? n : this.#unread(-error);
  }

  write(fd: number, vector: Vector, count: number): number {
    this.scratch.sendFrom(vector, count);
    const n = this.c.sendmsg(fd, this.scratch.sendHeader, D.MSG_DONTWAIT);
    return n >= 0 ? n : -fromDarwin(this.errno[0]);
  }

  // ---- waking ----

  openWake(): number {
    return this.#signals.open();
  }

  wake(fd: number): number {
    return this.#signals.wake(fd);
  }

  takeWakes(fd: number): number {
    return this.#signals.take(fd);
  }

  protected openExit(pid: number): number {
    return this.#signals.openExit(pid);
  }

  raiseDescriptorLimit(): number {
    const most = this.#sysctl("kern.maxfilesperproc", 4) < 0
      ? OPEN_MAX
      : BigInt(this.scratch.value());
    const limit = this.scratch.pair(), { option } = this.scratch;
    const got = this.result(this.c.getrlimit(D.RLIMIT_NOFILE, option));
    if (got < 0) return got;
    // Either limit may be "infinite", which no process gets: setrlimit() refuses more than the system allows.
    const soft = least(limit[0], most), wanted = least(limit[1], most);
    limit[0] = wanted;
    const set = wanted > soft ? this.result(this.c.setrlimit(D.RLIMIT_NOFILE, option)) : 0;
    const granted = Number(set < 0 ? soft : wanted > soft ? wanted : soft);
    this.#datagrams.limit(granted);
    return set < 0 ? set : granted;
  }

  /** A read that failed. Of descriptors that come along and find no number nothing is left but the error. */
  #unread(error: number): number {
    return error === -Errno.EMSGSIZE ? -Errno.EPROTO : error;
  }

  /** Read a setting of the system to scratch. */
  #sysctl(name: string, bytes: number): number {
    const { option, optionLength } = this.scratch;
    this.scratch.setValue(0, bytes);
    return this.result(this.c.sysctlbyname(cString(name), option, optionLength, 0n, 0n));
  }

  /** Release of the kernel, as `24.6.0`; nothing if it does not tell. */
  #kernelRelease(): string {
    return this.#sysctl("kern.osrelease", 48) < 0 ? "0" : this.scratch.text();
  }
}
