/**
 * The guest space on Linux, where only a real kernel can show it: its size, what lies in it, and what
 * happens to a process that touches it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { sum } from "../../src/frame/checksum.ts";
import { GUEST_BASE } from "../../src/platform/arena.ts";
import { errnoName } from "../../src/platform/errno.ts";
import type { Kernel } from "../../src/platform/kernel.ts";
import { ARENA_BYTES, GUEST_BYTES } from "../../src/platform/linux.ts";
import { openKernel } from "../../src/platform/mod.ts";

const linux = Deno.build.os === "linux";
const PAGE = 4096;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

/** A test with a kernel of its own that has `guestBytes` of guest space. */
function test(
  name: string,
  arenaBytes: number,
  guestBytes: number,
  fn: (kernel: Kernel) => void | Promise<void>,
): void {
  Deno.test({
    name: name + (linux ? "" : ` [SKIPPED: ${Deno.build.os} is not Linux]`),
    ignore: !linux,
    fn: async () => {
      const kernel = openKernel(arenaBytes, guestBytes);
      try {
        await fn(kernel);
      } finally {
        kernel.dispose();
      }
    },
  });
}

/** Map a new file of `bytes`; nobody else has it. */
function mapNew(kernel: Kernel, bytes: number): number {
  const fd = kernel.sharing!.createMemory(bytes, true);
  assert(fd >= 0, errnoName(fd));
  const at = kernel.sharing!.map(fd, 0, bytes);
  kernel.close(fd);
  return at;
}

test(
  "the guest space reads as zeros everywhere, behind a slab of any size",
  1 << 20,
  TIB,
  (kernel) => {
    const { view, u8 } = kernel.arena;
    assertEquals(u8.length, GUEST_BASE + TIB);
    const places = [1 << 20, (1 << 20) + 1, GUEST_BASE - 8, GUEST_BASE, 2 ** 32, 2 ** 39 + 4095];
    for (const at of [...places, GUEST_BASE + TIB - 8]) {
      assertEquals(
        view.getBigUint64(at),
        0n,
        `${at}`,
      );
    }
    assertEquals(kernel.arena.available <= 1 << 20, true);
  },
);

test(
  "without guest space nothing is behind the slab, and nothing can be mapped",
  1 << 20,
  0,
  (kernel) => {
    assertEquals(kernel.arena.u8.length, 1 << 20);
    assertEquals(errnoName(mapNew(kernel, PAGE)), "ENOMEM");
  },
);

test(
  "memory is shared at offsets above 4 GiB and above 1 TiB",
  ARENA_BYTES,
  GUEST_BYTES,
  (kernel) => {
    const { view, u8 } = kernel.arena, sharing = kernel.sharing!;
    const fd = sharing.createMemory(TIB + GIB, true);
    const [low, high, part] = [
      sharing.map(fd, 0, TIB + GIB),
      sharing.map(fd, 0, TIB + GIB),
      sharing.map(fd, TIB, GIB),
    ];
    assertEquals([low, high > TIB, part > 2 * TIB], [GUEST_BASE, true, true]);
    for (const offset of [0, 5 * GIB + 3, TIB - 1, TIB + GIB - 4]) {
      view.setUint32(low + offset, 0xc0ffee11);
      assertEquals(view.getUint32(high + offset), 0xc0ffee11, `at ${offset} of ${TIB + GIB}`);
    }
    assertEquals(view.getUint32(part + GIB - 4), 0xc0ffee11);
    u8.copyWithin(kernel.arena.take(PAGE), high, high + 4);
    assertEquals(view.getUint32(high + TIB + GIB), 0, "a page of zeros stands behind");
    for (const each of [low, high, part]) sharing.unmap(each);
    for (const each of [low, high, part]) {
      assertEquals(view.getUint32(each), 0);
      view.setUint32(each + GIB / 2, 1); // by an offset somebody has kept
    }
    kernel.close(fd);
  },
);

test(
  "a mapping lies on a boundary for the largest pages, and its room is used again",
  1 << 20,
  4 * GIB,
  (kernel) => {
    const places = [mapNew(kernel, 1), mapNew(kernel, GIB - PAGE), mapNew(kernel, GIB)];
    assertEquals(places, [0, 1, 2].map((i) => GUEST_BASE + i * GIB));
    assertEquals(errnoName(mapNew(kernel, 1)), "ENOMEM");
    kernel.sharing!.unmap(places[1]);
    assertEquals(errnoName(mapNew(kernel, GIB)), "ENOMEM");
    assertEquals(mapNew(kernel, GIB - PAGE), places[1]);
  },
);

test(
  "map() passes on what the kernel refuses, and keeps no room for it",
  1 << 20,
  GIB,
  (kernel) => {
    const folder = Deno.makeTempDirSync({ prefix: "vswitch-" });
    try {
      Deno.writeFileSync(`${folder}/file`, new Uint8Array(PAGE));
      const before = new Set(descriptors());
      using file = Deno.openSync(`${folder}/file`, { read: true });
      const fd = descriptors().find((each) => !before.has(each))!;
      assertEquals(kernel.sharing!.sizeOf(fd), PAGE);
      assertEquals(errnoName(kernel.sharing!.map(fd, 0, PAGE)), "EACCES");
      assertEquals([kernel.sharing!.isSealed(fd), kernel.sharing!.adoptWake(fd)], [0, 0]);
      assertEquals(file.statSync().size, PAGE);
      assertEquals(mapNew(kernel, PAGE), GUEST_BASE);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
);

test(
  "adoptWake() refuses a semaphore, which one write makes ready for ever",
  1 << 20,
  0,
  (kernel) => {
    const libc = Deno.dlopen("libc.so.6", {
      eventfd: { parameters: ["u32", "i32"], result: "i32" },
    });
    const [counter, semaphore] = [libc.symbols.eventfd(0, 0), libc.symbols.eventfd(0, 1)];
    const told = /semaphore/.test(Deno.readTextFileSync(`/proc/self/fdinfo/${semaphore}`));
    assertEquals(kernel.sharing!.adoptWake(counter), 1);
    assertMatch(Deno.readTextFileSync(`/proc/self/fdinfo/${counter}`), /flags:\s+0*4002\b/);
    assertEquals(kernel.sharing!.adoptWake(semaphore), told ? 0 : 1);
    kernel.close(counter);
    kernel.close(semaphore);
    libc.close();
  },
);

test(
  "a checksum over the arena is right with a guest space of any size",
  1 << 20,
  4 * TIB - GUEST_BASE,
  (kernel) => {
    const at = kernel.arena.take(PAGE);
    for (let i = 0; i < PAGE; i++) kernel.arena.u8[at + i] = i * 7;
    const copy = kernel.arena.u8.slice(at, at + PAGE);
    const { view } = kernel.arena;
    assertEquals(sum(view, at, 1500), sum(new DataView(copy.buffer), 0, 1500));
  },
);

Deno.test({
  name: "openKernel() names vhost-user ports when there is too little address space for them",
  ignore: !linux,
  fn: () => {
    assertThrows(() => openKernel(1 << 20, 2 ** 50), Error, "without vhost-user ports");
    const error = assertThrows(() => openKernel(2 ** 50), Error, "ulimit -v");
    assert(!error.message.includes("vhost"), error.message);
  },
});

function descriptors(): number[] {
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name)).filter((fd) => {
    try {
      return Deno.statSync(`/proc/self/fd/${fd}`).isFile;
    } catch {
      return false;
    }
  });
}
