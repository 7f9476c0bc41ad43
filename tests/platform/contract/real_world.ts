/**
 * The real kernel's surroundings, as far as they are the same on all systems: a temporary folder, a child process, and
 * what a launcher would have made. What only one system has is in real_linux.ts and real_darwin.ts.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import type { World } from "./world.ts";

const AF_UNIX = 1;

/** The few functions of a C library that make what a launcher would have made. */
export const LAUNCHER = {
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  pipe: { parameters: ["buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What a system answers for itself. */
export interface System extends
  Pick<
    World,
    "habits" | "datagrams" | "shortWait" | "leastBuffers" | "descriptorLimit" | "flags"
  > {
  readonly c: Deno.DynamicLibrary<typeof LAUNCHER>["symbols"];
  /** Open the kernel that is asked. */
  open(): Kernel;
  /** Open descriptors of a kind that a kernel object makes, each by its number and what it is. */
  descriptors(): string[];
  /** Unload what was loaded. */
  release(): void;
}

/** A kernel of this machine in a folder of its own; closing it checks that nothing was left open. */
export function openRealWorld(system: System): World {
  const { c } = system;
  const before = system.descriptors();
  const kernel = system.open();
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
    habits: system.habits,
    folder,
    pid: Deno.pid,
    uid: Deno.uid() ?? -1,
    datagrams: system.datagrams,
    otherGroup: Deno.uid() === 0 ? 77 : Deno.gid() ?? 0,
    shortWait: system.shortWait,
    leastBuffers: (bytes) => system.leastBuffers(bytes),
    descriptorLimit: () => system.descriptorLimit(),
    inherit: (type) => {
      const [ours, theirs] = two((into) => c.socketpair(AF_UNIX, type, 0, into));
      ends.push(theirs);
      return ours;
    },
    flags: (fd) => system.flags(fd),
    pipe: () => {
      const [reading, fd] = two((into) => c.pipe(into));
      ends.push(reading);
      return { fd, read: () => readSome(system, reading) };
    },
    startProcess,
    plant: (path, kind, target) => {
      if (kind === "directory") Deno.mkdirSync(path);
      else if (kind === "symlink") Deno.symlinkSync(target!, path);
      else Deno.writeTextFileSync(path, "");
    },
    group: (path) => Deno.lstatSync(path).gid ?? -1,
    close: () => {
      const taken = available - kernel.arena.available;
      kernel.dispose();
      for (const fd of ends) c.close(fd);
      const left = system.descriptors().filter((each) => !before.includes(each));
      system.release();
      Deno.removeSync(folder, { recursive: true });
      if (taken !== 0) throw new Error("The case left arena memory taken");
      if (left.length > 0) throw new Error(`Descriptors left open: ${left.join(", ")}`);
    },
  };
}

function readSome({ c }: System, fd: number): Uint8Array {
  const bytes = new Uint8Array(4096);
  const count = c.read(fd, bytes, BigInt(bytes.length));
  if (count < 0) throw new Error("Cannot read from the pipe of the test");
  return bytes.slice(0, count);
}

function startProcess(): { pid: number; end: () => Promise<void> } {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const end = async () => {
    child.kill("SIGKILL");
    await child.status;
  };
  return { pid: child.pid, end };
}
