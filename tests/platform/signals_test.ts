/**
 * Counters another process holds, too, on Linux: one it has filled, and a kernel that refuses to help.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LIBC } from "../../src/platform/libc.ts";
import type { Symbols } from "../../src/platform/linux_calls.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { Signals } from "../../src/platform/signals.ts";

const linux = Deno.build.os === "linux";
const NONBLOCK_CLOEXEC = 0x80800;

function test(name: string, fn: () => void | Promise<void>): void {
  const skip = linux ? "" : ` [SKIPPED: ${Deno.build.os} is not Linux]`;
  Deno.test({ name: name + skip, ignore: !linux, fn });
}

// fault list 52
test("signal() returns at once from a counter that is full and blocks its writers", async () => {
  // In a process of its own: one that waits for ever can be ended.
  const args = ["run", "-A", "--no-lock", new URL("full_counter.ts", import.meta.url).href];
  const signal = AbortSignal.timeout(30_000);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, signal }).output();
  const said = new TextDecoder().decode(stdout);
  assert(said !== "", `it never returned: ${new TextDecoder().decode(stderr)}`);
  assertEquals(JSON.parse(said), {
    blocks: true,
    signals: new Array(200).fill(0),
    count: "18446744073709551615",
    others: [0, "1"],
  });
});

/** Run with a libc that has been changed; in the end nothing of the kernel's may be left. */
function withLibc(
  change: (c: Symbols) => Partial<Symbols>,
  run: (signals: Signals, c: Symbols) => void,
): void {
  const kernel = openKernel(1 << 20);
  const library = Deno.dlopen("libc.so.6", LIBC);
  const c = library.symbols;
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(c.__errno_location()!, 4));
  const before = resources();
  const signals = new Signals({ ...c, ...change(c) }, errno, kernel.arena);
  run(signals, c);
  signals.dispose();
  assertEquals(resources(), before);
  library.close();
  kernel.dispose();
}

/** Open /dev/null and contexts of asynchronous requests of this process. */
function resources(): { nulls: number; contexts: number } {
  const nulls = [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`) === "/dev/null";
    } catch {
      return false; // the descriptor that read the folder
    }
  }).length;
  const maps = Deno.readTextFileSync("/proc/self/maps");
  return { nulls, contexts: maps.split("[aio]").length - 1 };
}

function count(c: Symbols, fd: number): number {
  const facts = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  c.close(fd);
  return parseInt(/eventfd-count:\s*(\w+)/.exec(facts)![1], 16);
}

test("a context is asked for with the first signal, and given back", () => {
  withLibc(() => ({}), (signals, c) => {
    const before = resources(), fd = c.eventfd(0, NONBLOCK_CLOEXEC);
    for (let i = 0; i < 1000; i++) assertEquals(signals.raise(fd), 0);
    const { nulls, contexts } = resources();
    assertEquals([nulls - before.nulls, contexts - before.contexts], [1, 1]);
    assertEquals([signals.mayWait, count(c, fd)], [false, 1000]);
  });
});

const REFUSALS: Record<string, Partial<Symbols>> = {
  "no context": { syscall: () => -1 },
  "no request": { io_submit: () => -1 },
  "no request done at once": { io_getevents: () => 0 },
  "no /dev/null": { open: () => -1 },
};
for (const [name, change] of Object.entries(REFUSALS)) {
  test(`with ${name} signals are plain writes, and say so`, () => {
    withLibc(() => change, (signals, c) => {
      const fd = c.eventfd(0, NONBLOCK_CLOEXEC);
      for (let i = 0; i < 3; i++) assertEquals(signals.raise(fd), 0);
      assertEquals([signals.mayWait, count(c, fd)], [true, 3]);
    });
  });
}

test("signals go on when the kernel's notes are read only once it takes no more requests", () => {
  let refused = 0, isFull = false, isTried = false;
  const change = (c: Symbols): Partial<Symbols> => ({
    io_submit: (...args) => {
      const taken = c.io_submit(...args);
      isFull = taken < 0;
      if (isFull) refused++;
      return taken;
    },
    io_getevents: (...args) => {
      if (isTried && !isFull) return 0;
      isTried = true; // the first request shows that the kernel does them
      return c.io_getevents(...args);
    },
  });
  withLibc(change, (signals, c) => {
    const fd = c.eventfd(0, NONBLOCK_CLOEXEC);
    for (let i = 0; i < 5000; i++) assertEquals(signals.raise(fd), 0);
    assertEquals(count(c, fd), 5000);
    assert(refused > 0, "there was room for all of them");
  });
});
