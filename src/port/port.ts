/**
 * What a port is to the switch, and the switch to a port.
 *
 * A port moves frames between a VM's socket and the arena, and nothing else: it neither learns nor
 * looks up nor queues. The engine implements {@linkcode Switch}, so this room knows nothing of the
 * rooms above it and a new kind is one file and one line in mod.ts.
 *
 * @module
 */
import type { SocketKind } from "../offload/clients.ts";
import type { Gather } from "../offload/gather.ts";
import type { Kernel } from "../platform/kernel.ts";
import type { Batch, Memory } from "./batch.ts";
import type { PortConfig } from "./config.ts";

/** Anything with a descriptor the loop waits for. */
export interface Source {
  /**
   * The descriptor is ready ({@linkcode Ready} bits). Handle a bounded amount: a source with more to
   * read is called again after the others had their turn.
   */
  ready(bits: number): void;
}

/** A port whose frames come through memory that it shares with its VM: it has to be looked at. */
export interface Polled {
  /** How long it is worth looking after the last frame, in ms. */
  readonly pollMs: number;
  /** Handle one batch of what has come; false when nothing had. */
  poll(): boolean;
  /** Notifications are not needed from now on. */
  hush(): void;
  /** Ask the VM for a notification of what comes next; false when something has come already. */
  rest(): boolean;
}

/** Answer of {@linkcode Port.tx} when the peer is gone: none of the remaining frames can be sent. */
export const TX_GONE = -1;

/** A way to reach one VM. */
export interface Port extends Source {
  readonly name: string;
  /** Handle in the FDB and row in the counters. */
  readonly row: number;
  readonly config: PortConfig;
  /**
   * False for a sender that is never paused: one that misbehaves when it is not read (QEMU's dgram by path spins), and
   * one that is refused at once instead of waiting (any on Darwin's datagrams).
   */
  readonly pausable: boolean;
  /** Bytes left of a frame that is partly written; the port must not be closed before they are out. 0: none. */
  readonly unfinished: number;
  /** The length of each frame goes in front of it: a stream. */
  readonly framed: boolean;
  /** {@linkcode Port.tx} takes frames that are in a guest's memory (frame/scatter.ts). */
  readonly scatters: boolean;
  /**
   * Send frames `from` .. `count - 1`, each with the vnet header in front of it if the port has one; counts what it
   * sends. Returns how many were taken, from the first on: fewer than given when the VM is full, or
   * {@linkcode TX_GONE}.
   */
  tx(at: Int32Array, length: Int32Array, from: number, count: number): number;
  /** As {@linkcode tx}, all frames of a gather. */
  txGather(gather: Gather): number;
  /** Ask for (or stop asking for) the writable event. */
  wantWrite(on: boolean): void;
  /** Stop or go on reading. */
  wantRead(on: boolean): void;
  /**
   * The last `frames` frames of its batch cannot be forwarded now: they stay where they are, and come again when the
   * port is read. A port without this has read them for good.
   */
  giveBack?(frames: number): void;
  /** The VM cannot be reached any more: release what was held for it and listen again, or close. */
  lose(reason: string): void;
}

/** A configured port, opened: one VM, or a listener with many. */
export interface Opened {
  readonly socket: SocketKind;
  /** Granted socket buffers in bytes, 0 before a client is there. */
  readonly buffers: number;
  /** Of a descriptor: the absolute path it is bound to, where VMs find it. */
  readonly path?: string;
  /** Called about once a second. */
  tick(): void;
  /** Take no new clients, and remove our file. */
  quiesce(): void;
  /** Read and discard what waits and close every descriptor. */
  close(): void;
}

/** The switch as its ports see it. */
export interface Switch {
  readonly kernel: Kernel;
  readonly memory: Memory;
  /** The one ingress batch: a port fills it and calls {@linkcode ingress}. */
  readonly batch: Batch;
  /** Counters, `cells[row * COLUMNS + column]`; see {@linkcode Tally}. */
  readonly tally: Tally;
  /** Time of this turn in milliseconds (monotonic). */
  readonly now: number;
  /**
   * The switch has just started and VMs are missing that may be on their way back: who can leave frames where they
   * are does.
   */
  readonly isGathering: boolean;
  /** When discarding what leaving VMs have sent must end, in ms of the kernel's clock. */
  readonly discardUntil: number;

  /** Reserve a row for a port or listener; -1 when all are taken. */
  enroll(name: string): number;
  /** Give a row back; its counts are added to row `into`. */
  dismiss(row: number, into: number): void;
  /** The VM can be reached: the port becomes part of the switch. */
  join(port: Port): void;
  /** The VM cannot be reached: forget its MACs and its queue. */
  leave(port: Port): void;
  /** Forward the batch, which came from `port`; its memory may be used again afterwards. */
  ingress(port: Port): void;
  /** There is room to write again. */
  writable(port: Port): void;

  /** Watch a descriptor; the source is called by {@linkcode Source.ready}. Returns a token or a negative error. */
  watch(fd: number, source: Source, interest: number): number;
  rewatch(fd: number, token: number, interest: number): void;
  unwatch(fd: number, token: number): void;
  /** Call a source when a process ends; returns a token with its descriptor, or undefined. */
  watchExit(pid: number, source: Source): { fd: number; token: number } | undefined;
  /** Look at a port again and again, until it rests. */
  poll(polled: Polled): void;
  /** Look at it no more. */
  unpoll(polled: Polled): void;
  /** Call back once, not before `milliseconds` from now. */
  later(milliseconds: number, action: () => void): void;

  /**
   * The `length` bytes at `at`, a frame behind its vnet header, were refused with acceptVnet's `code`. Counted, and
   * told now and then.
   */
  misdeclared(port: Port, code: number, at: number, length: number): void;

  log(level: "debug" | "info" | "warning" | "error", port: string, text: string): void;
}

/** What ports count; the engine counts the rest. */
export interface Tally {
  rxCall(row: number): void;
  txCall(row: number): void;
  /** `frames` frames of together `bytes` bytes were sent. */
  sent(row: number, frames: number, bytes: number): void;
  /** A send was refused for now, with this (positive) error number. */
  retry(row: number, error: number): void;
  client(row: number): void;
  /** A frame that never reached the switch: counted as received and dropped. */
  lost(
    row: number,
    reason: "stranger" | "closing" | "cut" | "oversize" | "bad-vnet" | "undeclared",
    frames: number,
    bytes: number,
  ): void;
  /** A frame that was to be sent. */
  refused(row: number): void;
}

/** A port that cannot be opened. `usage`: the command line must change; else the system's state. */
export class PortError extends Error {
  override readonly name = "PortError";
  readonly usage: boolean;

  constructor(message: string, usage = false) {
    super(message);
    this.usage = usage;
  }
}
