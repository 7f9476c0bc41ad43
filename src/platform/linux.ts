/**
 * The Linux kernel, through libc and Deno's FFI.
 *
 * The structures a call is pointed at lie in the arena and were wired at start (scratch.ts, vectors.ts,
 * epoll.ts); a call on the hot path stores a few words and passes addresses made once.
 *
 * errno is thread-local memory that we read through a typed array on the expression after the call.
 * The runtime may run code of its own in between: with 64-bit results a wrong number was seen once in
 * a million calls, with `i32` results never in 60 million. Callers still treat an impossible error number
 * as "try again" (see `judge`), never as fatal.
 *
 * @module
 */
import { LINUX } from "./abi.ts";
import { Arena } from "./arena.ts";
import { Epoll } from "./epoll.ts";
import { Errno } from "./errno.ts";
import { type Kernel, type PathInfo, type Peer, SocketType } from "./kernel.ts";
import { listenFdOfThis } from "./listen_fds.ts";
import { LIBC } from "./libc.ts";
import { pathInfo } from "./path_info.ts";
import { reserve } from "./reserve.ts";
import { ScratchPage } from "./scratch.ts";
import type { MessageTable, Vector } from "./vectors.ts";

const AF_UNIX = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
/** For an errno that reads 0 after a failed call: no error number, so callers try again. */
const UNKNOWN_ERROR = 999;
const O_DIRECTORY = Deno.build.arch === "x86_64" ? 0x10000 : 0x4000;
const LOCK_EX_NB = 2 | 4;
const MSG_DONTWAIT = 0x40;
const SEND_FLAGS = MSG_DONTWAIT | 0x4000; // MSG_NOSIGNAL
const SOL_SOCKET = 1;
const SO = {
  TYPE: 3,
  SNDBUF: 7,
  RCVBUF: 8,
  PASSCRED: 16,
  PEERCRED: 17,
  ACCEPTCONN: 30,
  SNDBUFFORCE: 32,
  RCVBUFFORCE: 33,
};
const RLIMIT_NOFILE = 7;

/** Arena of the engine: below 2^31, virtual until touched. */
export const ARENA_BYTES = 0x7fff_0000;

type Libc = Deno.DynamicLibrary<typeof LIBC>;

/** See {@linkcode Kernel}. */
export class LinuxKernel implements Kernel {
  readonly arena: Arena;
  readonly abi = LINUX;
  readonly pathLimit = LINUX.socketAddress.pathLimit;
  readonly pair = new Int32Array(2);
  readonly readyToken: Int32Array;
  readonly readyBits: Int32Array;
  readonly turnsAway = true;
  readonly bulk = "sendmmsg/recvmmsg";
  sender: Peer = { address: new Uint8Array(), pid: 0, uid: -1 };

  readonly #library: Libc;
  readonly #c: Libc["symbols"];
  readonly #errno: Int32Array;
  readonly #epoll: Epoll;
  readonly #release: () => void;
  /** Where the last read went: all streams share one window, so the next goes there too. */
  #readAt = 0;
  #readLength = 0;
  #readAddress = 0n;
  #readBytes = 0n;
  /** Descriptors whose datagrams come with their sender's process. */
  readonly #credentials = new Set<number>();
  readonly #scratch: ScratchPage;

  constructor(arenaBytes: number) {
    this.#library = Deno.dlopen("libc.so.6", LIBC);
    this.#c = this.#library.symbols;
    const errno = this.#c.__errno_location();
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(errno!, 4));
    const mapping = reserve(this.#c, arenaBytes);
    this.arena = mapping.arena;
    this.#release = mapping.release;
    this.#scratch = new ScratchPage(this.arena, LINUX);
    this.#epoll = new Epoll(this.#c, this.#errno, this.arena);
    this.readyToken = this.#epoll.tokens;
    this.readyBits = this.#epoll.bits;
  }

  // ---- sockets ----

