/**
 * What of the real kernel's surroundings is Linux's: /proc.
 *
 * @module
 */
import { openKernel } from "../../../src/platform/mod.ts";
import { LAUNCHER, openRealWorld } from "./real_world.ts";
import { LINUX_HABITS, type World } from "./world.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const ARENA_BYTES = 64 << 20;
/** A mapping takes whole gigabytes of it. */
const GUEST_BYTES = 8 * 2 ** 30;

/** Linux, and memory of VMs with it when `guests` are asked for. */
export function openRealLinux(guests: boolean): World {
  const library = Deno.dlopen("libc.so.6", LAUNCHER);
  return openRealWorld({
    c: library.symbols,
    habits: LINUX_HABITS,
    datagrams: setting("unix/max_dgram_qlen"),
    shortWait: 0.9,
    open: () => openKernel(ARENA_BYTES, guests ? GUEST_BYTES : 0),
    release: () => library.close(),
    leastBuffers: (bytes) =>
      2 * Math.min(bytes, setting("core/wmem_max"), setting("core/rmem_max")),
    descriptorLimit: () => {
      const limits = Deno.readTextFileSync("/proc/self/limits");
      return Number(/Max open files\s+(\d+)/.exec(limits)![1]);
    },
    flags: (fd) => {
      const text = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
      const flags = parseInt(/flags:\s+(\d+)/.exec(text)![1], 8);
      return { nonBlocking: (flags & O_NONBLOCK) !== 0, closeOnExec: (flags & O_CLOEXEC) !== 0 };
    },
    descriptors: () => {
      const made = /socket:|eventpoll|eventfd|pidfd|pipe:|memfd:/;
      return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
        try {
          const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
          return made.test(target) ? [`${name} ${target}`] : [];
        } catch {
          return []; // the descriptor that read the folder
        }
      }).sort();
    },
  });
}

function setting(path: string): number {
  return Number(Deno.readTextFileSync(`/proc/sys/net/${path}`));
}
