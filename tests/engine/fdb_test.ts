/**
 * The forwarding database: fairness, aging, limits. fdb_model_test.ts has the rest.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { AGING_SECONDS, Fdb, FDB_ENTRIES, Learned, UNKNOWN } from "../../src/engine/fdb.ts";

const SEED = Int32Array.of(0x1234_5678, -0x0765_4321);

/** Learn `count` addresses behind a port, all with the port's number in their upper half. */
function fill(fdb: Fdb, port: number, count: number, now = 0, first = 0): void {
  for (let i = first; i < first + count; i++) fdb.learn(port, i, port, now);
}

Deno.test("Fdb.learn() shares a full table as Open vSwitch does", () => {
  // tests/mac-learning.at, "overflow fairness": 10 entries, five ports with two each, then 16 on a sixth.
  const fdb = new Fdb(10, 7, SEED);
  for (let port = 1; port <= 5; port++) fill(fdb, port, 2);
  assertEquals(fdb.size, 10);
  fill(fdb, 6, 16);
  const counts = [1, 2, 3, 4, 5].map((port) => fdb.countOf(port));
  assertEquals(fdb.countOf(6), 3);
  assertEquals(Math.min(...counts), 1);
  assertEquals(counts.reduce((sum, count) => sum + count) + 3, 10);
  // What is left of it are the last three: it has pushed out its own.
  assertEquals([12, 13, 14, 15].map((low) => fdb.lookup(6, low)), [UNKNOWN, 6, 6, 6]);
});

Deno.test("Fdb.learn() evicts the entry of the crowded port that was not used longest", () => {
  const fdb = new Fdb(4, 2, SEED);
  fill(fdb, 0, 4, 0);
  fdb.learn(0, 0, 0, 1); // 0 is used again, so 1 is now the oldest
  fdb.learn(0, 1, 0, 1);
  fdb.learn(0, 3, 0, 1);
  assertEquals(fdb.learn(1, 9, 1, 2), Learned.NEW);
  assertEquals([0, 1, 2, 3].map((low) => fdb.lookup(0, low)), [0, 0, UNKNOWN, 0]);
  fdb.learn(1, 10, 1, 2);
  assertEquals([0, 1, 2, 3].map((low) => fdb.lookup(0, low)), [UNKNOWN, 0, UNKNOWN, 0]);
});

/** A port learns 200,000 random addresses over 48 s. */
function invent(fdb: Fdb, port: number): void {
  let state = 0x2545_f491;
  for (let i = 0; i < 200_000; i++) {
    state ^= state << 13, state ^= state >>> 17, state ^= state << 5;
    fdb.learn(0x0200 | (i & 0xff), state, port, i >> 12);
  }
}

Deno.test("Fdb.learn() lets a port that invents addresses push out its own only", () => {
  const fdb = new Fdb(FDB_ENTRIES, 8, SEED);
  const each = FDB_ENTRIES / 8 - 1;
  for (let port = 0; port < 7; port++) fill(fdb, port, each);
  invent(fdb, 7);
  assertEquals(fdb.size, FDB_ENTRIES);
  for (let port = 0; port < 7; port++) {
    assertEquals(fdb.countOf(port), each, `entries of port ${port}`);
    for (let low = 0; low < each; low++) assertEquals(fdb.lookup(port, low), port);
  }
});

Deno.test("Fdb.learn() takes one entry, by Open vSwitch's rule for ties, when all have equally many", () => {
  const fdb = new Fdb(FDB_ENTRIES, 8, SEED);
  const share = FDB_ENTRIES / 8;
  for (let port = 0; port < 7; port++) fill(fdb, port, share);
  invent(fdb, 7);
  const counts = Array.from({ length: 8 }, (_, port) => fdb.countOf(port));
  assertEquals(counts, [share - 1, ...new Array(6).fill(share), share + 1]);
});

Deno.test("Fdb.learn() takes from whoever has more than a share, down to the share and no further", () => {
  const fdb = new Fdb(FDB_ENTRIES, 4, SEED);
  fill(fdb, 0, FDB_ENTRIES - 1000);
  fill(fdb, 1, 1000);
  fill(fdb, 2, 20_000);
  fill(fdb, 3, 20_000);
  const counts = [0, 1, 2, 3].map((port) => fdb.countOf(port));
  assertEquals(counts[1], 1000);
  assertEquals(counts.reduce((sum, count) => sum + count), FDB_ENTRIES);
  const others = [counts[0], counts[2], counts[3]];
  assert(Math.max(...others) - Math.min(...others) <= 1, `${counts}`);
});

