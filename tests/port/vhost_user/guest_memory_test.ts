/**
 * Guest memory: addresses and nothing but addresses, whatever table a front-end sends.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Errno } from "../../../src/platform/errno.ts";
import { type Kernel, SocketType } from "../../../src/platform/kernel.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";
import { GuestMemory, MAX_MAPPED, type Region } from "../../../src/port/vhost_user/guest_memory.ts";
import { GIB, MIB, USER, withKernel } from "./session_lab.ts";

const PAGE = 4096;

class Fixture {
  readonly memory: GuestMemory;
  readonly kernel: Kernel;
  #files: number[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.memory = new GuestMemory(kernel.sharing!, {});
  }

  file(bytes: number, sealed = true): number {
    const fd = this.kernel.sharing!.createMemory(bytes, sealed);
    assert(fd >= 0);
    this.#files.push(fd);
    return fd;
  }

  /** Replace the table, each region in a file of its own that is just long enough. */
  replace(...regions: Region[]): string {
    return this.give(regions, regions.map(({ offset, size }) => this.file(offset + size)));
  }

  /** Replace the table; files of one that is taken are not ours any more. */
  give(regions: readonly Region[], files: readonly number[], unsealed = false): string {
    const fault = this.memory.replace(regions, files, unsealed);
    if (fault === "") this.given(files);
    return fault;
  }

  /** These are not ours any more. */
  given(files: readonly number[]): void {
    this.#files = this.#files.filter((fd) => !files.includes(fd));
  }

  /** Another descriptor of the same file, as a message makes one. */
  twin(fd: number): number {
    const { kernel } = this, { arena } = kernel, sharing = kernel.sharing!;
    kernel.socketPair(SocketType.STREAM);
    const [a, b] = kernel.pair, at = arena.take(PAGE);
    assertEquals([sharing.sendMessage(a, at, 1, [fd]), sharing.receiveMessage(b, at, 1)], [1, 1]);
    const [twin] = sharing.descriptors;
    arena.give(at);
    for (const end of [a, b]) kernel.close(end);
    this.#files.push(twin);
    return twin;
  }

  end(): void {
    this.memory.release();
    for (const fd of this.#files) this.kernel.close(fd);
  }
}

function memoryTest(name: string, run: (fixture: Fixture, memory: GuestMemory) => void): void {
  Deno.test(name, () =>
    withKernel((kernel) => {
      const fixture = new Fixture(kernel);
      run(fixture, fixture.memory);
      fixture.end();
    }));
}

function region(guest: number, size: number, user = USER + guest, offset = 0): Region {
  return { guest, size, user, offset };
}

memoryTest(
  "GuestMemory.locate() finds a buffer that lies wholly in one region, to the byte",
  (fixture, memory) => {
    assertEquals(fixture.replace(region(0, PAGE), region(4 * GIB, 2 * PAGE)), "");
    const low = memory.locate(0, 1), high = memory.locate(4 * GIB, 1);
    assert(low >= 2 ** 31 && high >= 2 ** 31 && low !== high);
    assertEquals(memory.locate(0, PAGE), low);
    assertEquals(memory.locate(PAGE - 1, 1), low + PAGE - 1);
    assertEquals(memory.locate(4 * GIB + PAGE, PAGE), high + PAGE);
    const outside: [number, number][] = [
      [0, PAGE + 1],
      [PAGE - 1, 2],
      [PAGE, 1],
      [4 * GIB - 1, 1],
      [4 * GIB - 1, 2],
      [4 * GIB + 1, 2 * PAGE],
      [4 * GIB + 2 * PAGE, 1],
      [1, 0xffff_ffff],
      [-1, 1],
      [2 ** 53, 1],
      [2 ** 64 - 1, 1],
      [2 ** 64, 0xffff_ffff],
      [Infinity, 1],
      [NaN, 1],
    ];
    for (const [address, length] of outside) {
      assertEquals(memory.locate(address, length), -1, `${length} at ${address}`);
    }
    assertEquals(memory.locate(0, PAGE), low, "a miss changes nothing");
  },
);

