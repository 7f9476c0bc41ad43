/**
 * The contract of memory that is shared: files that are memory, and where they are mapped.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { GUEST_BASE } from "../../../src/platform/arena.ts";
import { SocketType } from "../../../src/platform/kernel.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";
import { ok, pattern, refused } from "./expect.ts";
import type { Case, Lab } from "./lab.ts";

const PAGE = 4096;

function sharingOf(lab: Lab): Sharing {
  return lab.kernel.sharing!;
}

function create(lab: Lab, bytes: number, sealed = true): number {
  return lab.track(sharingOf(lab).createMemory(bytes, sealed));
}

function at(lab: Lab, offset: number, length: number): Uint8Array {
  return lab.kernel.arena.u8.slice(offset, offset + length);
}

/** See the head of this file. */
export const memory: readonly Case[] = [
  {
    name: "createMemory() gives a file of zeros; isSealed() and sizeOf() tell what it is",
    run(lab) {
      const sharing = sharingOf(lab);
      for (const bytes of [1, PAGE, 1 << 20, (1 << 20) + 5]) {
        for (const sealed of [true, false]) {
          const fd = create(lab, bytes, sealed);
          assertEquals(sharing.sizeOf(fd), bytes);
          assertEquals(sharing.isSealed(fd), sealed ? 1 : 0);
          assertEquals(lab.world.flags(fd).closeOnExec, true);
        }
      }
    },
  },
  {
    name: "isSealed() of what is no memory is 0, and sizeOf() of what is no file",
    run(lab) {
      const sharing = sharingOf(lab);
      const others = [
        lab.track(lab.kernel.openWake()),
        lab.socket(SocketType.STREAM),
        lab.track(lab.world.pipe().fd),
      ];
      for (const fd of others) assertEquals([sharing.isSealed(fd), sharing.sizeOf(fd)], [0, 0]);
      assertEquals(sharing.isSealed(-1), 0);
      refused(sharing.sizeOf(-1), "EBADF");
      for (const fd of others) refused(sharing.map(fd, 0, PAGE), "EINVAL");
    },
  },
  {
    name: "map() shows the same bytes at every place, from its offset on",
    run(lab) {
      const sharing = sharingOf(lab), { u8 } = lab.kernel.arena;
      const fd = create(lab, 8 * PAGE);
      const whole = ok(sharing.map(fd, 0, 8 * PAGE));
      const part = ok(sharing.map(fd, 3 * PAGE, 2 * PAGE));
      const again = ok(sharing.map(fd, 0, 8 * PAGE));
      for (const each of [whole, part, again]) assert(each >= GUEST_BASE && each % PAGE === 0);
      assertEquals(at(lab, whole, 8 * PAGE), new Uint8Array(8 * PAGE));
      u8.set(pattern(8 * PAGE), whole);
      assertEquals(at(lab, part, 2 * PAGE), pattern(8 * PAGE).slice(3 * PAGE, 5 * PAGE));
      u8[part + PAGE] = 99;
      assertEquals([u8[whole + 4 * PAGE], u8[again + 4 * PAGE]], [99, 99]);
      for (const each of [part, whole, again]) sharing.unmap(each);
    },
  },
  {
    name: "a mapping outlives its descriptor, and a file its mapping",
    run(lab) {
      const sharing = sharingOf(lab), { u8 } = lab.kernel.arena;
      const fd = create(lab, PAGE), socket = lab.pair(SocketType.STREAM);
      let place = ok(sharing.map(fd, 0, PAGE));
      u8.set(pattern(PAGE), place);
      sharing.unmap(place);
      place = ok(sharing.map(fd, 0, PAGE));
      assertEquals(at(lab, place, PAGE), pattern(PAGE));
      ok(sharing.sendMessage(socket[0], lab.slot(0), 1, [fd]));
      lab.close(fd);
      u8[place] = 77;
      ok(sharing.receiveMessage(socket[1], lab.slot(0), 1));
      const other = lab.track(sharing.descriptors[0]);
      assertEquals([sharing.sizeOf(other), sharing.isSealed(other)], [PAGE, 1]);
      const second = ok(sharing.map(other, 0, PAGE));
      assertEquals(at(lab, second, 2), Uint8Array.of(77, pattern(2)[1]));
      sharing.unmap(second);
      sharing.unmap(place);
    },
  },
  {
    name: "unmap() leaves zeros, which can be written to, and others' mappings alone",
    run(lab) {
      const sharing = sharingOf(lab), { u8 } = lab.kernel.arena;
      const fds = [create(lab, 4 * PAGE), create(lab, 4 * PAGE)];
      const places = fds.map((fd) => ok(sharing.map(fd, 0, 4 * PAGE)));
      for (const place of places) u8.set(pattern(4 * PAGE), place);
      sharing.unmap(places[0]);
      assertEquals(at(lab, places[0], 4 * PAGE), new Uint8Array(4 * PAGE));
      assertEquals(at(lab, places[1], 4 * PAGE), pattern(4 * PAGE));
      u8.fill(0xff, places[0], places[0] + 5 * PAGE); // by an offset somebody has kept
      const again = ok(sharing.map(fds[0], 0, PAGE));
      assertEquals(at(lab, again, PAGE), pattern(4 * PAGE).slice(0, PAGE), "not what was written");
      sharing.unmap(again);
      sharing.unmap(places[1]);
    },
  },
  {
    name: "a page of zeros stands behind a mapping, whatever was there before",
    run(lab) {
      const sharing = sharingOf(lab), { u8 } = lab.kernel.arena;
      for (const bytes of [PAGE, 3 * PAGE, 2 * PAGE + 7]) {
        const fd = create(lab, bytes), end = Math.ceil(bytes / PAGE) * PAGE;
        const place = ok(sharing.map(fd, 0, bytes));
        assertEquals(
          at(lab, place + bytes, end - bytes + PAGE),
          new Uint8Array(end - bytes + PAGE),
        );
        sharing.unmap(place);
        u8.fill(0xff, place, place + 6 * PAGE);
      }
    },
  },
  {
    name: "map() refuses what is not in the file, and offsets in the middle of a page",
    run(lab) {
      const sharing = sharingOf(lab);
      const fd = create(lab, 4 * PAGE);
      const wrong: [number, number][] = [
        [0, 4 * PAGE + 1],
        [PAGE, 4 * PAGE],
        [4 * PAGE, 1],
        [4 * PAGE, PAGE],
        [2 ** 52, PAGE],
        [2 ** 63, PAGE],
        [0, 2 ** 63],
        [1, PAGE],
        [PAGE - 1, 1],
        [-PAGE, PAGE],
        [0, 0],
        [0, -PAGE],
        [0, NaN],
        [NaN, PAGE],
        [0, Infinity],
      ];
      for (const [offset, bytes] of wrong) refused(sharing.map(fd, offset, bytes), "EINVAL");
      refused(sharing.map(-1, 0, PAGE), "EBADF");
      sharing.unmap(ok(sharing.map(fd, 3 * PAGE, PAGE)));
    },
  },
  {
    name: "map() is ENOMEM without room; unmap() has the room back",
    run(lab) {
      const sharing = sharingOf(lab);
      const places: number[] = [];
      const map = () => {
        const fd = create(lab, 1 << 20);
        const place = sharing.map(fd, 0, 1 << 20);
        lab.close(fd);
        return place;
      };
      let place = map();
      for (; place > 0; place = map()) places.push(place);
      refused(place, "ENOMEM");
      assert(places.length > 2 && places.length < 1000, `there was room for ${places.length}`);
      assertEquals(new Set(places).size, places.length);
      for (const each of [places[1], places[places.length - 1]]) {
        sharing.unmap(each);
        assertEquals(map(), each);
        refused(map(), "ENOMEM");
      }
      for (const each of places) sharing.unmap(each);
      const [first, second] = [map(), map()];
      assertEquals([first, second], places.slice(0, 2));
      sharing.unmap(second);
      sharing.unmap(first);
    },
  },
  {
    name: "unmap() throws for what is not mapped",
    run(lab) {
      const sharing = sharingOf(lab);
      const place = ok(sharing.map(create(lab, 2 * PAGE), 0, 2 * PAGE));
      sharing.unmap(place);
      for (const wrong of [place, place + PAGE, 0, -1]) {
        let thrown: unknown;
        try {
          sharing.unmap(wrong);
        } catch (error) {
          thrown = error;
        }
        assert(thrown instanceof RangeError, `${wrong} was unmapped`);
      }
    },
  },
];
