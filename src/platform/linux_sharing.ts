/**
 * Sharing memory on Linux: memfds, eventfds, and descriptors in messages (SCM_RIGHTS, unix(7)).
 *
 * A mapping takes whole gigabytes of the guest space: that is the alignment of the largest pages a file
 * of huge pages may have, and address space is all it costs. At least a page of zeros stands behind it,
 * so that who reads a word too many reads what nobody wrote.
 *
 * A shared file can be made shorter by whoever else has it, and then its memory is gone: touching it
 * kills the process (SIGBUS). So the size is checked here and the seal is told to the caller; and pages
 * are asked for when they are mapped (no MAP_NORESERVE), since huge pages that run out kill likewise.
 *
 * @module
 */
import { MAP_FAILED } from "./address_range.ts";
import { cString } from "./c_string.ts";
import { LINUX } from "./abi.ts";
import { type Arena, GUEST_BASE } from "./arena.ts";
import { Closer } from "./closer.ts";
import { Errno, UNKNOWN_ERROR } from "./errno.ts";
import { FreeList } from "./free_list.ts";
import type { Symbols } from "./linux_calls.ts";
import { DESCRIPTORS_MAX, MessagePage } from "./message_page.ts";
import { putZeros } from "./reserve.ts";
import type { Sharing } from "./sharing.ts";
import { Signals } from "./signals.ts";

const PAGE = 4096;
const GIBIBYTE = 2 ** 30;
const READ_WRITE = 3;
const SHARED_FIXED = 0x01 | 0x10;

const MSG_TRUNCATED_CONTROL = 0x8;
const RECEIVE_FLAGS = 0x40 | 0x4000_0000; // MSG_DONTWAIT, MSG_CMSG_CLOEXEC
const SEND_FLAGS = 0x40 | 0x4000; // MSG_DONTWAIT, MSG_NOSIGNAL

const MEMFD_FLAGS = 1 | 2; // MFD_CLOEXEC, MFD_ALLOW_SEALING
const ADD_SEALS = 1033;
const GET_SEALS = 1034;
const SEAL_SHRINK = 2;
/** As QEMU seals the memory of its guests: nobody changes its size, or the seals. */
const SEALS = 1n | 2n | 4n; // F_SEAL_SEAL, SHRINK, GROW

const GET_FLAGS = 3, SET_FLAGS = 4, NONBLOCK = 0x800;

/** The file is the descriptor itself: AT_EMPTY_PATH and no path. */
const EMPTY_PATH = 0x1000;
const NO_PATH = cString("");
const STATX_SIZE = 0x200;
/** Place of the size in struct statx (include/uapi/linux/stat.h). */
const STATX_SIZE_AT = 40;

/** See {@linkcode Sharing}. */
export class LinuxSharing implements Sharing {
  descriptors: readonly number[] = [];
  readonly #c: Symbols;
  readonly #errno: Int32Array;
  readonly #arena: Arena;
  readonly #page: MessagePage;
  readonly #room: FreeList;
  readonly #signals: Signals;
  readonly #closer: Closer;

  /** @param guestBytes guest space of the arena; 0 leaves no room for any mapping */
  constructor(c: Symbols, errno: Int32Array, arena: Arena, guestBytes: number) {
    this.#c = c;
    this.#errno = errno;
    this.#arena = arena;
    this.#page = new MessagePage(arena, LINUX);
    this.#room = new FreeList(GUEST_BASE, guestBytes, GIBIBYTE);
    this.#signals = new Signals(c, errno, arena);
    this.#closer = new Closer(c);
  }

  dispose(): void {
    this.#signals.dispose();
    this.#closer.dispose();
  }

  // ---- messages with descriptors ----