memoryTest(
  "GuestMemory shows what the guest has in its memory, from the offset of the region on",
  (fixture, memory) => {
    const { view } = fixture.kernel.arena, file = fixture.file(3 * PAGE);
    const rows = [region(0, 3 * PAGE), region(1 << 20, PAGE, USER + 5 * PAGE, 2 * PAGE)];
    assertEquals(fixture.give(rows, [file, fixture.twin(file)]), "");
    view.setUint32(memory.locate(2 * PAGE + 8, 4), 0xcafe);
    assertEquals(view.getUint32(memory.locate((1 << 20) + 8, 4)), 0xcafe);
    assertEquals(view.getUint32(memory.locateUser(USER + 5 * PAGE + 8, 4)), 0xcafe);
    assertEquals(memory.locateUser(USER + 5 * PAGE, PAGE), memory.locate(1 << 20, PAGE));
    assertEquals(memory.locateUser(USER + 5 * PAGE, PAGE + 1), -1);
    assertEquals(memory.locateUser(USER + 5 * PAGE - 1, 1), -1);
  },
);

memoryTest("GuestMemory.locate() agrees with a search by hand in any table", (fixture, memory) => {
  const shape = fc.record({
    gap: fc.integer({ min: 0, max: 3 }),
    pages: fc.integer({ min: 1, max: 4 }),
    offset: fc.integer({ min: 0, max: 2 }),
  });
  const buffers = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 40 * PAGE }), fc.integer({ min: 0, max: 3 * PAGE })),
    { minLength: 20, maxLength: 40 },
  );
  fc.assert(
    fc.property(fc.array(shape, { maxLength: 8 }), buffers, (shapes, asked) => {
      let next = 0;
      const rows = shapes.map(({ gap, pages, offset }) => {
        const guest = next + gap * PAGE;
        next = guest + pages * PAGE;
        return region(guest, pages * PAGE, USER + 2 * guest, offset * PAGE);
      }).reverse();
      const files = rows.map(({ offset, size }) =>
        fixture.kernel.sharing!.createMemory(offset + size, true)
      );
      assertEquals(memory.replace(rows, files, false), "");
      const starts = rows.map(({ guest }) => memory.locate(guest, 1));
      for (const [address, length] of asked) {
        const i = rows.findIndex(({ guest, size }) =>
          address >= guest && address + length <= guest + size
        );
        const found = memory.locate(address, length);
        const expected = i < 0 ? -1 : starts[i] + address - rows[i].guest;
        if (length > 0 || i < 0) assertEquals(found, expected, `${length} at ${address}`);
        else assert(found >= 0);
      }
    }),
    { numRuns: 100 },
  );
});

memoryTest(
  "GuestMemory.replace() leaves the old table when it refuses the new one",
  (fixture, memory) => {
    assertEquals(fixture.replace(region(0, PAGE)), "");
    const before = memory.locate(0, PAGE);
    fixture.kernel.arena.u8[before] = 7;
    assertEquals(fixture.replace(region(0, 0)), "it has a memory region of 0 bytes");
    const short = fixture.file(PAGE);
    assertEquals(
      memory.replace([region(0, PAGE), region(PAGE, 2 * PAGE)], [short, short], false),
      `it gave ${PAGE} bytes of memory for a region that ends at ${2 * PAGE}`,
    );
    assertEquals([memory.locate(0, PAGE), memory.regions], [before, 1]);
    assertEquals(fixture.kernel.arena.u8[before], 7);
    assertEquals(fixture.replace(region(8 * PAGE, PAGE)), "");
    assertEquals(memory.locate(0, 1), -1);
    assertEquals(fixture.kernel.arena.u8[before], 0, "who still holds an offset reads zeros");
  },
);

memoryTest("GuestMemory.release() gives all of it back, and leaves zeros", (fixture, memory) => {
  for (let i = 0; i < 100; i++) {
    assertEquals(fixture.replace(...Array.from({ length: 8 }, (_, j) => region(j * MIB, MIB))), "");
    const at = memory.locate(5, 1);
    fixture.kernel.arena.u8[at] = 1;
    memory.release();
    assertEquals([memory.locate(5, 1), memory.locateUser(USER + 5, 1), memory.regions], [
      -1,
      -1,
      0,
    ]);
    assertEquals(fixture.kernel.arena.u8[at], 0);
    if (i % 10 === 0) memory.release();
  }
});

