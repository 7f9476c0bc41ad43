/**
 * In which order a guest's memory is let go of.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { GUEST_BASE } from "../../../src/platform/arena.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";
import { GuestMemory } from "../../../src/port/vhost_user/guest_memory.ts";

const BYTES = 1 << 20;
const GIVER = { name: "lan" };

/** Memory of two regions, files 10 and 11, and what is asked of the system for it. */
function twoRegions(): { memory: GuestMemory; calls: unknown[][] } {
  const calls: unknown[][] = [];
  let next = GUEST_BASE;
  const sharing: Partial<Sharing> = {
    isSealed: () => 1,
    sizeOf: () => BYTES,
    map: () => (next += BYTES) - BYTES,
    unmap: (at) => void calls.push(["unmap", (at - GUEST_BASE) / BYTES]),
    closeElsewhere: (fd, giver) => void calls.push(["close", fd, giver]),
  };
  const memory = new GuestMemory(sharing as Sharing, GIVER);
  const regions = [0, BYTES].map((guest) => ({ guest, size: BYTES, user: guest, offset: 0 }));
  assertEquals(memory.replace(regions, [10, 11], false), "");
  return { memory, calls };
}

Deno.test("GuestMemory.release() unmaps everything, and closes the files elsewhere only then", () => {
  const { memory, calls } = twoRegions();
  assertEquals(calls, []);
  memory.release();
  const released = [["unmap", 0], ["unmap", 1], ["close", 10, GIVER], ["close", 11, GIVER]];
  assertEquals(calls, released);
  assertEquals([memory.regions, memory.locate(0, 1), memory.locateUser(0, 1)], [0, -1, -1]);
  memory.release();
  assertEquals(calls, released, "once");
});

Deno.test("GuestMemory.replace() lets go of the table before, when the new one is mapped", () => {
  const { memory, calls } = twoRegions();
  assertEquals(memory.replace([{ guest: 0, size: BYTES, user: 0, offset: 0 }], [12], false), "");
  assertEquals(calls, [["unmap", 0], ["unmap", 1], ["close", 10, GIVER], ["close", 11, GIVER]]);
  assertEquals(memory.locate(0, 1), GUEST_BASE + 2 * BYTES);
});
