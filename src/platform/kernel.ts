/**
 * The kernel as the switch sees it: every system call the program makes, and nothing else.
 *
 * Two rules make this the only seam to an operating system. Results are plain numbers: >= 0 is a count
 * or a descriptor, < 0 a negated error number in Linux's numbering (errno.ts). And bulk data never
 * passes through arguments: calls read and write the {@linkcode Arena}, where a frame is an offset and
 * a length. `linux.ts` and `darwin.ts` are the real thing; tests run the same switch over scripted fakes.
 *
 * @module
 */
import type { Abi } from "./abi.ts";
import type { Arena } from "./arena.ts";
import type { Sharing } from "./sharing.ts";
import type { MessageTable, Vector } from "./vectors.ts";

/** Socket types, by SO_TYPE's numbers (equal on Linux and Darwin). */
export const SocketType = { STREAM: 1, DGRAM: 2 } as const;
/** One of the {@linkcode SocketType} numbers. */
export type SocketType = typeof SocketType[keyof typeof SocketType];

/** Readiness bits, asked for with {@linkcode Kernel.watch} and answered by {@linkcode Kernel.wait}. */
export const Ready = {
  /** Data, a connection or the end of the stream can be read. */
  READ: 1,
  /**
   * There is room to write. Of a datagram socket Darwin reports it once each time there is more, and sometimes not at
   * all (never of a peer that is not connected to us, and by its source not before macOS 15), Linux only when no more than a quarter of its buffer is used: whoever waits for it has a timer as well.
   */
  WRITE: 2,
  /** The peer hung up or the descriptor has an error; what was sent before it can still be read. */
  GONE: 4,
  /**
   * Only asked for, and only together with READ alone, of a counter (see {@linkcode Kernel.openWake}): report it
   * once for what it holds already and once after each addition since it was last reported, though nobody takes
   * anything from it. Several additions may be one report; one that follows the last addition is certain. So a
   * counter that others hold, too, need not be read, which can wait for them: O_NONBLOCK belongs to all of them.
   * -EOPNOTSUPP where there is no {@linkcode Kernel.sharing}, which alone needs it.
   */
  EDGE: 8,
} as const;

/** What a path is, for the decision to bind there: see {@linkcode Kernel.stat}. */
export interface PathInfo {
  kind: "socket" | "file" | "directory" | "symlink" | "other";
  /** Device and inode as one string; equal strings name the same file. */
  identity: string;
  /** Permission bits. */
  mode: number;
  uid: number;
}

/** The sender of a datagram, or the process at the other end of a connection. */
export interface Peer {
  /** Raw socket address after the family: a path without NUL, or an abstract name with its leading NUL. Empty: unnamed. */
  address: Uint8Array;
  /** Process id, 0 when the kernel does not tell. */
  pid: number;
  /** User id, -1 when the kernel does not tell. */
  uid: number;
}

/** System calls of one thread. A Kernel and its Arena belong to the thread that opened them. */
export interface Kernel {
  readonly arena: Arena;
  /** Layouts of the tables its calls are pointed at. */
  readonly abi: Abi;
  /** Longest socket path in bytes, without the NUL: 107 on Linux, 103 on Darwin. */
  readonly pathLimit: number;
  /** A connected datagram socket hears its peer only, and refuses everybody else; on Darwin it hears all. */
  readonly turnsAway: boolean;
  /** The calls that carry batches of datagrams, for the log. */
  readonly bulk: string;
  /** Memory shared with VMs; undefined where the system has no such thing. */
  readonly sharing: Sharing | undefined;