memoryTest("GuestMemory.replace() says why it refuses a table", (fixture, memory) => {
  const most = Number.MAX_SAFE_INTEGER, file = fixture.file(PAGE);
  const cases: [Region[], string][] = [
    [
      Array.from({ length: 9 }, (_, i) => region(i * PAGE, PAGE)),
      "it has 9 memory regions, of at most 8",
    ],
    [[region(0, 0)], "it has a memory region of 0 bytes"],
    [[region(most, PAGE)], "it has a memory region that ends above 2^53"],
    [[region(0, most)], "it has a memory region that ends above 2^53"],
    [[region(0, Infinity)], "it has a memory region that ends above 2^53"],
    [[region(Infinity, PAGE)], "it has a memory region that ends above 2^53"],
    [[region(0, PAGE, Infinity)], "it has a memory region that ends above 2^53"],
    [[region(0, PAGE, USER, Infinity)], "it has a memory region that ends above 2^53"],
    [[region(0, PAGE, USER, most - 1)], "it has a memory region that ends above 2^53"],
    [[region(0, MAX_MAPPED), region(MAX_MAPPED, 1)], "it has more than 1024 GiB of memory"],
    [[region(0, PAGE, USER, MAX_MAPPED)], "it has more than 1024 GiB of memory"],
    [[region(PAGE, PAGE), region(0, PAGE + 1)], "it has memory regions that overlap"],
    [[region(0, PAGE), region(0, PAGE)], "it has memory regions that overlap"],
    [[region(0, 2 * PAGE)], "it gave 4096 bytes of memory for a region that ends at 8192"],
    [[region(0, PAGE, USER, 1)], "it gave 4096 bytes of memory for a region that ends at 4097"],
  ];
  for (const [rows, reason] of cases) {
    assertEquals(memory.replace(rows, rows.map(() => file), false), reason);
    assertEquals(memory.regions, 0);
  }
  assertEquals(
    memory.replace([region(0, PAGE)], [], false),
    "it sent 0 descriptors for 1 memory regions",
  );
  assertEquals(memory.replace([], [file], false), "it sent 1 descriptors for 0 memory regions");
});

memoryTest(
  "GuestMemory.replace() refuses memory that can get shorter, unless it is told to trust it",
  (fixture, memory) => {
    const { kernel } = fixture, open = fixture.file(PAGE, false);
    const refused = memory.replace([region(0, PAGE)], [open], false);
    assertEquals(
      refused,
      "it gave memory that can get shorter, which would kill the switch: use -object " +
        "memory-backend-memfd,id=mem,size=...,share=on -machine memory-backend=mem, or unsealed=on if it is to be trusted",
    );
    assertEquals(fixture.give([region(0, PAGE)], [open], true), "");
    assert(memory.locate(0, PAGE) > 0);
    kernel.socketPair(SocketType.STREAM);
    const [a, b] = kernel.pair, wake = kernel.openWake();
    for (const fd of [a, wake]) {
      assertEquals(memory.replace([region(0, PAGE)], [fd], false), refused);
      assert(memory.replace([region(0, PAGE)], [fd], true) !== "", "no file at all");
    }
    for (const fd of [a, b, wake]) kernel.close(fd);
  },
);

Deno.test("GuestMemory.replace() takes back what it mapped when a later region cannot be", () => {
  const mapped = new Set<number>();
  let fails = 3;
  const sharing = {
    isSealed: () => 1,
    sizeOf: () => GIB,
    map: () => --fails === 0 ? -Errno.EACCES : mapped.add(fails * GIB) && fails * GIB,
    unmap: (at: number) => assert(mapped.delete(at)),
  } as Partial<Sharing> as Sharing;
  const rows = [0, 1, 2, 3].map((i) => region(i * PAGE, PAGE));
  const said = new GuestMemory(sharing, {}).replace(rows, [0, 0, 0, 0], false);
  assertEquals([said, mapped.size], ["its memory cannot be mapped (EACCES)", 0]);
});

memoryTest(
  "GuestMemory.replace() says so when the address space is used up, and takes none of it then",
  (fixture, memory) => {
    const others: GuestMemory[] = [], huge = fixture.file(MAX_MAPPED);
    const row = [region(0, MAX_MAPPED - GIB)];
    let said = "";
    for (let i = 0; i < 8 && said === ""; i++) {
      others.push(new GuestMemory(fixture.kernel.sharing!, {}));
      const file = fixture.twin(huge);
      said = others[i].replace(row, [file], false);
      if (said === "") fixture.given([file]);
    }
    assertEquals(said, "there is no room left for its memory");
    const halves = [region(0, PAGE), region(PAGE, MAX_MAPPED - GIB)];
    const twins = [fixture.twin(huge), fixture.twin(huge)];
    assertEquals(memory.replace(halves, twins, false), said);
    others.forEach((each) => each.release());
    assertEquals(fixture.give(halves, twins), "");
  },
);
