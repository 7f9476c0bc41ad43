/**
 * The Darwin kernel (macOS), through libSystem and Deno's FFI.
 *
 * What is other than on Linux, and stays in this file and those beside it (kqueue.ts, kqueue_signal.ts,
 * darwin_datagrams.ts, darwin_memory.ts, darwin_errno.ts):
 *
 * - MSG_DONTWAIT does not keep a send on a stream from blocking, so every socket is O_NONBLOCK; that is set without
 *   variadic calls and read back, since a socket that blocks would stop the switch.
 * - A full peer is ENOBUFS, not EAGAIN; the queue is the peer's SO_RCVBUF, SO_SNDBUF is the longest datagram.
 * - A connected datagram socket hears everybody, and nobody is refused for being connected (uipc_send).
 * - accept() without a free descriptor drops the client instead of leaving it in the queue.
 * - bind() follows a dangling symlink; listen(fd, 0) means 128; a full listener refuses with ECONNREFUSED.
 *
 * Its parts come by the constructor, so that all of it runs in tests over a libSystem of theirs.
 *
 * @module
 */
import { DARWIN, DARWIN_NUMBERS as D } from "./abi.ts";
import type { Arena } from "./arena.ts";
import { DarwinDatagrams, isTrusted } from "./darwin_datagrams.ts";
import { fromDarwin } from "./darwin_errno.ts";
import type { LibSystem } from "./darwin_libc.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { Errno } from "./errno.ts";
import { type Kernel, type PathInfo, type Peer, Ready, SocketType } from "./kernel.ts";
import { launchdSocketOfThis } from "./launchd.ts";
import { Kqueue } from "./kqueue.ts";
import { KqueueSignals } from "./kqueue_signal.ts";
import { pathInfo } from "./path_info.ts";
import { ScratchPage } from "./scratch.ts";
import type { MessageTable, Vector } from "./vectors.ts";

const AF_UNIX = 1;
const LOCK_EX_NB = 2 | 4;
/** Smallest socket buffer that is worth asking for. */
const LEAST_BUFFER = 4096;
/** OPEN_MAX: what a process may always have (xnu bsd/sys/syslimits.h). */
const OPEN_MAX = 10_240n;

/** Whether sendmsg_x and recvmsg_x are used: where they can be trusted, always, or never. */
export type BulkChoice = "auto" | "on" | "off";

/** See {@linkcode Kernel}. */
export class DarwinKernel implements Kernel {
  readonly arena: Arena;
  readonly abi = DARWIN;
  readonly pathLimit = DARWIN.socketAddress.pathLimit;
  readonly pair = new Int32Array(2);
  readonly readyToken: Int32Array;
  readonly readyBits: Int32Array;
  readonly turnsAway = false;
  readonly bulk: string;
  sender: Peer = { address: new Uint8Array(), pid: 0, uid: -1 };

  readonly #c: LibSystem;
  readonly #errno: Int32Array;
  readonly #release: () => void;
  readonly #scratch: ScratchPage;
  readonly #kqueue: Kqueue;
  readonly #signals: KqueueSignals;
  readonly #datagrams: DarwinDatagrams;
  /** Where the last read went: all streams share one window, so the next goes there too. */
  #readAt = 0;
  #readLength = 0;
  #readAddress = 0n;
  #readBytes = 0n;

