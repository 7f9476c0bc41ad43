/**
 * What sharing memory with a VM needs of the system: files that are memory, and descriptors in messages.
 *
 * Guest memory is mapped into the arena's address space above the slab, so a frame in it is an offset like
 * any other. A mapping is given back by putting zeros in its place: whoever still holds an offset reads
 * zeros, and never faults.
 *
 * @module
 */

/**
 * Descriptors of one giver that may be waited for ({@linkcode Sharing.closing}); with more than these, nothing more
 * is taken from it. A front-end that sets up its rings gives a dozen, and they are closed within a millisecond.
 */
export const CLOSING_MAX = 256;

/** Calls of one thread, with the errors of Kernel: results >= 0, or a negated error number. */
export interface Sharing {
  // ---- messages with descriptors, on stream sockets; `at` is in the slab (cold) ----
  /**
   * Read up to `length` bytes to `at`, with the descriptors that came with them, close-on-exec, in
   * {@linkcode descriptors}. 0 is the end of the stream. A message with more than 16, or more than this process may
   * have open, is -EPROTO, and its bytes are lost.
   */
  receiveMessage(fd: number, at: number, length: number): number;
  /**
   * Descriptors of the last {@linkcode receiveMessage}, with an error, too: they are the caller's, who closes them,
   * by {@linkcode closeElsewhere}.
   */
  readonly descriptors: readonly number[];
  /** Send `length` bytes at `at` with descriptors (at most 32); returns bytes taken. */
  sendMessage(fd: number, at: number, length: number, descriptors: readonly number[]): number;
  /**
   * Close a descriptor that came in a message, or a socket that may have such in it unread. That can take as long as
   * their sender likes, so it happens on another thread (where the system has them): soon, and not at once. Nobody
   * watches the descriptor any more.
   *
   * @param giver whom {@linkcode closing} counts it for
   */
  closeElsewhere(fd: number, giver: object): void;
  /** Descriptors of a giver, or of all, that are not closed yet. To be asked now and then: it goes on with them. */
  closing(giver?: object): number;

  // ---- counters that others hold, too ----
  /** 1 when the descriptor is a counter as openWake makes them (eventfd), else 0. Makes it non-blocking. */
  adoptWake(fd: number): number;
  /**
   * Add one to a counter (hot). Never waits, whatever its other holders do to it: when it is full it stays full.
   * Kernel.wake is for our own: it waits when another has filled the counter and made it blocking, and so does
   * Kernel.takeWakes when he has emptied it; see Ready.EDGE for how to do without.
   */
  signal(fd: number): number;
  /** True where the system has no way to do so: {@linkcode signal} may wait then. */
  readonly signalsMayWait: boolean;

  // ---- memory (cold) ----
  /** A file that is memory, of `bytes` zeros; sealed: nobody can make it shorter. Returns its descriptor. */
  createMemory(bytes: number, sealed: boolean): number;
  /** 1 when nobody can make the file shorter (F_SEAL_SHRINK), else 0. */
  isSealed(fd: number): number;
  /** Bytes of a file. */
  sizeOf(fd: number): number;
  /**
   * Map `bytes` bytes of a file from `offset`, a multiple of 4096, for reading and writing. The descriptor may be
   * closed afterwards. A page of zeros stands behind it. Returns where in the arena; -ENOMEM when there is no room
   * for it there or the file's huge pages are used up, -EINVAL when the file ends before.
   */
  map(fd: number, offset: number, bytes: number): number;
  /** Put zeros in the place of what {@linkcode map} returned, and have its room back. */
  unmap(at: number): void;
}
