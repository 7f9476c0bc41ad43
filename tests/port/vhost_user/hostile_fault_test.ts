import { assert, assertEquals, assertMatch } from "@std/assert";
import { dropColumn } from "../../../src/engine/counters.ts";
import { INDIRECT, NEXT, WRITE } from "../../support/vhost_frontend/driver_ring.ts";
import { HOSTILE_MAC, type HostileGuest } from "./hostile_guest.ts";
import { HostileLab } from "./hostile_lab.ts";
import { machine } from "./traffic_lab.ts";

const PLAN = { full: "pause", other: "stream", queue: 1 << 20 } as const;
/** A place for buffers and one for tables, far from its rings. */
const BUFFER = 2 ** 32 + (3 << 20), TABLE = BUFFER + (1 << 19);

/** One descriptor: address, length, flags, next. */
type Entry = readonly [number, number, number, number];

function entriesOf(entries: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * 16), view = new DataView(bytes.buffer);
  entries.forEach(([address, length, flags, next], i) => {
    view.setBigUint64(i * 16, BigInt(address), true);
    view.setUint32(i * 16 + 8, length, true);
    view.setUint16(i * 16 + 12, flags, true);
    view.setUint16(i * 16 + 14, next, true);
  });
  return bytes;
}

/** Write descriptors from the first on, and a table if there is one, and offer the first. */
function offer(guest: HostileGuest, index: number, entries: readonly Entry[], table: Entry[] = []) {
  const ring = guest.front.guest.rings[index];
  guest.poke(TABLE, entriesOf(table));
  entries.forEach(([address, length, flags, next], i) => {
    ring.describe(i, { address, length }, flags, next);
  });
  ring.offer(0);
  ring.forceKick();
}

/** What can be wrong with a chain whose buffers have these flags, and what is said of it. */
function wrongChains(right: number): [string, RegExp, Entry[], Entry[]?][] {
  const good: Entry = [BUFFER, 2000, right, 0];
  const outside = /a buffer is outside of the guest's memory/;
  const beyond = /a descriptor number is beyond the end of its table/;
  const long = /a chain has more than 256 descriptors/;
  const direction = /a buffer is for the other direction/;
  const table = /an indirect table is malformed/;
  const list = Array.from({ length: 300 }, (_, i): Entry => [BUFFER, 1, right | NEXT, i + 1]);
  const toTable: Entry = [TABLE, 32, INDIRECT, 0];
  return [
    ["outside", outside, [[2 ** 40, 2000, right, 0]]],
    ["before its region", outside, [[2 ** 32 - 1000, 2000, right, 0]]],
    ["over the end of its region", outside, [[2 ** 32 + (4 << 20) - 1000, 2000, right, 0]]],
    ["at the end of all addresses", outside, [[2 ** 53 - 2, 2000, right, 0]]],
    // A buffer to receive by needs to be there only as far as it is written.
    ["far too long", outside, [[right === 0 ? BUFFER : 2 ** 40, 0xffff_ffff, right, 0]]],
    ["a second one outside", outside, [[BUFFER, 14, right | NEXT, 1], [2 ** 40, 2000, right, 0]]],
    ["a link too far", beyond, [[BUFFER, 14, right | NEXT, 256]]],
    ["a link to itself", long, [[BUFFER, 1, right | NEXT, 0]]],
    ["a link back", long, [[BUFFER, 0, right | NEXT, 1], [BUFFER, 0, right | NEXT, 0]]],
    ["for the other direction", direction, [[BUFFER, 2000, right ^ WRITE, 0]]],
    ["a second one for the other direction", direction, [
      [BUFFER, 14, right | NEXT, 1],
      [BUFFER, 2000, right ^ WRITE, 0],
    ]],
    ["a table in a table", table, [toTable], [[TABLE, 32, INDIRECT, 0], good]],
    ["a link behind a table", table, [[TABLE, 32, INDIRECT | NEXT, 1], good], [good, good]],
    ["a table with a rest", table, [[TABLE, 31, INDIRECT, 0]], [good, good]],
    ["an empty table", table, [[TABLE, 0, INDIRECT, 0]]],
    ["a table outside", outside, [[2 ** 40, 32, INDIRECT, 0]]],
    ["a link out of a table", beyond, [toTable], [[BUFFER, 14, right | NEXT, 2], good]],
    ["a long table", long, [[TABLE, 300 * 16, INDIRECT, 0]], list],
    ["a buffer of a table outside", outside, [toTable], [[2 ** 40, 2000, right, 0], good]],
    ["a buffer of a table for the other direction", direction, [toTable], [
      [BUFFER, 2000, right ^ WRITE, 0],
      good,
    ]],
  ];
}