  socket(type: SocketType): number {
    return this.#result(this.#c.socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  bind(fd: number, path: string, mode: number): number {
    const address = new TextEncoder().encode(path);
    if (address.byteLength > this.pathLimit) return -Errno.ENAMETOOLONG;
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
    return this.#result(this.#c.accept4(fd, 0n, 0n, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }

  connect(fd: number, address: Uint8Array): number {
    if (address.byteLength > this.pathLimit + 1) return -Errno.ENAMETOOLONG;
    const length = this.#scratch.storeAddress(address);
    return this.#result(this.#c.connect(fd, this.#scratch.address, length));
  }

  disconnect(fd: number): number {
    const length = this.#scratch.storeNoAddress();
    return this.#result(this.#c.connect(fd, this.#scratch.address, length));
  }

  socketPair(type: SocketType): number {
    const flags = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const result = this.#result(this.#c.socketpair(AF_UNIX, flags, 0, this.#scratch.option));
    if (result < 0) return result;
    this.pair[0] = this.#scratch.value(0);
    this.pair[1] = this.#scratch.value(1);
    return 0;
  }

  socketType(fd: number): number {
    return this.#getOption(fd, SO.TYPE);
  }

  isListening(fd: number): number {
    return this.#getOption(fd, SO.ACCEPTCONN);
  }

  isConnected(fd: number): number {
    const { address, optionLength } = this.#scratch;
    this.#scratch.setValue(0, LINUX.socketAddress.size);
    const result = this.#result(this.#c.getpeername(fd, address, optionLength));
    return result === 0 ? 1 : result === -Errno.ENOTCONN ? 0 : result;
  }

  isInherited(fd: number): number {
    const flags = this.#result(this.#c.fcntl(fd, 1, 0n)); // F_GETFD
    return flags < 0 ? flags : 1 - (flags & 1); // FD_CLOEXEC
  }

  inheritedByName(name: string): number {
    return listenFdOfThis(name, (fd) => this.isInherited(fd));
  }

  isNonBlocking(fd: number): number {
    const flags = this.#result(this.#c.fcntl(fd, 3, 0n)); // F_GETFL
    return flags < 0 ? flags : (flags & SOCK_NONBLOCK) !== 0 ? 1 : 0;
  }

  adopt(fd: number): number {
    const flags = this.#result(this.#c.fcntl(fd, 3, 0n)); // F_GETFL
    if (flags < 0) return flags;
    const set = this.#result(this.#c.fcntl(fd, 4, BigInt(flags | SOCK_NONBLOCK))); // F_SETFL
    return set < 0 ? set : this.#result(this.#c.fcntl(fd, 2, 1n)); // F_SETFD, FD_CLOEXEC
  }

  setBuffers(fd: number, bytes: number): number {
    // FORCE goes past net.core.wmem_max and needs CAP_NET_ADMIN; the plain option is clamped silently.
    if (this.#setOption(fd, SO.SNDBUFFORCE, bytes) < 0) this.#setOption(fd, SO.SNDBUF, bytes);
    if (this.#setOption(fd, SO.RCVBUFFORCE, bytes) < 0) this.#setOption(fd, SO.RCVBUF, bytes);
    return Math.min(this.#getOption(fd, SO.SNDBUF), this.#getOption(fd, SO.RCVBUF));
  }

  peerOf(fd: number): Peer | undefined {
    if (this.#getOption(fd, SO.PEERCRED, 12) < 0) return undefined;
    return { address: new Uint8Array(), pid: this.#scratch.value(0), uid: this.#scratch.value(1) };
  }

  setCredentials(fd: number, on: boolean): number {
    const result = this.#setOption(fd, SO.PASSCRED, on ? 1 : 0);
    if (on && result >= 0) this.#credentials.add(fd);
    else this.#credentials.delete(fd);
    return result;
  }

  receiveFrom(fd: number, at: number, length: number): number {
    const { receiveHeader } = this.#scratch;
    this.#scratch.receiveInto(at, length);
    this.#scratch.askForSender(this.#credentials.has(fd));
    const result = this.#result(this.#c.recvmsg(fd, receiveHeader, MSG_DONTWAIT));
    const sender = this.#scratch.takeSender();
    if (result >= 0) this.sender = sender;
    return result;
  }

  ownAddress(fd: number): Uint8Array | undefined {
    const { address, optionLength } = this.#scratch;
    this.#scratch.setValue(0, LINUX.socketAddress.size);
    if (this.#c.getsockname(fd, address, optionLength) < 0) return undefined;
    return this.#scratch.takeAddress(this.#scratch.valueBytes);
  }

  close(fd: number): number {
    this.#credentials.delete(fd);
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
    const fd = this.#result(this.#c.open(cString(path), O_DIRECTORY | SOCK_CLOEXEC));
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
    const n = this.#c.recvmmsg(fd, table.address(0), count, MSG_DONTWAIT, 0n);
    return n >= 0 ? n : -(this.#errno[0] || UNKNOWN_ERROR);
  }

  send(fd: number, table: MessageTable, from: number, count: number): number {
    const n = this.#c.sendmmsg(fd, table.address(from), count, SEND_FLAGS);
    return n >= 0 ? n : -(this.#errno[0] || UNKNOWN_ERROR);
  }

  read(fd: number, at: number, length: number): number {
    if (at !== this.#readAt || length !== this.#readLength) this.#aimRead(at, length);
    const n = this.#c.recv(fd, this.#readAddress, this.#readBytes, MSG_DONTWAIT);
    return n >= 0 ? n : -(this.#errno[0] || UNKNOWN_ERROR);
  }

  write(fd: number, vector: Vector, count: number): number {
    this.#scratch.sendFrom(vector, count);
    const n = this.#c.sendmsg(fd, this.#scratch.sendHeader, SEND_FLAGS);
    return n >= 0 ? n : -(this.#errno[0] || UNKNOWN_ERROR);
  }

  // ---- readiness ----

  watch(fd: number, token: number, interest: number): number {
    return this.#epoll.watch(fd, token, interest);
  }

  rewatch(fd: number, token: number, interest: number): number {
    return this.#epoll.rewatch(fd, token, interest);
  }

  unwatch(fd: number): number {
    return this.#epoll.unwatch(fd);
  }

  watchExit(pid: number, token: number): number {
    const fd = this.#result(this.#c.syscall(434n, BigInt(pid), 0n)); // pidfd_open(2), Linux 5.3
    if (fd < 0) return fd;
    const watched = this.watch(fd, token, 1);
    if (watched >= 0) return fd;
    this.close(fd);
    return watched;
  }

  wait(microseconds: number): number {
    return this.#epoll.wait(microseconds);
  }

  now(): number {
    return performance.now();
  }

  // ---- waking ----

  openWake(): number {
    return this.#result(this.#c.eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }

  wake(fd: number): number {
    return this.#result(this.#c.eventfd_write(fd, 1n));
  }

  takeWakes(fd: number): number {
    return this.#c.eventfd_read(fd, this.#scratch.option) < 0 ? 0 : this.#scratch.value();
  }

  writeBytes(fd: number, bytes: Uint8Array): number {
    return this.#result(
      this.#c.write(fd, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.byteLength)),
    );
  }

  raiseDescriptorLimit(): number {
    const limit = this.#scratch.pair();
    const got = this.#result(this.#c.getrlimit(RLIMIT_NOFILE, this.#scratch.option));
    if (got < 0) return got;
    limit[0] = limit[1];
    const set = this.#result(this.#c.setrlimit(RLIMIT_NOFILE, this.#scratch.option));
    return set < 0 ? set : Number(limit[0] & 0x7fff_ffffn);
  }

  dispose(): void {
    this.#epoll.dispose();
    this.#release();
    this.#library.close();
  }

  #result(value: number): number {
    return value >= 0 ? value : -(this.#errno[0] || UNKNOWN_ERROR);
  }

  #aimRead(at: number, length: number): void {
    this.#readAt = at;
    this.#readLength = length;
    this.#readAddress = this.arena.address(at);
    this.#readBytes = BigInt(length);
  }

  /** Read a socket option of up to 48 bytes to scratch; returns its first word. */
  #getOption(fd: number, option: number, bytes = 4): number {
    const { option: value, optionLength } = this.#scratch;
    this.#scratch.setValue(0, bytes);
    const got = this.#result(this.#c.getsockopt(fd, SOL_SOCKET, option, value, optionLength));
    return got < 0 ? got : this.#scratch.value();
  }

  #setOption(fd: number, option: number, value: number): number {
    this.#scratch.setValue(value);
    return this.#result(this.#c.setsockopt(fd, SOL_SOCKET, option, this.#scratch.option, 4));
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}
