/**
 * Picks the operating system. A new one is a file beside linux.ts and a line here.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { ARENA_BYTES, GUEST_BYTES, LinuxKernel } from "./linux.ts";

export { ARENA_BYTES, GUEST_BYTES };

/**
 * Open the kernel for this thread.
 *
 * @param arenaBytes address space for frames; the engine needs all of it, a helper a few MiB
 * @param guestBytes address space for the memory of VMs, in multiples of 1 GiB; without it none can be mapped
 * @throws Error on a system without support, or with too little address space
 */
export function openKernel(arenaBytes: number = ARENA_BYTES, guestBytes = 0): Kernel {
  if (Deno.build.os === "linux") return new LinuxKernel(arenaBytes, guestBytes);
  throw new Error(`Cannot run on ${Deno.build.os}: this version supports Linux`);
}
