/**
 * Closing on other threads: over a libc of the test's, whose threads end when they are told to, and over the
 * real one, with a descriptor that is slow to close.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Closer } from "../../src/platform/closer.ts";
import type { Symbols } from "../../src/platform/linux_calls.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { Lingering } from "../support/lingering.ts";
import { until } from "../support/time.ts";

const EAGAIN = 11, EBUSY = 16;

/** Threads that run until they are ended, numbered by the descriptor they close. */
class Threads {
  readonly running = new Set<number>();
  readonly detached: number[] = [];
  readonly closed: number[] = [];
  /** How many there may be. */
  limit = Infinity;
  readonly symbols = {
    closeAddress: null,
    close: (fd: number) => (this.closed.push(fd), 0),
    pthread_create: (id: BigUint64Array, _attributes: null, _start: null, fd: bigint) => {
      if (this.running.size >= this.limit) return EAGAIN;
      this.running.add(Number(fd));
      id[0] = fd;
      return 0;
    },
    pthread_tryjoin_np: (id: bigint) => this.running.has(Number(id)) ? EBUSY : 0,
    pthread_detach: (id: bigint) => (this.detached.push(Number(id)), 0),
  };

  closer(): Closer {
    return new Closer(this.symbols as unknown as Symbols);
  }
}

Deno.test("Closer has 32 threads at a time close what one giver gave, and as many for another", () => {
  const threads = new Threads(), closer = threads.closer();
  const one = {}, other = {};
  for (let fd = 1; fd <= 100; fd++) closer.close(fd, one);
  assertEquals(threads.running.size, 32);
  closer.close(101, other);
  assertEquals([closer.count(one), closer.count(other), closer.count(undefined)], [100, 1, 101]);
  assertEquals([threads.running.size, threads.running.has(101)], [33, true]);
  threads.running.clear();
  assertEquals([closer.count(one), closer.count(other)], [68, 0]);
  assertEquals([...threads.running], Array.from({ length: 32 }, (_, i) => 33 + i));
  for (const fd of [33, 40]) threads.running.delete(fd);
  assertEquals([closer.count(one), threads.running.has(65), threads.running.has(66)], [
    66,
    true,
    true,
  ]);
  closer.dispose();
  assertEquals([threads.detached.length, threads.closed], [32, []]);
});

Deno.test("Closer asks again for a thread that it does not get", () => {
  const threads = new Threads(), closer = threads.closer(), giver = {};
  threads.limit = 1;
  for (const fd of [5, 6, 7]) closer.close(fd, giver);
  assertEquals([closer.count(giver), [...threads.running]], [3, [5]]);
  threads.running.clear();
  assertEquals([closer.count(giver), [...threads.running]], [2, [6]]);
  threads.running.clear();
  threads.limit = 2;
  assertEquals([closer.count(giver), [...threads.running]], [1, [7]]);
  threads.running.clear();
  assertEquals([closer.count(giver), threads.closed], [0, []]);
});

Deno.test("Closer closes itself where libc has no threads", () => {
  const threads = new Threads();
  const symbols = { ...threads.symbols, pthread_create: null };
  const closer = new Closer(symbols as unknown as Symbols);
  closer.close(5, {});
  assertEquals([threads.closed, closer.count(undefined)], [[5], 0]);
});

const linux = Deno.build.os === "linux";
Deno.test({
  name: "closeElsewhere() does not wait" + (linux ? "" : " [SKIPPED: needs Linux]"),
  ignore: !linux,
  fn: async () => {
    const kernel = openKernel(1 << 20), sharing = kernel.sharing!;
    const slow = {}, quick = {};
    {
      using lingering = new Lingering(20);
      sharing.closeElsewhere(lingering.fd, slow);
      lingering.given();
      const fd = kernel.openWake();
      sharing.closeElsewhere(fd, quick);
      await until("the other to be closed", () => sharing.closing(quick) === 0);
      assertEquals(sharing.closing(slow), 1);
    }
    await until("the slow one to be closed", () => sharing.closing() === 0);
    kernel.dispose();
  },
});
