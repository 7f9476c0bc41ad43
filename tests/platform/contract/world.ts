/**
 * What the contract needs around a kernel: a folder, another process, descriptors a launcher left open.
 *
 * Each kernel, real or fake, has a world that answers it, so that each case of the contract is written once.
 *
 * @module
 */
import type { Kernel, PathInfo, SocketType } from "../../../src/platform/kernel.ts";

/** Where systems differ, and the switch lives with either. */
export interface Habits {
  readonly system: "linux" | "darwin";
  /** A datagram peer that is full. */
  readonly full: "EAGAIN" | "ENOBUFS";
  /** Sending to nobody on a datagram socket. */
  readonly nobody: "ENOTCONN" | "EDESTADDRREQ";
  /** Reading from a stream that was never connected. */
  readonly idleRead: "EINVAL" | "ENOTCONN";
  /** Connecting to a listener whose queue is full. */
  readonly backlogFull: "EAGAIN" | "ECONNREFUSED";
  /** Connections that may wait at a listener beyond its backlog (of Darwin: kern.ipc.soqlimitcompat, sonewconn). */
  readonly spareBacklog: number;
  /** What openWake() makes has the non-blocking mode of files. A kqueue has not: who takes its events says how long. */
  readonly wakesHaveMode: boolean;
  /** A process is told with each datagram. */
  readonly credentials: boolean;
  /** Bytes after a path in the address of a sender: its NUL. */
  readonly nul: number;
  /** GONE is reported of a descriptor that is watched for nothing. */
  readonly goneUnasked: boolean;
  /** A stream that was closed with bytes unread says so. */
  readonly resets: boolean;
}

/** Linux's. */
export const LINUX_HABITS: Habits = {
  system: "linux",
  full: "EAGAIN",
  nobody: "ENOTCONN",
  idleRead: "EINVAL",
  backlogFull: "EAGAIN",
  spareBacklog: 1,
  wakesHaveMode: true,
  credentials: true,
  nul: 1,
  goneUnasked: true,
  resets: true,
};

/** Darwin's. */
export const DARWIN_HABITS: Habits = {
  system: "darwin",
  full: "ENOBUFS",
  nobody: "EDESTADDRREQ",
  idleRead: "ENOTCONN",
  backlogFull: "ECONNREFUSED",
  spareBacklog: 0,
  wakesHaveMode: false,
  credentials: false,
  nul: 0,
  goneUnasked: false,
  resets: false,
};

/** A kernel with its surroundings. */
export interface World {
  readonly kernel: Kernel;
  readonly habits: Habits;
  /** A folder that is there and empty. */
  readonly folder: string;
  /** The process and user the kernel's sockets belong to. */
  readonly pid: number;
  readonly uid: number;
  /** net.unix.max_dgram_qlen. */
  readonly datagrams: number;
  /** What the best of a few waits of 200 us stays below, in milliseconds. */
  readonly shortWait: number;
  /** Least that setBuffers(fd, bytes) has to grant. */
  leastBuffers(bytes: number): number;
  /** Soft limit of open descriptors. */
  descriptorLimit(): number;
  /** One end of a socketpair as a launcher leaves it: blocking and open across exec. */
  inherit(type: SocketType): number;
  flags(fd: number): { nonBlocking: boolean; closeOnExec: boolean };
  /** Writing end of a pipe; `read` takes what was written. */
  pipe(): { fd: number; read: () => Uint8Array };
  /** Another process, and how to end it. */
  startProcess(): { pid: number; end: () => Promise<void> };
  /** Put a file, folder or symlink somewhere. */
  plant(path: string, kind: PathInfo["kind"], target?: string): void;
  /** Group id of a path. */
  group(path: string): number;
  /** A group id the user may give a file to. */
  readonly otherGroup: number;
  close(): void;
}
