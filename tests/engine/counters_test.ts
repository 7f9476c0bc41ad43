/**
 * Counters: what one thread publishes, another reads whole.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Column,
  COLUMNS,
  Counters,
  DROP_REASONS,
  dropColumn,
  readCounters,
  ROWS,
  SHARED_BYTES,
} from "../../src/engine/counters.ts";
import { CellTally } from "../../src/engine/tally.ts";

const PATTERN_ROWS = 200;

function open(): { counters: Counters; shared: SharedArrayBuffer } {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  return { counters: new Counters(shared), shared };
}

Deno.test("Column gives every counter a place of its own within a row", () => {
  const { drops, ...counters } = Column;
  const columns = [...Object.values(counters), ...DROP_REASONS.map(dropColumn)];
  assertEquals(new Set(columns).size, columns.length);
  assert(Math.max(...columns) < COLUMNS);
  assert(Math.max(...Object.values(counters)) < drops);
});

Deno.test("Counters.publish() shows covered rows, and later counts only when called again", () => {
  const { counters, shared } = open();
  counters.cover(2);
  counters.cells[0] = 1;
  counters.cells[COLUMNS] = 2;
  counters.cells[2 * COLUMNS] = 3;
  assertEquals(readCounters(shared, 2)[0], 0);
  counters.publish();
  counters.cells[0] = 10;
  const read = readCounters(shared, 3);
  assertEquals(read.length, 3 * COLUMNS);
  assertEquals([read[0], read[COLUMNS], read[2 * COLUMNS]], [1, 2, 0]);
  counters.cover(3);
  counters.cover(1); // does not take rows back
  counters.publish();
  const again = readCounters(shared, 3);
  assertEquals([again[0], again[COLUMNS], again[2 * COLUMNS]], [10, 2, 3]);
});

Deno.test("Counters counts past 2^32 exactly", () => {
  const { counters, shared } = open();
  counters.cover(ROWS);
  const last = ROWS * COLUMNS - 1;
  counters.cells[last] = 2 ** 52;
  counters.cells[last]++;
  counters.publish();
  assertEquals(readCounters(shared, ROWS)[last], 2 ** 52 + 1);
});

Deno.test("Counters.fold() adds a row to another, keeps the higher marks and clears it", () => {
  const { counters } = open();
  const { cells } = counters;
  for (let column = 0; column < COLUMNS; column++) {
    cells[3 * COLUMNS + column] = column;
    cells[5 * COLUMNS + column] = 100;
  }
  cells[3 * COLUMNS + Column.queueHigh] = 700;
  counters.fold(3, 5);
  const folded = [...cells.subarray(5 * COLUMNS, 6 * COLUMNS)];
  const sums = Array.from({ length: COLUMNS }, (_, column) => 100 + column);
  const most = Math.max(100, Column.fullMost);
  assertEquals(folded, sums.with(Column.queueHigh, 700).with(Column.fullMost, most));
  assert(cells.subarray(3 * COLUMNS, 4 * COLUMNS).every((cell) => cell === 0));
  counters.fold(3, 5);
  assertEquals([...cells.subarray(5 * COLUMNS, 6 * COLUMNS)], folded);
  cells[4 * COLUMNS + Column.queueHigh] = 600;
  counters.fold(4, 5);
  assertEquals(cells[5 * COLUMNS + Column.queueHigh], 700);
});

Deno.test("Counters.clear() zeroes one row and leaves its neighbours", () => {
  const { counters } = open();
  counters.cells.fill(9, 0, 3 * COLUMNS);
  counters.clear(1);
  for (let row = 0; row < 3; row++) {
    const cells = counters.cells.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    assert(cells.every((cell) => cell === (row === 1 ? 0 : 9)));
  }
});

Deno.test("readCounters() never sees half of a publication of another thread", async () => {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const url = new URL("./counters_writer.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  try {
    await new Promise((resolve) => {
      worker.onmessage = resolve;
      worker.postMessage({ shared, rows: PATTERN_ROWS, milliseconds: 20_000 });
    });
    let seen = 0, changes = 0;
    const start = performance.now(), passed = () => performance.now() - start;
    // On a busy machine the two seldom run at once.
    while (passed() < 200 || (changes <= 20 && passed() < 15_000)) {
      const cells = readCounters(shared, PATTERN_ROWS);
      const first = cells[0];
      assert(cells.every((cell) => cell === first), `a torn read after ${changes} changes`);
      assert(first >= seen, "counters went back");
      if (first > seen) changes++;
      seen = first;
    }
    assert(changes > 20, `the writer has published ${changes} times: too few to prove anything`);
  } finally {
    worker.terminate();
  }
});

Deno.test("CellTally counts each thing in its own column of its own row", () => {
  const { counters } = open();
  const tally = new CellTally(counters.cells);
  tally.rxCall(1);
  tally.txCall(1);
  tally.txCall(1);
  tally.sent(1, 3, 192);
  tally.retry(1, 11);
  tally.client(1);
  tally.refused(1);
  tally.lost(1, "stranger", 2, 120);
  tally.lost(1, "cut", 1, 7);
  const expected = new Float64Array(COLUMNS);
  const counts: [number, number][] = [
    [Column.rxCalls, 1],
    [Column.txCalls, 2],
    [Column.txFrames, 3],
    [Column.txBytes, 192],
    [Column.retries, 1],
    [Column.clients, 1],
    [Column.rxFrames, 3],
    [Column.rxBytes, 127],
    [dropColumn("refused"), 1],
    [dropColumn("stranger"), 2],
    [dropColumn("cut"), 1],
  ];
  for (const [column, count] of counts) expected[column] = count;
  assertEquals(counters.cells.slice(COLUMNS, 2 * COLUMNS), expected);
  const sum = (cells: Float64Array) => cells.reduce((total, cell) => total + cell);
  assertEquals(sum(counters.cells), sum(expected), "no other row was touched");
});
