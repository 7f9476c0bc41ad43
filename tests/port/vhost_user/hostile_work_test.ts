import { assert, assertEquals, assertLess } from "@std/assert";
import { INDIRECT, NEXT, WRITE } from "../../support/vhost_frontend/driver_ring.ts";
import { HOSTILE_MAC } from "./hostile_guest.ts";
import { HostileLab } from "./hostile_lab.ts";
import { startScribbler } from "./scribbler.ts";

const TABLE = 2 ** 32 + (3 << 20);

/** A table of empty buffers, and as many chains as the ring has that are this table. */
function offerNothing(lab: HostileLab): void {
  const { hostile } = lab, bytes = new Uint8Array(256 * 16), view = new DataView(bytes.buffer);
  for (let i = 0; i < 256; i++) {
    view.setUint16(i * 16 + 12, WRITE | (i < 255 ? NEXT : 0), true);
    view.setUint16(i * 16 + 14, i + 1, true);
  }
  hostile.poke(TABLE, bytes);
  const [ring] = hostile.front.guest.rings;
  for (let i = 0; i < ring.size; i++) {
    ring.describe(i, { address: TABLE, length: bytes.length }, INDIRECT, 0);
    ring.offer(i);
  }
}

/** Accesses to guest memory by the switch's own views while something runs. */
function accesses(what: () => void): number {
  const { getUint32 } = DataView.prototype;
  let count = 0;
  DataView.prototype.getUint32 = function (at: number, little?: boolean) {
    count++;
    return getUint32.call(this, at, little);
  };
  try {
    what();
  } finally {
    DataView.prototype.getUint32 = getUint32;
  }
  return count;
}

Deno.test("hostile guest: buffers without room do not cost the others the switch's time", () => {
  const lab = new HostileLab({ full: "pause", other: "stream", queue: 1 << 20 });
  const frame = new Uint8Array(60);
  frame.set([255, 255, 255, 255, 255, 255]);
  frame.set(HOSTILE_MAC, 6);
  lab.hostile.send(frame);
  lab.hostile.front.guest.rings[1].forceKick();
  lab.settle();
  offerNothing(lab);
  for (let i = 0; i < 100; i++) lab.provoke(60);
  const reads = accesses(() => lab.turns(3));
  // 100 frames, and for each of them the descriptors of a chain or two, of four reads each.
  assertLess(reads, 100 * 2 * 257 * 4 + 10_000);
  lab.check();
  lab.close();
});

Deno.test("hostile guest: its memory changes while the switch looks at it", async () => {
  const lab = new HostileLab({ full: "pause", other: "stream", queue: 1 << 20 });
  let down = 0;
  for (let round = 0; round < 8; round++) {
    const { front } = lab.hostile, { memory, rings } = front.guest;
    const [{ file, offset, guest, bytes }] = memory.regions.slice(1);
    const inFile = (address: number) => {
      const region = memory.regionOf(address, 1);
      return address - region.guest + region.offset;
    };
    const parts = rings.flatMap(({ blocks: { desc, avail } }) => [desc, avail])
      .map(({ address, length }) => [inFile(address), length] as const);
    const area = [offset + bytes / 2, 1 << 16] as const;
    for (let i = 0; i < 200; i++) lab.hostile.act("header", round * 1000 + i);
    const scribbler = await startScribbler(file.fd, file.bytes, {
      seed: round,
      // Now the descriptors as well, now the frames only.
      places: round % 2 === 0 ? [area] : [area, ...parts],
      guest: guest + bytes / 2,
    });
    const until = performance.now() + 300;
    for (let i = 0; performance.now() < until; i++) {
      lab.talk(2, 60 + i % 3000);
      for (let k = 0; k < 5; k++) lab.provoke(60 + i * 7 % 3000);
      if (lab.up.includes("h")) lab.hostile.act(i % 3 === 0 ? "buffers" : "header", i);
      lab.turns(1);
    }
    await scribbler.stop();
    if (!lab.up.includes("h")) down++;
    lab.check();
    lab.recover();
  }
  assert(down > 0, "it was never noticed");
  lab.check();
  assertEquals(lab.outstanding, 0);
  lab.close();
});