/** The one address of it becomes known, so that it is sent something. */
function greet(lab: HostileLab): void {
  const frame = new Uint8Array(60);
  frame.set([255, 255, 255, 255, 255, 255]);
  frame.set(HOSTILE_MAC, 6);
  assert(lab.hostile.front.guest.transmit.transmit(frame));
  lab.until("it is known", () => lab.hostile.front.guest.transmit.reclaim() > 0);
}

/** The port is down, for this reason, the others talk on, and it is up again when the guest has rebooted. */
function goesDown(lab: HostileLab, what: string, ring: string, reason: RegExp) {
  for (let turns = 0; lab.up.includes("h"); turns++) {
    assert(turns < 5000, `${what} in the ${ring} ring: the port stays up; ${lab.text}`);
    lab.turns(1);
  }
  const told = lab.logs.filter((text) => text.startsWith("h: ")).at(-1)!;
  assertMatch(told, new RegExp(`^h: ${ring} ring: ${reason.source}; the port is down`), what);
  const errors = lab.hostile.front.guest.rings.map(({ errorFd }) => machine.takeWakes(errorFd));
  assertEquals(errors, [1, 1], `${what} in the ${ring} ring: the error descriptors`);
  lab.skip(11_000); // the log leaves out what comes too often
  lab.talk(5, 1000);
  lab.finish();
  lab.assertBalanced();
  lab.hostile.reboot();
  lab.until(`it is up again after ${what}`, () => lab.up.includes("h"));
}

for (const [index, name, right] of [[0, "receive", WRITE], [1, "transmit", 0]] as const) {
  Deno.test(`hostile guest: what is wrong with its ${name} ring is said, and cured by a reboot`, () => {
    const lab = new HostileLab(PLAN);
    // A frame for one buffer, and a frame for several.
    for (const length of [1500, 4000]) {
      for (const [what, reason, entries, table] of wrongChains(right)) {
        greet(lab);
        offer(lab.hostile, index, entries, table);
        if (index === 0) lab.provoke(length);
        goesDown(lab, what, name, reason);
      }
    }
    for (const step of [257, 300, 32_768, 65_535]) {
      greet(lab);
      const ring = lab.hostile.front.guest.rings[index];
      ring.available = (ring.available + step) & 0xffff;
      ring.availableIndex = ring.available;
      ring.forceKick();
      if (index === 0) lab.provoke(4000);
      goesDown(lab, `${step} entries`, name, /more entries are available than the ring has/);
    }
    for (const head of [256, 65_535]) {
      greet(lab);
      lab.hostile.front.guest.rings[index].offer(head);
      lab.hostile.front.guest.rings[index].forceKick();
      if (index === 0) lab.provoke(4000);
      const reason = /a descriptor number is beyond the end of its table/;
      goesDown(lab, `head ${head}`, name, reason);
    }
    lab.recover();
    lab.check();
    lab.close();
  });
}

Deno.test("hostile guest: a chain longer than any frame is dropped, and leaves the frame behind it as it is", () => {
  const lab = new HostileLab(PLAN), { hostile } = lab, [, ring] = hostile.front.guest.rings;
  for (const gso of [0, 1]) {
    for (const pieces of [2, 4, 200]) {
      const header = Uint8Array.of(1, gso, 54, 0, 100, 0, 34, 0, 16, 0, 0, 0);
      hostile.poke(BUFFER, new Uint8Array(60_000).fill(0xab));
      hostile.poke(BUFFER, header);
      const good = new Uint8Array(12 + 1000).fill(pieces);
      good.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, ...HOSTILE_MAC]);
      hostile.poke(TABLE, good);
      for (let i = 0; i < pieces; i++) {
        const isLast = i + 1 === pieces;
        ring.describe(i, { address: BUFFER, length: 60_000 }, isLast ? 0 : NEXT, i + 1);
      }
      ring.describe(200, { address: TABLE, length: good.length }, 0, 0);
      ring.offer(0);
      ring.offer(200);
      ring.forceKick();
      lab.settle();
      const { receive } = lab.guest1.front!.guest, frame = receive.next()?.frame;
      assertEquals(frame, good.slice(12), `${pieces} times 60,000 bytes, GSO ${gso}`);
    }
  }
  assertEquals(lab.sum(dropColumn("oversize")), 6);
  lab.check();
  lab.close();
});
