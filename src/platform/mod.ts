/**
 * Picks the operating system. A new one is a file beside linux.ts and a line here.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { type BulkChoice, DarwinKernel } from "./darwin.ts";
import { openLibSystem } from "./darwin_memory.ts";
import { ARENA_BYTES, GUEST_BYTES, LinuxKernel } from "./linux.ts";

export { ARENA_BYTES, GUEST_BYTES };

/** Set to `on` or `off`, it decides whether macOS's bulk calls are used; else the system's version does. */
const BULK = "VSWITCH_SENDMSG_X";

/**
 * Open the kernel for this thread.
 *
 * @param arenaBytes address space for frames; the engine needs all of it, a helper a few MiB
 * @param guestBytes address space for the memory of VMs, in multiples of 1 GiB; without it none can be mapped
 * @throws Error on a system without support, or with too little address space
 */
export function openKernel(arenaBytes: number = ARENA_BYTES, guestBytes = 0): Kernel {
  switch (Deno.build.os) {
    case "linux":
      return new LinuxKernel(arenaBytes, guestBytes);
    case "darwin":
      return new DarwinKernel(openLibSystem(arenaBytes), bulkChoice());
    default:
      throw new Error(
        `Cannot run on ${Deno.build.os}: this version supports Linux and macOS`,
      );
  }
}

function bulkChoice(): BulkChoice {
  const value = Deno.env.get(BULK);
  return value === "on" || value === "off" ? value : "auto";
}
