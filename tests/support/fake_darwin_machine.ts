/**
 * The fake machine with Darwin's rules: what a test sees of it is {@linkcode FakeMachine}, what the switch sees is the
 * libSystem over it (fake_libsystem.ts).
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import { FakeCalls } from "./fake_calls.ts";
import { DarwinRules, isWritable } from "./fake_darwin_sockets.ts";
import type { FakeDescriptors, Open } from "./fake_descriptors.ts";
import { FakeKqueue } from "./fake_kqueue.ts";
import type { MachineOptions } from "./fake_machine.ts";
import { DARWIN_PAGES } from "./fake_pages.ts";
import { attempt } from "./fake_peers.ts";
import type { SocketRules } from "./fake_rules.ts";
import { type FakeProcess, type FakeSocket, Refused } from "./fake_socket.ts";
import type { FaultCall } from "./faults.ts";

/** kern.ipc.maxsockbuf. */
const BUFFER_MOST = 8 << 20;
/** Numbers of kqueues a kernel opens for itself; those it is asked for come after the lowest free one, as any. */
const OWN_KQUEUES = 900;

/** A fake Mac: how it differs from a stock one. */
export interface DarwinOptions extends MachineOptions {
  /** kern.osrelease: 24.6.0 is macOS 15.6. */
  readonly release?: string;
  /** False for a libSystem without sendmsg_x and recvmsg_x. */
  readonly bulkCalls?: boolean;
}

/** See the head of this file. */
export class FakeDarwinMachine extends FakeCalls {
  readonly release: string;
  readonly bulkCalls: boolean;
  readonly bufferMost: number;
  /** Calls of each name until now. */
  readonly calls: Map<FaultCall, number> = new Map();
  /** Bytes that sendmsg_x has copied, whether they were then sent or not. */
  copied = 0;
  /** recvmsg is how batches come, not only first datagrams. */
  oneByOne = false;
  umask = 0o022;
  /** RLIMIT_NOFILE: soft and hard. */
  readonly limit: [bigint, bigint] = [256n, 0x7fff_ffff_ffff_ffffn];
  /** sendmsg_x refuses messages that are together longer than the buffer, as a header of the kernel's says. */
  sumsUp = false;
  /** kern.maxfilesperproc. */
  maxFiles = 61_440;
  readonly #rules = new DarwinRules((socket) => this.#woken(socket));
  readonly #queues = new Set<FakeKqueue>();
  #first: FakeKqueue | undefined;

  constructor(options: DarwinOptions = {}) {
    super(options, DARWIN_PAGES);
    this.release = options.release ?? "24.6.0";
    this.bulkCalls = options.bulkCalls ?? true;
    this.bufferMost = options.bufferLimit ?? BUFFER_MOST;
  }

  protected override get rules(): SocketRules {
    return this.#rules;
  }

  /** The same, for the library. */
  get sockets(): DarwinRules {
    return this.#rules;
  }

  get table(): FakeDescriptors {
    return this.descriptors;
  }

  get process_(): FakeProcess {
    return this.self;
  }

  processOf(pid: number): FakeProcess | undefined {
    return this.process(pid);
  }

  /** The kqueue of the kernel itself is none of the switch's descriptors. */
  override openDescriptors(): number[] {
    return super.openDescriptors().filter((fd) => fd < OWN_KQUEUES);
  }

  /** As FakeCalls.call, for fake_libsystem.ts. */
  enter(name: FaultCall, fd: number, body: (limit: number) => number): number {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    return this.lastResult = this.call(name, fd, body);
  }
  /** What the last call came to: a count or a negated error number, in Linux's numbering. */
  lastResult = 0;

  /** A call that no script reaches. */
  plain(body: () => number): number {
    return attempt(body);
  }

  addKqueue(): number {
    const queue = new FakeKqueue(isWritable, (fd) => this.#isLost(fd), () => this.clock.now);
    this.#queues.add(queue);
    const flags = { nonBlocking: false, closeOnExec: false };
    const own = this.#first === undefined;
    this.#first ??= queue;
    return this.descriptors.add({ kind: "kqueue", queue }, flags, own ? OWN_KQUEUES : 3);
  }

  kqueueOf(fd: number): FakeKqueue {
    const open = this.descriptors.get(fd);
    if (open.kind !== "kqueue") throw new Refused(Errno.EBADF);
    return open.queue;
  }

  /** True for the kqueue the switch sleeps in. */
  isFirst(queue: FakeKqueue): boolean {
    return queue === this.#first;
  }

  isFirstFd(fd: number): boolean {
    const open = this.descriptors.find(fd);
    return open?.kind === "kqueue" && this.isFirst(open.queue);
  }

  /** Sleep in a kqueue: `collect` fills in what it has to tell. */
  sleepIn(queue: FakeKqueue, microseconds: number, collect: () => number): number {
    return this.sleep(microseconds, collect, () => queue.next);
  }

  closeDescriptor(fd: number): number {
    const { nonBlocking } = this.descriptors.flags(fd);
    const open: Open = this.descriptors.remove(fd);
    if (open.kind === "socket" && open.socket.lingers && !nonBlocking) {
      throw new Error(`Closing ${fd} waits: somebody passed us a socket with SO_LINGER`);
    }
    for (const queue of this.#queues) queue.forget(fd);
    if (open.kind === "socket") this.#rules.close(open.socket);
    if (open.kind === "kqueue") this.#queues.delete(open.queue);
    return 0;
  }

  /** There may be more room to write to a socket's peer. The kernel does not always say so. */
  #woken(socket: FakeSocket): void {
    for (const queue of this.#queues) {
      queue.wakeWriters(socket, (fd) => !this.#isLost(fd));
    }
  }

  #isLost(fd: number): boolean {
    return this.faults.strike("writable", fd) !== undefined;
  }
}