  // ---- sockets (cold) ----
  /** A new non-blocking, close-on-exec AF_UNIX socket. */
  socket(type: SocketType): number;
  /** Bind to a path; the file appears with exactly `mode` (no moment with a wider one). */
  bind(fd: number, path: string, mode: number): number;
  listen(fd: number, backlog: number): number;
  /** Accept one connection, non-blocking and close-on-exec; -EAGAIN when none waits. */
  accept(fd: number): number;
  /** Connect to a socket address (see {@linkcode Peer.address}). */
  connect(fd: number, address: Uint8Array): number;
  /**
   * Dissolve the association of a datagram socket; it hears everybody again. (On Darwin it always has: there a
   * connected socket turns nobody away.)
   */
  disconnect(fd: number): number;
  /** A connected pair; the two descriptors are in {@linkcode pair}. */
  socketPair(type: SocketType): number;
  /** Descriptors of the last successful {@linkcode socketPair}. */
  readonly pair: Int32Array;
  /** SO_TYPE of a descriptor. */
  socketType(fd: number): number;
  /** 1 if the socket listens, else 0. */
  isListening(fd: number): number;
  /** 1 if the socket has a peer, else 0. */
  isConnected(fd: number): number;
  /**
   * 1 if whoever started us left the descriptor open for us, 0 if we or the runtime opened it (it would
   * not survive an exec), -EBADF if it is not open.
   */
  isInherited(fd: number): number;
  /** The descriptor that a service manager passed under `name`, or a number of `Unpassed` (activation.ts); a fake may know none. */
  inheritedByName?(name: string): number;
  /** 1 if calls on the descriptor do not block, else 0. */
  isNonBlocking(fd: number): number;
  /** Make an inherited descriptor non-blocking and close-on-exec. */
  adopt(fd: number): number;
  /** Ask for send and receive buffers of `bytes`; returns the smaller one granted, as the kernel counts. */
  setBuffers(fd: number, bytes: number): number;
  /**
   * Let nobody send this socket descriptors: his message is refused (-EPERM), and those that connect to it inherit
   * that. A descriptor that comes all the same is closed where the message is read, which may take as long as its
   * sender likes. -ENOPROTOOPT where the system cannot do so (Darwin, Linux before 6.16).
   */
  refuseDescriptors(fd: number): number;
  /** Who is at the other end of a connected socket, as far as the kernel tells; of datagrams only Darwin does. */
  peerOf(fd: number): Peer | undefined;
  /** Raw address a socket is bound to, as {@linkcode Peer.address}; undefined on error. */
  ownAddress(fd: number): Uint8Array | undefined;
  /** Raw address of the socket that a socket is connected to, empty if that has none; undefined without a peer. */
  peerAddress(fd: number): Uint8Array | undefined;
  /**
   * Ask for, or stop asking for, the sender's process with each datagram (see {@linkcode receiveFrom}). Darwin has no
   * such thing and tells none; there {@linkcode peerOf} knows it of a connected datagram socket.
   */
  setCredentials(fd: number, on: boolean): number;
  /** Receive one datagram into the arena; the sender is in {@linkcode sender}. Returns its length. */
  receiveFrom(fd: number, at: number, length: number): number;
  /** Sender of the last successful {@linkcode receiveFrom}. */
  readonly sender: Peer;
  close(fd: number): number;

  // ---- files (cold) ----
  /** lstat; undefined when nothing is there. */
  stat(path: string): PathInfo | undefined;
  unlink(path: string): number;
  /** Give a file another name in one step; what had that name is gone. */
  rename(from: string, to: string): number;
  /**
   * Hold a folder for ourselves among processes that ask the same way; -EAGAIN while another holds it.
   * Returns a descriptor; closing it lets go, and so does the end of the process.
   */
  lockFolder(path: string): number;
  /** Give a socket file to a group, by id. */
  chgrp(path: string, gid: number): number;

  // ---- data (hot) ----
  /**
   * Receive up to `count` datagrams into the table's slots; lengths by `table.received(i)`. In a table with
   * names the kernel overwrites the name lengths: set them again before each call.
   */
  receive(fd: number, table: MessageTable, count: number): number;
  /** Send messages `from` .. `from + count - 1` of the table; returns how many were taken (a prefix). */
  send(fd: number, table: MessageTable, from: number, count: number): number;
  /** Read up to `length` bytes of a stream to `at`; 0 is the end of the stream. */
  read(fd: number, at: number, length: number): number;
  /** Write the first `count` pieces of the vector to a stream; returns bytes taken. */
  write(fd: number, vector: Vector, count: number): number;

  // ---- readiness ----
  /**
   * Watch a descriptor for `interest` ({@linkcode Ready} bits); it is reported by `token` (0 .. 2^31-1) as long as
   * it is ready, or with {@linkcode Ready.EDGE} when it becomes so. One that is ready already is reported, too.
   */
  watch(fd: number, token: number, interest: number): number;
  /**
   * Change what a watched descriptor is watched for; 0 keeps only GONE, where the system tells it unasked. It is
   * reported as if it were watched anew: with {@linkcode Ready.EDGE} once more if it is ready.
   */
  rewatch(fd: number, token: number, interest: number): number;
  unwatch(fd: number): number;
  /** Report READ by `token` from the end of a process on. Returns a descriptor to unwatch and close, or an error. */
  watchExit(pid: number, token: number): number;
  /**
   * Sleep until a watched descriptor is ready, at most `microseconds` (< 0: for ever, 0: only look).
   * Returns how many are ready, 0 after the time or a signal; each descriptor is reported once.
   */
  wait(microseconds: number): number;
  /** Token of the i-th ready descriptor of the last {@linkcode wait}. */
  readonly readyToken: Int32Array;
  /** {@linkcode Ready} bits of the i-th ready descriptor. */
  readonly readyBits: Int32Array;
  /** Monotonic clock in milliseconds, with fractions. */
  now(): number;

  // ---- waking another thread ----
  /** A descriptor that counts wakes and can be watched for READ; valid in every thread of the process. */
  openWake(): number;
  /** Add one to a wake counter (from any thread's Kernel). */
  wake(fd: number): number;
  /** Take the count and set it to zero; 0 when nobody called. */
  takeWakes(fd: number): number;

  /** Write bytes to a descriptor that is not a socket (a ready pipe); returns bytes taken. */
  writeBytes(fd: number, bytes: Uint8Array): number;
  /** Raise the soft limit of open descriptors to the hard one; returns the new soft limit. */
  raiseDescriptorLimit(): number;
  /** Unmap and unload; no call may follow. */
  dispose(): void;
}
