/**
 * How a call enters the Linux kernel: libc, its errno, and the memory the structures of a call lie in.
 *
 * errno is thread-local memory that we read through a typed array on the expression after the call.
 * The runtime may run code of its own in between: with 64-bit results a wrong number was seen once in
 * a million calls, with `i32` results never in 60 million. Callers still treat an impossible error number
 * as "try again" (see `judge`), never as fatal.
 *
 * @module
 */
import { LINUX } from "./abi.ts";
import type { Arena } from "./arena.ts";
import { LIBC } from "./libc.ts";
import { type Reservation, reserve } from "./reserve.ts";
import { ScratchPage } from "./scratch.ts";

/** For an errno that reads 0 after a failed call: no error number, so callers try again. */
export const UNKNOWN_ERROR = 999;

type Libc = Deno.DynamicLibrary<typeof LIBC>;

/** Functions of libc. */
export type Symbols = Libc["symbols"];

/** See the head of this file. */
export abstract class LinuxCalls {
  readonly arena: Arena;
  readonly abi = LINUX;
  protected readonly c: Symbols;
  /** One word: errno of this thread. */
  protected readonly errno: Int32Array;
  protected readonly scratch: ScratchPage;
  readonly #library: Libc;
  readonly #release: () => void;

  constructor(arenaBytes: number, guestBytes: number) {
    this.#library = Deno.dlopen("libc.so.6", LIBC);
    this.c = this.#library.symbols;
    this.errno = new Int32Array(
      Deno.UnsafePointerView.getArrayBuffer(this.c.__errno_location()!, 4),
    );
    const mapping = this.#reserve(arenaBytes, guestBytes);
    this.arena = mapping.arena;
    this.#release = mapping.release;
    this.scratch = new ScratchPage(this.arena, LINUX);
  }

  dispose(): void {
    this.#release();
    this.#library.close();
  }

  /** What a call returned, or its error negated. */
  protected result(value: number): number {
    return value >= 0 ? value : -(this.errno[0] || UNKNOWN_ERROR);
  }

  #reserve(arenaBytes: number, guestBytes: number): Reservation {
    try {
      return reserve(this.c, arenaBytes, guestBytes);
    } catch (error) {
      this.#library.close();
      throw error;
    }
  }
}
