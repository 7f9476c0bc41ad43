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
import { LIBC } from "./libc.ts";
import { joinProcess, type PosixProcess } from "./posix_process.ts";
import { reserve } from "./reserve.ts";

/** Functions of libc. */
export type Symbols = Deno.DynamicLibrary<typeof LIBC>["symbols"];

/** What a Linux kernel object is made of. */
export type LinuxProcess = PosixProcess<Symbols>;

/**
 * Open the library and reserve the arena: see reserve.ts.
 *
 * @throws Error when the address space is limited
 */
export function openLibc(arenaBytes: number, guestBytes: number): LinuxProcess {
  return joinProcess(
    Deno.dlopen("libc.so.6", LIBC),
    (libc) => libc.__errno_location(),
    (libc) => reserve(libc, arenaBytes, guestBytes),
  );
}
