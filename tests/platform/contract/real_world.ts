/**
 * The real kernel's surroundings: a temporary folder, /proc, and what only libc can make.
 *
 * @module
 */
import { openKernel } from "../../../src/platform/mod.ts";
import { LINUX_HABITS, type World } from "./world.ts";

const AF_UNIX = 1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const ARENA_BYTES = 64 << 20;
/** A mapping takes whole gigabytes of it. */
const GUEST_BYTES = 8 * 2 ** 30;

/** The few functions that make what a launcher would have made. */
const LIBC = {
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  pipe: { parameters: ["buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** Descriptors of this process that a kernel object makes, by what they are. */
function descriptors(): string[] {
  const made = /socket:|eventpoll|eventfd|pidfd|pipe:|memfd:/;
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return made.test(target) ? [`${name} ${target}`] : [];
    } catch {
      return []; // the descriptor that read the folder
    }
  }).sort();
}

function setting(path: string): number {
  return Number(Deno.readTextFileSync(`/proc/sys/net/${path}`));
}

/** The kernel of this machine, in a folder of its own; closing it checks that nothing was left open. */
export function openRealWorld(guests: boolean): World {
  const before = descriptors();
  const libc = Deno.dlopen("libc.so.6", LIBC);
  const kernel = openKernel(ARENA_BYTES, guests ? GUEST_BYTES : 0);
  const folder = Deno.makeTempDirSync({ prefix: "vswitch-" });
  const available = kernel.arena.available;
  const ends: number[] = [];
  const two = (make: (into: Int32Array<ArrayBuffer>) => number): [number, number] => {
    const into = new Int32Array(2);
    if (make(into) < 0) throw new Error("Cannot make a pair of descriptors for the test");
    return [into[0], into[1]];
  };
  return {
    kernel,
    habits: LINUX_HABITS,
    folder,
    pid: Deno.pid,
    uid: Deno.uid() ?? -1,
    datagrams: setting("unix/max_dgram_qlen"),
    otherGroup: Deno.uid() === 0 ? 77 : Deno.gid() ?? 0,
    leastBuffers: (bytes) =>
      2 * Math.min(bytes, setting("core/wmem_max"), setting("core/rmem_max")),
    descriptorLimit: () => {
      const limits = Deno.readTextFileSync("/proc/self/limits");
      return Number(/Max open files\s+(\d+)/.exec(limits)![1]);
    },
    inherit: (type) => {
      const [ours, theirs] = two((into) => libc.symbols.socketpair(AF_UNIX, type, 0, into));
      ends.push(theirs);
      return ours;
    },
    flags: (fd) => {
      const text = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
      const flags = parseInt(/flags:\s+(\d+)/.exec(text)![1], 8);
      return { nonBlocking: (flags & O_NONBLOCK) !== 0, closeOnExec: (flags & O_CLOEXEC) !== 0 };
    },
    pipe: () => {
      const [reading, fd] = two((into) => libc.symbols.pipe(into));
      ends.push(reading);
      return { fd, read: () => readSome(`/proc/self/fd/${reading}`) };
    },
    startProcess: () => {
      const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
      const end = async () => {
        child.kill("SIGKILL");
        await child.status;
      };
      return { pid: child.pid, end };
    },
    plant: (path, kind, target) => {
      if (kind === "directory") Deno.mkdirSync(path);
      else if (kind === "symlink") Deno.symlinkSync(target!, path);
      else Deno.writeTextFileSync(path, "");
    },
    group: (path) => Deno.lstatSync(path).gid ?? -1,
    close: () => {
      const taken = available - kernel.arena.available;
      kernel.dispose();
      for (const fd of ends) libc.symbols.close(fd);
      libc.close();
      Deno.removeSync(folder, { recursive: true });
      if (taken !== 0) throw new Error("The case left arena memory taken");
      const left = descriptors().filter((each) => !before.includes(each));
      if (left.length > 0) throw new Error(`Descriptors left open: ${left.join(", ")}`);
    },
  };
}

function readSome(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(4096);
  return bytes.slice(0, file.readSync(bytes) ?? 0);
}