  receiveMessage(fd: number, at: number, length: number): number {
    this.descriptors = [];
    this.#page.receiveInto(at, length);
    const bytes = this.#result(this.#c.recvmsg(fd, this.#page.header, RECEIVE_FLAGS));
    if (bytes < 0) return bytes;
    this.descriptors = this.#page.descriptors();
    const isCut = (this.#page.flags & MSG_TRUNCATED_CONTROL) !== 0;
    return isCut || this.descriptors.length > DESCRIPTORS_MAX ? -Errno.EPROTO : bytes;
  }

  sendMessage(fd: number, at: number, length: number, descriptors: readonly number[]): number {
    if (!this.#page.sendFrom(at, length, descriptors)) return -Errno.EINVAL;
    return this.#result(this.#c.sendmsg(fd, this.#page.header, SEND_FLAGS));
  }

  closeElsewhere(fd: number, giver: object): void {
    this.#closer.close(fd, giver);
  }

  closing(giver?: object): number {
    return this.#closer.count(giver);
  }

  // ---- counters ----

  adoptWake(fd: number): number {
    const flags = this.#result(this.#c.fcntl(fd, GET_FLAGS, 0n));
    if (flags < 0) return flags;
    if (!isEventfd(fd)) return 0;
    const set = this.#result(this.#c.fcntl(fd, SET_FLAGS, BigInt(flags | NONBLOCK)));
    return set < 0 ? set : 1;
  }

  signal(fd: number): number {
    return this.#signals.raise(fd);
  }

  get signalsMayWait(): boolean {
    return this.#signals.mayWait;
  }

  // ---- memory ----

  createMemory(bytes: number, sealed: boolean): number {
    const fd = this.#result(this.#c.memfd_create(cString("vswitch"), MEMFD_FLAGS));
    if (fd < 0) return fd;
    let done = this.#result(this.#c.ftruncate(fd, BigInt(bytes)));
    if (done >= 0 && sealed) done = this.#result(this.#c.fcntl(fd, ADD_SEALS, SEALS));
    if (done >= 0) return fd;
    this.#c.close(fd);
    return done;
  }

  isSealed(fd: number): number {
    // Only files in memory have seals; EINVAL says that this is none.
    const seals = this.#c.fcntl(fd, GET_SEALS, 0n);
    return seals >= 0 && (seals & SEAL_SHRINK) !== 0 ? 1 : 0;
  }

  sizeOf(fd: number): number {
    const { answer, answerAddress } = this.#page;
    const done = this.#result(
      this.#c.statx(fd, NO_PATH, EMPTY_PATH, STATX_SIZE, answerAddress),
    );
    if (done < 0) return done;
    return Number(this.#arena.view.getBigInt64(answer + STATX_SIZE_AT, true));
  }

  map(fd: number, offset: number, bytes: number): number {
    const whole = offset >= 0 && offset % PAGE === 0 && Number.isSafeInteger(offset) && bytes > 0;
    if (!whole) return -Errno.EINVAL;
    const size = this.sizeOf(fd);
    if (size < 0) return size;
    if (!(offset + bytes <= size)) return -Errno.EINVAL;
    const at = this.#room.take(Math.ceil(bytes / PAGE) * PAGE + PAGE);
    if (at < 0) return -Errno.ENOMEM;
    const mapped = this.#clear(at) ? this.#mapAt(at, fd, offset, bytes) : -Errno.ENOMEM;
    if (mapped < 0) this.#room.give(at);
    return mapped;
  }

  unmap(at: number): void {
    // What the kernel refuses to clear stays taken: nobody else's memory may come to lie beside it.
    if (this.#clear(at)) this.#room.give(at);
  }

  #mapAt(at: number, fd: number, offset: number, bytes: number): number {
    const address = this.#arena.address(at);
    const got = this.#c.mmap(address, BigInt(bytes), READ_WRITE, SHARED_FIXED, fd, BigInt(offset));
    return got < MAP_FAILED ? at : -(this.#errno[0] || UNKNOWN_ERROR);
  }

  /** Zeros in the whole block at `at`, which may be in use or have been. */
  #clear(at: number): boolean {
    return putZeros(this.#c, this.#arena.address(at), BigInt(this.#room.bytesAt(at)));
  }

  #result(value: number): number {
    return value >= 0 ? value : -(this.#errno[0] || UNKNOWN_ERROR);
  }
}

/**
 * True if a descriptor is a counter that a read sets to zero; only procfs tells (proc_pid_fdinfo(5)). A
 * semaphore is none: filled once, it would be ready for ever. Kernels before 6.5 do not tell them apart.
 */
function isEventfd(fd: number): boolean {
  try {
    const facts = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
    return /^eventfd-count:/m.test(facts) && !/^eventfd-semaphore:\s*1/m.test(facts);
  } catch {
    return false;
  }
}
