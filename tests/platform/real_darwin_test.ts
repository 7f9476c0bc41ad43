/**
 * What can be tried of the Mac's world (contract/real_darwin.ts) without one: over Linux's C library where the
 * functions are the same, and in the place of the others over what xnu's headers say of them.
 *
 * @module
 */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import { type Calls, darwinSystem } from "./contract/real_darwin.ts";
import { LAUNCHER, openRealWorld } from "./contract/real_world.ts";
import type { World } from "./contract/world.ts";

const linux = Deno.build.os === "linux";
const LIBC = {
  ...LAUNCHER,
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
type Libc = Deno.DynamicLibrary<typeof LIBC>["symbols"];

const F_SETFD = 2, F_GETFL = 3, F_SETFL = 4, LINUX_NONBLOCK = 0o4000, LINUX_NOFILE = 7;
/** proc_info.h: PROX_FDTYPE_VNODE, _SOCKET and _PIPE. */
const KINDS: [RegExp, number][] = [[/^socket:/, 2], [/^pipe:/, 6], [/./, 1]];

/** libSystem, as far as the world calls it. */
function libSystem(c: Libc): Calls {
  return {
    ...c,
    __fcntl: (fd, command, argument) => {
      const result = c.fcntl(fd, command, argument);
      if (command !== F_GETFL || result < 0) return result;
      return (result & 3) | ((result & LINUX_NONBLOCK) !== 0 ? 4 : 0);
    },
    getrlimit: (resource, into) => resource === 8 ? c.getrlimit(LINUX_NOFILE, into) : -1,
    sysctlbyname: (name, value, size, _new, newBytes) => {
      const asked = new TextDecoder().decode(name as Uint8Array<ArrayBuffer>);
      if (asked !== "kern.ipc.maxsockbuf\0" || newBytes !== 0n) return -1;
      if ((size as BigUint64Array<ArrayBuffer>)[0] < 4n) return -1;
      (value as Int32Array<ArrayBuffer>)[0] = 8 << 20;
      return 0;
    },
    proc_pidinfo: (pid, flavor, argument, into, bytes) => {
      if (pid !== Deno.pid || flavor !== 1 || argument !== 0n) return 0;
      const list = into as Int32Array<ArrayBuffer>;
      const rows = openNow().slice(0, bytes / 8);
      rows.forEach(([fd, kind], i) => list.set([fd, kind], 2 * i));
      return 8 * rows.length;
    },
  };
}

/** Number and kind of each open descriptor. */
function openNow(): [number, number][] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }): [number, number][] => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return [[Number(name), KINDS.find(([is]) => is.test(target))![1]]];
    } catch {
      return []; // the descriptor that read the folder
    }
  });
}

/** A test of the world; `use` ends with closing it. */
function test(name: string, use: (world: World, c: Libc) => void | Promise<void>): void {
  Deno.test({
    name: name + (linux ? "" : " [SKIPPED: its stand-in is made of Linux's libc]"),
    ignore: !linux,
    fn: async () => {
      const library = Deno.dlopen("libc.so.6", LIBC), c = library.symbols;
      // Its descriptors are not of this process: what the world finds left open is the world's.
      const open = (): Kernel => new FakeDarwin();
      await use(openRealWorld(darwinSystem(libSystem(c), open, () => library.close())), c);
    },
  });
}

test(
  "the Mac's world inherits sockets as a launcher leaves them, and tells their flags",
  (world, c) => {
    for (const type of [SocketType.DGRAM, SocketType.STREAM]) {
      const fd = world.inherit(type);
      assertEquals(world.flags(fd), { nonBlocking: false, closeOnExec: false });
      c.fcntl(fd, F_SETFL, BigInt(LINUX_NONBLOCK));
      assertEquals(world.flags(fd), { nonBlocking: true, closeOnExec: false });
      c.fcntl(fd, F_SETFD, 1n);
      assertEquals(world.flags(fd), { nonBlocking: true, closeOnExec: true });
      c.close(fd);
    }
    assertThrows(() => world.flags(999_999), Error, "F_GETFL");
    world.close();
  },
);

test("the Mac's world names what a case leaves open, by number and kind", (world) => {
  const socket = world.inherit(SocketType.STREAM), pipe = world.pipe().fd;
  const { message } = assertThrows(() => world.close(), Error, "Descriptors left open: ");
  assertEquals(
    message.split(": ")[1].split(", ").sort(),
    [
      `${socket} socket`,
      `${pipe} pipe`,
    ].sort(),
  );
  const again = Deno.dlopen("libc.so.6", LIBC); // the world has unloaded its own
  for (const fd of [socket, pipe]) again.symbols.close(fd);
  again.close();
});

test("the Mac's world reads its pipe, its limits and its largest buffer", async (world, c) => {
  const pipe = world.pipe();
  Deno.writeTextFileSync(`/proc/self/fd/${pipe.fd}`, "ready\n");
  assertEquals(new TextDecoder().decode(pipe.read()), "ready\n");
  c.close(pipe.fd);
  const [, soft] = /Max open files\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/limits"))!;
  assertEquals(world.descriptorLimit(), Number(soft));
  assertEquals([world.leastBuffers(1000), world.leastBuffers(1 << 30)], [1000, 8 << 20]);
  const { pid, end } = world.startProcess();
  assertMatch(Deno.readTextFileSync(`/proc/${pid}/status`), /^Name:\s+\w+/);
  await end();
  world.close();
});