Deno.test("Fdb.age() forgets an address after exactly the aging time", () => {
  for (const [passed, port] of [[299, 3], [300, UNKNOWN], [301, UNKNOWN]]) {
    const fdb = new Fdb(16, 4, SEED);
    fdb.learn(1, 1, 3, 1000);
    fdb.age(1000 + passed, AGING_SECONDS);
    assertEquals(fdb.lookup(1, 1), port, `after ${passed} s`);
    assertEquals(fdb.size, port === 3 ? 1 : 0);
  }
});

Deno.test("Fdb.age() keeps what was heard again, also on another port", () => {
  const fdb = new Fdb(16, 4, SEED);
  for (const low of [1, 2, 3]) fdb.learn(1, low, 0, 0);
  fdb.learn(1, 1, 0, 200);
  fdb.learn(1, 2, 1, 200);
  fdb.age(300, AGING_SECONDS);
  assertEquals([1, 2, 3].map((low) => fdb.lookup(1, low)), [0, 1, UNKNOWN]);
  fdb.age(500, AGING_SECONDS);
  assertEquals(fdb.size, 0);
});

Deno.test("Fdb.age() after a jump of the clock forgets all, and the table is whole again", () => {
  const fdb = new Fdb(64, 3, SEED);
  for (let port = 0; port < 3; port++) fill(fdb, port, 30);
  assertEquals(fdb.size, 64);
  fdb.age(2 ** 31 - 1, AGING_SECONDS);
  assertEquals([fdb.size, fdb.countOf(0), fdb.countOf(1), fdb.countOf(2)], [0, 0, 0, 0]);
  fill(fdb, 2, 64, 2 ** 31 - 1);
  assertEquals([fdb.size, fdb.countOf(2)], [64, 64]);
});

Deno.test("Fdb.setLimit() refuses more addresses, and moves, but keeps the known fresh", () => {
  const fdb = new Fdb(16, 3, SEED);
  fdb.setLimit(1, 2);
  assertEquals([1, 2, 3].map((low) => fdb.learn(7, low, 1, 0)), [
    Learned.NEW,
    Learned.NEW,
    Learned.REFUSED,
  ]);
  fdb.learn(7, 9, 0, 0);
  assertEquals(fdb.learn(7, 9, 1, 1), Learned.REFUSED);
  assertEquals([fdb.lookup(7, 3), fdb.lookup(7, 9)], [UNKNOWN, 0]);
  assertEquals(fdb.learn(7, 1, 1, 250), Learned.KNOWN);
  fdb.age(300, AGING_SECONDS);
  assertEquals([fdb.lookup(7, 1), fdb.lookup(7, 2), fdb.countOf(1)], [1, UNKNOWN, 1]);
  assertEquals(fdb.learn(7, 3, 1, 301), Learned.NEW);
});

Deno.test("Fdb.setLimit() of 0 learns nothing behind a port, in a full table too", () => {
  const fdb = new Fdb(4, 2, SEED);
  fdb.setLimit(0, 0);
  assertEquals(fdb.learn(1, 1, 0, 0), Learned.REFUSED);
  fill(fdb, 1, 4);
  assertEquals(fdb.learn(2, 1, 0, 0), Learned.REFUSED);
  assertEquals([fdb.size, fdb.countOf(1)], [4, 4]);
});

Deno.test("Fdb.lookup() tells addresses apart that differ in one bit of address or VLAN", () => {
  const fdb = new Fdb(128, 2, SEED);
  const high = (5 << 16) | 0x5254, low = 0x0012_3456;
  fdb.learn(high, low, 1, 0);
  assertEquals(fdb.lookup(high, low), 1);
  for (let bit = 0; bit < 28; bit++) assertEquals(fdb.lookup(high ^ (1 << bit), low), UNKNOWN);
  for (let bit = 0; bit < 32; bit++) assertEquals(fdb.lookup(high, low ^ (1 << bit)), UNKNOWN);
});
