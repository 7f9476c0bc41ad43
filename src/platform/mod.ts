/**
 * Picks the operating system. A new one is a file beside linux.ts and a line here.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { ARENA_BYTES, LinuxKernel } from "./linux.ts";

/**
 * Open the kernel for this thread.
 *
 * @param arenaBytes address space for frames; the engine needs all of it, a helper a few MiB
 * @throws Error on a system without support
 */
export function openKernel(arenaBytes: number = ARENA_BYTES): Kernel {
  if (Deno.build.os === "linux") return new LinuxKernel(arenaBytes);
  throw new Error(`Cannot run on ${Deno.build.os}: this version supports Linux`);
}
