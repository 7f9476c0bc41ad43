/**
 * Taking and leaving a socket path.
 *
 * A socket file outlives the process that made it, so a path may be stale, or somebody may be listening
 * behind it, or it may be something else altogether. Only a socket that nobody answers on is removed, and
 * at the end only a file that is still the one we made.
 *
 * @module
 */
import { Errno, errnoName } from "../platform/errno.ts";
import { type Kernel, SocketType } from "../platform/kernel.ts";
import { type PortConfig } from "./config.ts";
import { PortError, type Switch } from "./port.ts";

/** A path that is ours until {@linkcode release}. */
export interface Claim {
  readonly fd: number;
  readonly path: string;
  /** See PathInfo.identity. */
  readonly identity: string;
}

/**
 * Bind a new socket at the port's path.
 *
 * @param extra bytes the path may grow by later
 * @throws PortError naming the port, the path and the fix
 */
export function claim(host: Switch, config: PortConfig, type: SocketType, extra = 0): Claim {
  const { kernel } = host;
  checkLength(kernel, config, extra);
  warnOfFolder(host, config);
  // Looking, removing and binding are three steps; the lock keeps two starting switches from mixing them.
  const lock = lockFolder(kernel, config);
  try {
    return claimBeside(kernel, config, type);
  } finally {
    if (lock >= 0) kernel.close(lock);
  }
}

/** As {@linkcode claim}, for a path that only the owner of one we hold would take: nothing to wait for. */
export function claimBeside(kernel: Kernel, config: PortConfig, type: SocketType): Claim {
  clearStale(kernel, config);
  return bind(kernel, config, type);
}

function bind(kernel: Kernel, config: PortConfig, type: SocketType): Claim {
  const path = config.target;
  const fd = kernel.socket(type);
  if (fd < 0) throw cannotOpen(config, `no socket (${errnoName(fd)}); raise "ulimit -n"`);
  if (type === SocketType.DGRAM) kernel.refuseDescriptors(fd); // a listener knows whether it wants any
  const bound = kernel.bind(fd, path, config.mode);
  if (bound < 0) {
    kernel.close(fd);
    throw cannotOpen(config, `cannot bind ${path}: ${bindHint(bound, path)}`);
  }
  const grouped = config.gid < 0 ? 0 : kernel.chgrp(path, config.gid);
  const made = { fd, path, identity: kernel.stat(path)?.identity ?? "" };
  if (grouped < 0) {
    release(kernel, made);
    throw cannotOpen(
      config,
      `cannot give ${path} to group ${config.gid} (${errnoName(grouped)}); use a group you are in`,
    );
  }
  return made;
}

/** Close the socket and remove its file. */
export function release(kernel: Kernel, made: Claim): void {
  removeFile(kernel, made);
  kernel.close(made.fd);
}

/** Remove the file, unless somebody else's has taken its place. */
export function removeFile(kernel: Kernel, made: Claim): void {
  if (kernel.stat(made.path)?.identity === made.identity) kernel.unlink(made.path);
}

/** Bytes of a path as the kernel takes it. */
export function pathBytes(path: string): Uint8Array {
  return new TextEncoder().encode(path);
}

function checkLength(kernel: Kernel, config: PortConfig, extra: number): void {
  const length = pathBytes(config.target).byteLength;
  const limit = kernel.pathLimit - extra;
  if (length <= limit) return;
  const why = extra > 0 ? " with clients=many" : "";
  throw cannotOpen(
    config,
    `path is ${length} bytes, the limit is ${limit}${why}; use a shorter or a relative path`,
    true,
  );
}

/** In a folder where everybody may rename files, everybody may put a socket of their own in our place. */
function warnOfFolder(host: Switch, config: PortConfig): void {
  const folder = folderOf(config.target);
  const info = host.kernel.stat(`${folder}/.`); // of the folder itself, not of a link to it
  if (info === undefined || (info.mode & 0o002) === 0 || (info.mode & 0o1000) !== 0) return;
  const text =
    `${folder} is writable by everybody, who can replace the socket; use a private folder`;
  host.log("warning", config.name, text);
}

/** Longest wait for another switch that is taking a path in the same folder. */
const LOCK_MS = 500;

/** Returns a descriptor to close, or an error when the folder cannot be locked: bind will say why. */
function lockFolder(kernel: Kernel, config: PortConfig): number {
  const deadline = kernel.now() + LOCK_MS;
  for (;;) {
    const lock = kernel.lockFolder(folderOf(config.target));
    if (lock !== -Errno.EAGAIN) return lock;
    if (kernel.now() > deadline) {
      throw cannotOpen(
        config,
        `another process keeps ${folderOf(config.target)} locked; stop it or use another folder`,
      );
    }
    kernel.wait(1000);
  }
}

/** The folder a path lies in. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
}

/** Make room at the path, or say why that must not be done. */
function clearStale(kernel: Kernel, config: PortConfig): void {
  const path = config.target;
  const found = kernel.stat(path);
  if (found === undefined) return;
  if (found.kind !== "socket") {
    throw cannotOpen(config, `${path} is a ${found.kind}, not a socket; use another path`);
  }
  if (isLive(kernel, path)) {
    throw cannotOpen(
      config,
      `somebody is listening on ${path}; stop that process or use another path`,
    );
  }
  // Between the probe and here another instance may have replaced the file with a live one.
  if (kernel.stat(path)?.identity === found.identity) kernel.unlink(path);
}

/** False only when the kernel says that no socket is behind the file (ECONNREFUSED), or that it is gone. */
function isLive(kernel: Kernel, path: string): boolean {
  let dead = 0;
  for (const type of [SocketType.STREAM, SocketType.DGRAM]) {
    const fd = kernel.socket(type);
    if (fd < 0) return true;
    kernel.refuseDescriptors(fd); // whoever is behind the path
    const result = kernel.connect(fd, pathBytes(path));
    kernel.close(fd);
    if (result === -Errno.ECONNREFUSED || result === -Errno.ENOENT) dead++;
  }
  return dead < 2;
}

function bindHint(error: number, path: string): string {
  switch (-error) {
    case Errno.EADDRINUSE:
      return "another process took the path at the same moment; use another path";
    case Errno.ENOENT:
      return `the folder does not exist; create ${folderOf(path)}`;
    case Errno.ENOTDIR:
      return "a part of the path is not a folder; use another path";
    case Errno.EACCES:
    case Errno.EPERM:
      return "permission denied; use a folder you may write to";
    default:
      return errnoName(error);
  }
}

/** `Cannot open port "a": ...`, the form of every error of opening. */
export function cannotOpen(config: PortConfig, why: string, usage = false): PortError {
  return new PortError(`Cannot open port "${config.name}": ${why}`, usage);
}
