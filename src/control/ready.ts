/**
 * The ready line: one JSON object that tells a launcher that every port is open, and how to reach them.
 *
 * @module
 */
import type { OpenedPort } from "../engine/protocol.ts";
import type { SocketKind } from "../offload/clients.ts";
import { Errno, errnoName } from "../platform/errno.ts";
import { type Kernel, Ready } from "../platform/kernel.ts";
import { isNumbered } from "../port/config.ts";
import { type ConnectHints, connectHints } from "./connect_hint.ts";
import { Exit, Failure } from "./failure.ts";
import { type OffloadFacts, offloadFacts } from "./offload_facts.ts";

/** A pipe that is reported writable takes this much without waiting (pipe(7)). */
const PIPE_BUF = 4096;
/** Between two looks at a pipe that is full, and how long it is looked at. */
const RETRY_MS = 5, PATIENCE_MS = 5000;

/**
 * One port of the ready line: `path` for a socket file, `fd` for an inherited descriptor, `fdName` for one that was
 * asked for by name.
 */
export interface ReadyPort {
  readonly name: string;
  readonly kind: string;
  readonly socket: SocketKind;
  /** Absolute path of the socket; of a descriptor, if it has one. */
  readonly path?: string;
  readonly fd?: number;
  readonly fdName?: string;
  readonly clients: string;
  readonly buffers: number;
  /** Of a vhost-user port: what its guests are offered. */
  readonly offload: OffloadFacts;
  /** Empty for a descriptor without a path: who holds its other end is the launcher's business. */
  readonly connect: ConnectHints;
}

/** The ready line. */
export interface ReadyLine {
  readonly event: "ready";
  readonly version: string;
  readonly pid: number;
  /** System calls that carry datagrams: sendmmsg/recvmmsg, sendmsg_x/recvmsg_x, or sendmsg/recvmsg one by one. */
  readonly bulk: string;
  readonly ports: readonly ReadyPort[];
}

/** What the ready line needs to know of the process. */
export interface Process {
  readonly version: string;
  readonly pid: number;
  /** Current folder: relative paths are told as absolute ones. */
  readonly folder: string;
  /** Longest socket path in bytes. */
  readonly pathLimit: number;
  /** As in {@linkcode ReadyLine}. */
  readonly bulk: string;
}

/** Make the ready line. */
export function readyLine(opened: readonly OpenedPort[], process: Process): ReadyLine {
  const { version, pid, bulk } = process;
  const ports = opened.map((port) => readyPort(port, process));
  return { event: "ready", version, pid, bulk, ports };
}

function readyPort(port: OpenedPort, { folder, pathLimit }: Process): ReadyPort {
  const { name, kind, socket, clients, buffers } = port;
  const offload = offloadFacts(port);
  const which = kind !== "fd"
    ? {}
    : isNumbered(port.target)
    ? { fd: Number(port.target) }
    : { fdName: port.target };
  const path = kind === "fd" ? port.path : absolutePath(port.target, folder);
  if (path === undefined) {
    return { name, kind, socket, ...which, clients, buffers, offload, connect: {} };
  }
  const connect = connectHints({
    socket,
    path,
    pathLimit,
    client: port.client,
    policy: port.policy,
    connects: kind === "vhost-user-client",
  });
  return { name, kind, socket, ...which, path, clients, buffers, offload, connect };
}

/** An absolute path without `.` parts; `..` stays, since it may follow a symlink. */
export function absolutePath(path: string, folder: string): string {
  const whole = path.startsWith("/") ? path : `${folder}/${path}`;
  return "/" + whole.split("/").filter((part) => part !== "" && part !== ".").join("/");
}

/**
 * Write the ready line to an inherited descriptor and, unless it is one of the standard three, close it: some
 * launchers wait for the line, others for the end. Resolves with a warning when the launcher has gone.
 *
 * A launcher that does not read must not hold us up, so the line goes out as its pipe has room, until `end`.
 *
 * @throws Failure at once, when no launcher left the descriptor open
 */
export function writeReady(
  kernel: Kernel,
  fd: number,
  line: string,
  end: AbortSignal,
): Promise<string | undefined> {
  if (kernel.isInherited(fd) !== 1) {
    throw new Failure(
      `Cannot write the ready line to descriptor ${fd}: it is not open; ` +
        "start vswitch with it open, as in --ready-fd 3 3>FILE",
      Exit.USAGE,
    );
  }
  return pour(kernel, fd, new TextEncoder().encode(line + "\n"), end);
}

async function pour(
  kernel: Kernel,
  fd: number,
  bytes: Uint8Array,
  end: AbortSignal,
): Promise<string | undefined> {
  // A file cannot be watched (EPERM) and never makes one wait.
  const watched = kernel.watch(fd, 0, Ready.WRITE) >= 0;
  const deadline = kernel.now() + PATIENCE_MS;
  let failed = 0;
  while (bytes.byteLength > 0 && failed === 0 && !end.aborted && kernel.now() < deadline) {
    if (watched && kernel.wait(0) === 0) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      continue;
    }
    const taken = kernel.writeBytes(fd, bytes.subarray(0, PIPE_BUF));
    if (taken >= 0) bytes = bytes.subarray(taken);
    else if (taken !== -Errno.EINTR) failed = taken;
  }
  if (watched) kernel.unwatch(fd);
  if (fd > 2) kernel.close(fd);
  if (bytes.byteLength === 0) return undefined;
  const why = failed < 0 ? errnoName(failed) : "it was not read in time";
  return `Cannot write the ready line to descriptor ${fd}: ${why}`;
}
