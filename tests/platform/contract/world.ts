/**
 * What the contract needs around a kernel: a folder, another process, descriptors a launcher left open.
 *
 * Two worlds answer it, so that each case of the contract is written once.
 *
 * @module
 */
import type { Kernel, PathInfo, SocketType } from "../../../src/platform/kernel.ts";

/** A kernel with its surroundings. */
export interface World {
  readonly kernel: Kernel;
  /** A folder that is there and empty. */
  readonly folder: string;
  /** The process and user the kernel's sockets belong to. */
  readonly pid: number;
  readonly uid: number;
  /** net.unix.max_dgram_qlen. */
  readonly datagrams: number;
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