  constructor(process: DarwinProcess, bulk: BulkChoice = "auto") {
    this.arena = process.arena;
    this.#c = process.libc;
    this.#errno = process.errno;
    this.#release = () => process.release();
    this.#scratch = new ScratchPage(this.arena, DARWIN);
    this.#kqueue = new Kqueue(process);
    this.#signals = new KqueueSignals(process);
    const wanted = bulk === "on" || (bulk === "auto" && isTrusted(this.#kernelRelease()));
    this.#datagrams = new DarwinDatagrams(process, wanted);
    this.bulk = this.#datagrams.bulk;
    this.readyToken = this.#kqueue.tokens;
    this.readyBits = this.#kqueue.bits;
  }

  // ---- sockets ----

  socket(type: SocketType): number {
    return this.#prepare(this.#result(this.#c.socket(AF_UNIX, type, 0)));
  }

  bind(fd: number, path: string, mode: number): number {
    const address = new TextEncoder().encode(path);
    if (address.byteLength > this.pathLimit) return -Errno.ENAMETOOLONG;
    // A dangling link would be followed, and the socket would appear where the link says.
    if (this.stat(path)?.kind === "symlink") return -Errno.EADDRINUSE;
    const length = this.#scratch.storeAddress(address);
    // The file's mode is 0777 & ~umask at the moment it appears: set no later, so never wider.
    const old = this.#c.umask(0o777 & ~mode);
    const result = this.#result(this.#c.bind(fd, this.#scratch.address, length));
    this.#c.umask(old);
    return result;
  }

  listen(fd: number, backlog: number): number {
    return this.#result(this.#c.listen(fd, backlog));
  }

  accept(fd: number): number {
    return this.#prepare(this.#result(this.#c.accept(fd, 0n, 0n)));
  }

  connect(fd: number, address: Uint8Array): number {
    if (address.byteLength > this.pathLimit + 1) return -Errno.ENAMETOOLONG;
    const length = this.#scratch.storeAddress(address);
    const result = this.#result(this.#c.connect(fd, this.#scratch.address, length));
    // It is the path that is no socket; Linux has no other word for it than for one that nobody is behind.
    return result === -Errno.ENOTSOCK ? -Errno.ECONNREFUSED : result;
  }

  disconnect(fd: number): number {
    const length = this.#scratch.storeNoAddress();
    // The association is dissolved first, then the address is refused: connect(2).
    this.#c.connect(fd, this.#scratch.address, length);
    const connected = this.isConnected(fd);
    return connected === 1 ? -Errno.EISCONN : connected;
  }

  socketPair(type: SocketType): number {
    const { option } = this.#scratch;
    const result = this.#result(this.#c.socketpair(AF_UNIX, type, 0, option));
    if (result < 0) return result;
    const ends = [this.#scratch.value(0), this.#scratch.value(1)];
    this.pair[0] = this.#prepare(ends[0]);
    this.pair[1] = this.#prepare(ends[1]);
    const failed = Math.min(this.pair[0], this.pair[1], 0);
    if (failed < 0) { for (const fd of this.pair) if (fd >= 0) this.close(fd); }
    return failed;
  }

  socketType(fd: number): number {
    return this.#getOption(fd, D.SO_TYPE);
  }

  isListening(fd: number): number {
    // The answer is the bit of so_options itself, 2.
    return Math.min(1, this.#getOption(fd, D.SO_ACCEPTCONN));
  }

  isConnected(fd: number): number {
    const { address, optionLength } = this.#scratch;
    this.#scratch.setValue(0, DARWIN.socketAddress.size);
    const result = this.#result(this.#c.getpeername(fd, address, optionLength));
    if (result === -Errno.ENOTCONN) return 0;
    // EINVAL: it had a peer, which has gone; what that one sent can still be read.
    return result >= 0 || result === -Errno.EINVAL ? 1 : result;
  }

  isInherited(fd: number): number {
    const flags = this.#result(this.#c.__fcntl(fd, D.F_GETFD, 0n));
    return flags < 0 ? flags : 1 - (flags & D.FD_CLOEXEC);
  }

  inheritedByName(name: string): number {
    return launchdSocketOfThis(name);
  }

  isNonBlocking(fd: number): number {
    const flags = this.#result(this.#c.__fcntl(fd, D.F_GETFL, 0n));
    return flags < 0 ? flags : (flags & D.O_NONBLOCK) !== 0 ? 1 : 0;
  }

  adopt(fd: number): number {
    return Math.min(0, this.#arrange(fd));
  }

  setBuffers(fd: number, bytes: number): number {
    this.#askBuffer(fd, D.SO_SNDBUF, bytes);
    this.#askBuffer(fd, D.SO_RCVBUF, bytes);
    return Math.min(this.#getOption(fd, D.SO_SNDBUF), this.#getOption(fd, D.SO_RCVBUF));
  }

  peerOf(fd: number): Peer | undefined {
    const pid = this.#getOption(fd, D.LOCAL_PEERPID, 4, D.SOL_LOCAL);
    if (pid < 0) return undefined;
    const { address, option } = this.#scratch;
    const known = this.#c.getpeereid(fd, option, address) === 0; // streams only
    return { address: new Uint8Array(), pid, uid: known ? this.#scratch.value() : -1 };
  }

  /** Datagrams carry no process here; {@linkcode peerOf} tells it once the socket is connected. */
  setCredentials(fd: number, _on: boolean): number {
    return Math.min(0, this.isInherited(fd));
  }

  receiveFrom(fd: number, at: number, length: number): number {
    this.#scratch.receiveInto(at, length);
    this.#scratch.askForSender(false);
    const result = this.#result(
      this.#c.recvmsg(fd, this.#scratch.receiveHeader, D.MSG_DONTWAIT),
    );
    const sender = this.#scratch.takeSender();
    if (result >= 0) this.sender = sender;
    return result;
  }

  ownAddress(fd: number): Uint8Array | undefined {
    const { address, optionLength } = this.#scratch;
    this.#scratch.setValue(0, DARWIN.socketAddress.size);
    if (this.#c.getsockname(fd, address, optionLength) < 0) return undefined;
    return this.#scratch.takeAddress(this.#scratch.valueBytes);
  }

  close(fd: number): number {
    this.#kqueue.forget(fd);
    this.#datagrams.forget(fd);
    return this.#result(this.#c.close(fd));
  }

  // ---- files ----

  stat(path: string): PathInfo | undefined {
    return pathInfo(path);
  }

  unlink(path: string): number {
    return this.#result(this.#c.unlink(cString(path)));
  }

  lockFolder(path: string): number {
    const fd = this.#result(this.#c.open(cString(path), D.O_DIRECTORY | D.O_CLOEXEC));
    if (fd < 0) return fd;
    const locked = this.#result(this.#c.flock(fd, LOCK_EX_NB));
    if (locked >= 0) return fd;
    this.close(fd);
    return locked;
  }

  rename(from: string, to: string): number {
    return this.#result(this.#c.rename(cString(from), cString(to)));
  }

  chgrp(path: string, gid: number): number {
    return this.#result(this.#c.lchown(cString(path), 0xffff_ffff, gid));
  }

  // ---- data ----

  receive(fd: number, table: MessageTable, count: number): number {
    return this.#datagrams.receive(fd, table, count);
  }

  send(fd: number, table: MessageTable, from: number, count: number): number {
    return this.#datagrams.send(fd, table, from, count);
  }

  read(fd: number, at: number, length: number): number {
    if (at !== this.#readAt || length !== this.#readLength) this.#aimRead(at, length);
    const n = this.#c.recv(fd, this.#readAddress, this.#readBytes, D.MSG_DONTWAIT);
    return n >= 0 ? n : -fromDarwin(this.#errno[0]);
  }

  write(fd: number, vector: Vector, count: number): number {
    this.#scratch.sendFrom(vector, count);
    const n = this.#c.sendmsg(fd, this.#scratch.sendHeader, D.MSG_DONTWAIT);
    return n >= 0 ? n : -fromDarwin(this.#errno[0]);
  }

  // ---- readiness ----

  watch(fd: number, token: number, interest: number): number {
    return this.#kqueue.watch(fd, token, interest);
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.#kqueue.rewatch(fd, token, interest);
  }

  unwatch(fd: number): number {
    return this.#kqueue.unwatch(fd);
  }

  watchExit(pid: number, token: number): number {
    const fd = this.#signals.openExit(pid);
    if (fd < 0) return fd;
    const watched = this.watch(fd, token, Ready.READ);
    if (watched >= 0) return fd;
    this.close(fd);
    return watched;
  }

  wait(microseconds: number): number {
    return this.#kqueue.wait(microseconds);
  }

  now(): number {
    return performance.now();
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

  writeBytes(fd: number, bytes: Uint8Array): number {
    return this.#result(
      this.#c.write(fd, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.byteLength)),
    );
  }

  raiseDescriptorLimit(): number {
    const most = this.#sysctl("kern.maxfilesperproc", 4) < 0
      ? OPEN_MAX
      : BigInt(this.#scratch.value());
    const limit = this.#scratch.pair(), { option } = this.#scratch;
    const got = this.#result(this.#c.getrlimit(D.RLIMIT_NOFILE, option));
    if (got < 0) return got;
    // The hard limit may be "infinite", which no process gets: setrlimit() refuses more than the system allows.
    const wanted = limit[1] < most ? limit[1] : most;
    if (wanted <= limit[0]) return Number(limit[0] & 0x7fff_ffffn);
    limit[0] = wanted;
    const set = this.#result(this.#c.setrlimit(D.RLIMIT_NOFILE, option));
    return set < 0 ? set : Number(wanted & 0x7fff_ffffn);
  }

  dispose(): void {
    this.#kqueue.dispose();
    this.#release();
  }

  #result(value: number): number {
    return value >= 0 ? value : -fromDarwin(this.#errno[0]);
  }

  /** Arrange a socket that was just made; it is closed again if that fails. */
  #prepare(fd: number): number {
    if (fd < 0) return fd;
    const arranged = this.#arrange(fd);
    if (arranged >= 0) return fd;
    this.#c.close(fd);
    return arranged;
  }

  /**
   * Non-blocking, closed on exec, and without SIGPIPE. What accept() gives has inherited the first of its listener
   * (xnu accept_nocancel), but it is read back in any case.
   */
  #arrange(fd: number): number {
    const flags = this.#result(this.#c.__fcntl(fd, D.F_GETFL, 0n));
    if (flags < 0) return flags;
    if ((flags & D.O_NONBLOCK) === 0) {
      const set = this.#c.__fcntl(fd, D.F_SETFL, BigInt(flags | D.O_NONBLOCK));
      if (set < 0) return this.#result(set);
      if (this.isNonBlocking(fd) !== 1) return -Errno.EOPNOTSUPP;
    }
    const closing = this.#result(this.#c.__fcntl(fd, D.F_SETFD, BigInt(D.FD_CLOEXEC)));
    if (closing < 0) return closing;
    // A peer that has gone already makes this EINVAL; Deno ignores the signal anyway.
    this.#setOption(fd, D.SO_NOSIGPIPE, 1);
    return 0;
  }

  /** Ask for a buffer; the kernel grants less by itself, but refuses what is above all bounds. */
  #askBuffer(fd: number, option: number, bytes: number): void {
    for (let size = bytes; size >= LEAST_BUFFER; size >>= 1) {
      if (this.#setOption(fd, option, size) !== -Errno.ENOBUFS) return;
    }
  }

  #aimRead(at: number, length: number): void {
    this.#readAt = at;
    this.#readLength = length;
    this.#readAddress = this.arena.address(at);
    this.#readBytes = BigInt(length);
  }

  /** Read a socket option to scratch; returns its first word. */
  #getOption(fd: number, option: number, bytes = 4, level: number = D.SOL_SOCKET): number {
    const { option: value, optionLength } = this.#scratch;
    this.#scratch.setValue(0, bytes);
    const got = this.#result(this.#c.getsockopt(fd, level, option, value, optionLength));
    return got < 0 ? got : this.#scratch.value();
  }

  #setOption(fd: number, option: number, value: number): number {
    this.#scratch.setValue(value);
    return this.#result(this.#c.setsockopt(fd, D.SOL_SOCKET, option, this.#scratch.option, 4));
  }

  /** Read a setting of the system to scratch. */
  #sysctl(name: string, bytes: number): number {
    const { option, optionLength } = this.#scratch;
    this.#scratch.setValue(0, bytes);
    return this.#result(this.#c.sysctlbyname(cString(name), option, optionLength, 0n, 0n));
  }

  /** Release of the kernel, as `24.6.0`; nothing if it does not tell. */
  #kernelRelease(): string {
    return this.#sysctl("kern.osrelease", 48) < 0 ? "0" : this.#scratch.text();
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}
