/**
 * The fake machine as a test sees it: VMs, time, faults, files, and what the switch has left open.
 *
 * {@linkcode FakeKernel} is the same object as the switch sees it.
 *
 * @module
 */
import { type Arena, GUEST_BASE } from "../../src/platform/arena.ts";
import { errnoName } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeDescriptors, type Flags, type Open } from "./fake_descriptors.ts";
import { attempt, DgramPeer, StreamPeer } from "./fake_peers.ts";
import { FakeFiles } from "./fake_files.ts";
import { LINUX_PAGES, openArena, type Pages } from "./fake_pages.ts";
import { DEFAULT_BUFFER, type FakeProcess, FakeSocket } from "./fake_socket.ts";
import { LINUX_RULES, type SocketRules } from "./fake_rules.ts";
import { Faults } from "./faults.ts";

/** Virtual until touched, as the real arena is. */
const ARENA_BYTES = 384 << 20;
/** Any value does; a negative one shows where a word is taken for an unsigned number. */
const HIGH = -0x1234;

/** How the machine differs from a stock one. */
export interface MachineOptions {
  /** Most {@linkcode FakeKernel.setBuffers} may ask for, before Linux doubles it (net.core.wmem_max). */
  readonly bufferLimit?: number;
  readonly arenaBytes?: number;
  /** Guest space; a mapped file takes its size and a page. */
  readonly guestBytes?: number;
}

/** How a datagram VM presents itself. */
export interface DgramOptions {
  /** Path it binds to, so that it can be answered; a leading NUL makes an abstract name. */
  readonly bind?: string;
  /** Connect first, as vfkit and libkrun do (default), or name the switch in every send, as QEMU does. */
  readonly connect?: boolean;
}

/** See the head of this file. */
export abstract class FakeMachine {
  readonly clock: FakeClock = new FakeClock();
  readonly faults: Faults = new Faults();
  readonly files: FakeFiles = new FakeFiles();
  readonly arena: Arena;
  protected readonly descriptors: FakeDescriptors = new FakeDescriptors();
  protected readonly bufferLimit: number;
  protected readonly guestBytes: number;
  /** The switch's own process. */
  protected readonly self: FakeProcess = { pid: 4242, uid: 1000, ended: false };
  /** What sockets do; another system's are others. */
  protected get rules(): SocketRules {
    return LINUX_RULES;
  }
  readonly #processes = new Map<number, FakeProcess>([[4242, this.self]]);
  readonly #available: number;
  #lastPid = 5000;

  /** @param pages the system's; the arena is made for them, whatever those of this machine are */
  constructor(options: MachineOptions = {}, pages: Pages = LINUX_PAGES) {
    const { arenaBytes = ARENA_BYTES, guestBytes = 0 } = options;
    const buffer = new ArrayBuffer(guestBytes > 0 ? GUEST_BASE + guestBytes : arenaBytes);
    this.guestBytes = guestBytes;
    this.arena = openArena(buffer, HIGH, arenaBytes, pages);
    this.#available = this.arena.available;
    this.bufferLimit = options.bufferLimit ?? DEFAULT_BUFFER;
  }

  /** Let something happen at a virtual time, in milliseconds; it happens while the switch waits. */
  at(ms: number, act: () => void): void {
    this.clock.at(ms, act);
  }

  /** A VM that connects to a listening path. */
  peerStream(path: string, process: FakeProcess = this.startProcess()): StreamPeer {
    const socket = this.rules.furnish(new FakeSocket(SocketType.STREAM, process));
    const address = new TextEncoder().encode(path);
    const connect = () => this.rules.connectStream(socket, this.files.find(address, 1));
    demand(`connect to "${path}"`, connect);
    return new StreamPeer(socket, process, this.rules);
  }

  /** A VM that sends datagrams to a path. */
  peerDgram(
    path: string,
    options: DgramOptions = {},
    process: FakeProcess = this.startProcess(),
  ): DgramPeer {
    const socket = this.rules.furnish(new FakeSocket(SocketType.DGRAM, process));
    const { bind, connect = true } = options;
    if (bind !== undefined) {
      const name = new TextEncoder().encode(bind);
      demand(`bind to "${bind}"`, () => this.files.bind(socket, name, 0o755));
    }
    const target = connect ? undefined : new TextEncoder().encode(path);
    const vm = new DgramPeer(socket, process, this.files, target, this.rules);
    if (connect) demand(`connect to "${path}"`, () => vm.connect(path));
    return vm;
  }

  /** A descriptor a launcher left open for us, one end of a socketpair, and the VM at the other end. */
  inherit(type: typeof SocketType.STREAM): { fd: number; vm: StreamPeer };
  inherit(type: SocketType): { fd: number; vm: StreamPeer | DgramPeer };
  inherit(type: SocketType): { fd: number; vm: StreamPeer | DgramPeer } {
    const process = this.startProcess();
    const ours = new FakeSocket(type, this.self);
    const theirs = this.rules.furnish(new FakeSocket(type, process));
    this.rules.join(ours, theirs);
    const fd = this.descriptors.add(
      { kind: "socket", socket: ours },
      { nonBlocking: false, closeOnExec: false },
    );
    const vm = type === SocketType.STREAM
      ? new StreamPeer(theirs, process, this.rules)
      : new DgramPeer(theirs, process, this.files, undefined, this.rules);
    return { fd, vm };
  }

  /** The writing end of a pipe, as a launcher passes for readiness; `read` takes what was written. */
  inheritPipe(): { fd: number; read: () => Uint8Array; close: () => void } {
    const pipe: Open = { kind: "pipe", taken: [], broken: false };
    const fd = this.descriptors.add(pipe, { nonBlocking: false, closeOnExec: false });
    const read = () => Uint8Array.from(pipe.taken.splice(0));
    return { fd, read, close: () => void (pipe.broken = true) };
  }

  /** A process to watch or to own a VM's socket. */
  startProcess(uid = 1000): FakeProcess {
    const process = { pid: ++this.#lastPid, uid, ended: false };
    this.#processes.set(process.pid, process);
    return process;
  }

  /** The process with this id, if it has been started. */
  protected process(pid: number): FakeProcess | undefined {
    return this.#processes.get(pid);
  }

  /** Whether a descriptor blocks and whether it survives exec. */
  descriptorFlags(fd: number): Readonly<Flags> {
    return this.descriptors.flags(fd);
  }

  /** Descriptors of the switch that are open now. */
  openDescriptors(): number[] {
    return this.descriptors.all;
  }

  /** Bytes of the arena that were taken and not given back. */
  arenaTaken(): number {
    return this.#available - this.arena.available;
  }

  /** @throws Error when the switch has left a descriptor open or arena memory taken */
  assertNothingLeft(): void {
    const open = this.openDescriptors().map((fd) => `${fd} (${this.descriptors.get(fd).kind})`);
    if (open.length > 0) throw new Error(`Descriptors left open: ${open.join(", ")}`);
    const taken = this.arenaTaken();
    if (taken > 0) throw new Error(`Arena memory not given back: ${taken} bytes`);
  }
}

/** A test's own step that must not fail. */
function demand(what: string, step: () => number): void {
  const result = attempt(step);
  if (result < 0) throw new Error(`A test's VM cannot ${what}: ${errnoName(result)}`);
}
