/**
 * The arena against a naive model: one flag a page.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Arena } from "../../src/platform/arena.ts";
import { DARWIN_PAGES, LINUX_PAGES, openArena } from "../support/fake_pages.ts";

const PAGE = 4096;
const PAGES = 64;

/** An arena whose discard callback zeroes as MADV_DONTNEED does, and remembers. */
function open(): { arena: Arena; discarded: [number, number][] } {
  const discarded: [number, number][] = [];
  const discard = (at: number, bytes: number) => {
    discarded.push([at, bytes]);
    arena.u8.fill(0, at, at + bytes);
  };
  const bytes = PAGES * PAGE; // of 4 KiB, whatever those of this machine are
  const arena: Arena = new Arena(new ArrayBuffer(bytes), 0, discard, bytes, PAGE);
  return { arena, discarded };
}

/** Takes and gives of random sizes, checked after each step. */
class Model {
  readonly #real = open();
  readonly #free: boolean[] = Array.from({ length: PAGES }, (_, page) => page > 0);
  readonly #taken: { at: number; bytes: number }[] = [];

  take(bytes: number): void {
    const { arena } = this.#real;
    const pages = Math.ceil(bytes / PAGE);
    if (this.#longestRun() < pages) {
      assertThrows(() => arena.take(bytes), RangeError, "Cannot take");
      return;
    }
    const at = arena.take(bytes);
    assertEquals(at % PAGE, 0);
    for (let page = at / PAGE; page < at / PAGE + pages; page++) {
      assert(this.#free[page], `page ${page} was handed out twice, or never existed`);
      this.#free[page] = false;
    }
    const block = arena.u8.subarray(at, at + pages * PAGE);
    assert(block.every((byte) => byte === 0), "the memory is not zeroed");
    block.fill(0xff);
    this.#taken.push({ at, bytes: pages * PAGE });
    this.#check();
  }

  give(choice: number): void {
    if (this.#taken.length === 0) return;
    const { arena, discarded } = this.#real;
    const [{ at, bytes }] = this.#taken.splice(choice % this.#taken.length, 1);
    arena.give(at);
    assertEquals(discarded.pop(), [at, bytes]);
    this.#free.fill(true, at / PAGE, (at + bytes) / PAGE);
    assertThrows(() => arena.give(at), RangeError, "it was not taken");
    this.#check();
  }

  /** Blocks that were given back have merged: the whole arena is one again. */
  giveAll(): void {
    while (this.#taken.length > 0) this.give(0);
    this.take((PAGES - 1) * PAGE);
  }

  #check(): void {
    assertEquals(this.#real.arena.available, this.#free.filter(Boolean).length * PAGE);
  }

  #longestRun(): number {
    let run = 0, longest = 0;
    for (const free of this.#free) {
      run = free ? run + 1 : 0;
      longest = Math.max(longest, run);
    }
    return longest;
  }
}

Deno.test("Arena keeps to the model for random takes and gives", () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 12 * PAGE }) }),
    fc.record({ give: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const each of steps) "take" in each ? model.take(each.take) : model.give(each.give);
      model.giveAll();
    }),
    { numRuns: 200 },
  );
});

Deno.test("Arena.take() never hands out page 0 and rounds up to pages", () => {
  const { arena } = open();
  assertEquals(
    [arena.take(1), arena.take(PAGE), arena.take(PAGE + 1)],
    [1, 2, 3].map((n) => n * PAGE),
  );
  assertEquals(arena.available, (PAGES - 5) * PAGE);
});

Deno.test("Arena.take() throws a RangeError with the numbers when it is full", () => {
  const { arena } = open();
  arena.take((PAGES - 2) * PAGE);
  assertThrows(() => arena.take(PAGE + 1), RangeError, "Cannot take 8192 bytes of the arena: 4096");
  arena.take(PAGE);
  assertThrows(() => arena.take(1), RangeError, "0 are left");
});

Deno.test("Arena.give() merges with both neighbours, in any order", () => {
  for (const order of [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1]]) {
    const { arena } = open();
    const blocks = [arena.take(PAGE), arena.take(2 * PAGE), arena.take((PAGES - 4) * PAGE)];
    assertEquals(arena.available, 0);
    for (const i of order) arena.give(blocks[i]);
    assertEquals(arena.take((PAGES - 1) * PAGE), PAGE, `given in order ${order}`);
  }
});

Deno.test("Arena.give() refuses what take() did not return", () => {
  const { arena, discarded } = open();
  const at = arena.take(2 * PAGE);
  for (const wrong of [0, at + 1, at + PAGE, at - PAGE]) {
    assertThrows(() => arena.give(wrong), RangeError, `Cannot give back ${wrong}`);
  }
  assertEquals(discarded, []);
});

