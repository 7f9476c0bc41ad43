/**
 * Descriptors that peers on Darwin send along with their bytes, and that nobody asked for.
 *
 * There is no way to refuse them. The kernel opens them in whoever reads the message, whether he has room for their
 * numbers or not (xnu soreceive_ctl), and a number that was not told stays open until we end: a peer could fill our
 * table until nobody can connect. So every receive has room for all there can be, and what comes is closed.
 *
 * A socket that comes may be one whose close waits (SO_LINGER): it is made non-blocking first, which ends that
 * (soclose). Who makes it blocking again in between, or passes a file that is slow to close, holds us for as long.
 *
 * recvmsg_x puts what came along with its i-th message that had any at message i, not at that one's own place, and
 * marks the others with a length of 0. So when the first is 0 there are none.
 *
 * @module
 */
import { DARWIN, DARWIN_NUMBERS as D } from "./abi.ts";
import type { Arena } from "./arena.ts";
import type { LibSystem } from "./darwin_libc.ts";
import type { DarwinProcess } from "./darwin_memory.ts";
import { rightsBytes, rightsIn } from "./rights.ts";
import type { MessageTable } from "./vectors.ts";

/** Most descriptors of a message: what its control data has room for in 2048 bytes as the kernel counts (sockargs). */
export const MOST_RIGHTS = 254;
/** Room for them, of each message. */
const ROOM = rightsBytes(DARWIN, MOST_RIGHTS);
/** Distance of two rooms: a multiple of a word. */
const STRIDE = (ROOM + 7) & ~7;

/** See the head of this file. */
export class DarwinRights {
  readonly #c: LibSystem;
  readonly #arena: Arena;
  readonly #at: number;

  /** @param messages most messages of one call */
  constructor({ libc, arena }: DarwinProcess, messages: number) {
    this.#c = libc;
    this.#arena = arena;
    this.#at = arena.take(messages * STRIDE);
  }

  /** Before a call: messages `from` .. `to - 1` of a table have room; {@linkcode settle} has to follow. */
  offer(table: MessageTable, from: number, to: number): void {
    for (let i = from; i < to; i++) table.setControl(i, this.#at + (i - from) * STRIDE, ROOM);
  }

  /**
   * After the call, which has filled `count` messages (or failed, < 0): close what came along, and take the room back.
   *
   * @returns whether any came
   */
  settle(table: MessageTable, from: number, to: number, count: number): boolean {
    const came = count > 0 && table.controlLength(from) > 0;
    if (came) this.#closeAll(table, from, from + count);
    for (let i = came ? from : from + Math.max(0, count); i < to; i++) table.setControl(i, 0, 0);
    return came;
  }

  #closeAll(table: MessageTable, from: number, to: number): void {
    for (let i = from; i < to && table.controlLength(i) > 0; i++) {
      this.#close(this.#at + (i - from) * STRIDE, table.controlLength(i));
    }
  }

  #close(at: number, bytes: number): void {
    for (const fd of rightsIn(this.#arena.view, at, bytes, DARWIN)) {
      this.#c.fcntl(fd, D.F_SETFL, BigInt(D.O_NONBLOCK));
      this.#c.close(fd);
    }
    this.#arena.view.setInt32(at, 0, true); // nobody reads these numbers again
  }
}