Deno.test("Arena.address() adds the offset to the mapping's address, a high one included", () => {
  const address = (high: number, at: number) =>
    new Arena(new ArrayBuffer(2 * PAGE), high, () => {}).address(at);
  assertEquals(address(0x7f12, PAGE), 0x7f12_0000_1000n);
  assertEquals(address(0xffff_8000, 8), 0xffff_8000_0000_0008n);
  assertEquals(address(-1, 0x7fff_ffff), 0xffff_ffff_7fff_ffffn);
  assertEquals(new Arena(new ArrayBuffer(2 * PAGE), 0xffff_8000, () => {}).high, -0x8000);
});

Deno.test("Arena.take() hands out the slab only, and leaves the guest space alone", () => {
  const arena = new Arena(new ArrayBuffer(PAGES * PAGE), 0, () => {}, 4 * PAGE);
  assertEquals([arena.available, arena.u8.length], [3 * PAGE, PAGES * PAGE]);
  assertEquals([arena.fits(3 * PAGE), arena.fits(4 * PAGE)], [true, false]);
  const at = arena.take(3 * PAGE);
  assertThrows(() => arena.take(1), RangeError, "0 are left");
  arena.give(at);
  assertEquals(arena.available, 3 * PAGE);
});

Deno.test("Arena.give() tells the kernel of whole pages only, however large they are", () => {
  const large = 4 * PAGE;
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 3, maxLength: 5 }),
    fc.nat(4),
    (sizes, which) => {
      const arena: Arena = new Arena(
        new ArrayBuffer(PAGES * PAGE),
        0,
        (at, bytes) => {
          assertEquals([at % large, bytes % large], [0, 0]);
          arena.u8.fill(0, at, at + bytes);
        },
        PAGES * PAGE,
        large,
      );
      const blocks = sizes.map((pages) => ({ at: arena.take(pages * PAGE), bytes: pages * PAGE }));
      for (const { at, bytes } of blocks) arena.u8.fill(7, at, at + bytes);
      const given = blocks[which % blocks.length];
      arena.give(given.at);
      for (const { at, bytes } of blocks) {
        const value = at === given.at ? 0 : 7;
        assert(arena.u8.subarray(at, at + bytes).every((byte) => byte === value), `block at ${at}`);
      }
    },
  ));
});

/** Blocks of these many units side by side in a fake machine's arena, each full of its own number. */
function blocksOf(arena: Arena, sizes: readonly number[]): { at: number; bytes: number }[] {
  return sizes.map((units, i) => {
    const block = { at: arena.take(units * PAGE), bytes: units * PAGE };
    arena.u8.fill(i + 1, block.at, block.at + block.bytes);
    return block;
  });
}

for (const [system, pages] of Object.entries({ Linux: LINUX_PAGES, Darwin: DARWIN_PAGES })) {
  Deno.test(`Arena.give() of a block wipes it, and no neighbour, on ${system}'s pages`, () => {
    const odd = fc.array(fc.integer({ min: 1, max: 13 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(odd, fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), (sizes, order) => {
        const size = 128 * PAGE;
        const arena: Arena = openArena(new ArrayBuffer(size), 0, size, pages);
        const blocks = blocksOf(arena, sizes);
        const values = sizes.map((_, i) => i + 1);
        for (const choice of order) {
          const i = choice % blocks.length;
          if (values[i] === 0) continue;
          arena.give(blocks[i].at);
          values[i] = 0;
          const seen = blocks.map(({ at, bytes }) => new Set(arena.u8.subarray(at, at + bytes)));
          assertEquals(seen, values.map((value) => new Set([value])));
        }
      }),
    );
  });
}

Deno.test("an arena that takes Apple's pages for 4 KiB ones is found out", () => {
  const clear = (page: number, sizes: readonly number[], which: number) => {
    const size = 128 * PAGE;
    const pages = { ...DARWIN_PAGES, page };
    const arena = openArena(new ArrayBuffer(size), 0, size, pages);
    const blocks = blocksOf(arena, sizes);
    arena.give(blocks[which].at);
    return arena.u8[blocks[which + 1].at];
  };
  // The first block begins at unit 1, so one behind three units begins at a page of four.
  assertThrows(() => clear(PAGE, [1, 1], 0), Error, "within a page");
  assertEquals(clear(PAGE, [3, 1, 1], 1), 0, "the neighbour is wiped");
  assertEquals(clear(DARWIN_PAGES.page, [3, 1, 1], 1), 3);
});
