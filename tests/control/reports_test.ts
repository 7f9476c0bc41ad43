import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type PortRow, statsReport } from "../../src/control/reports.ts";
import { Column, COLUMNS, DROP_REASONS, dropColumn, ROWS } from "../../src/engine/counters.ts";
import type { OpenedPort } from "../../src/engine/protocol.ts";
import { Feature, OFFLOAD_ON } from "../../src/offload/features.ts";
import { NO_OFFLOAD, type Policy } from "../../src/offload/policy.ts";

const TIME = new Date("2026-11-20T11:04:38.123Z");

function opened(name: string, asked: string, policy: Partial<Policy>): OpenedPort {
  const port = {
    kind: "dgram",
    socket: "dgram",
    target: "x",
    clients: "many",
    buffers: 0,
  } as const;
  return { name, ...port, client: "", asked, policy: { ...NO_OFFLOAD, ...policy } };
}

const OPENED = [
  opened("lan", "offload=on,finish=on", { sends: OFFLOAD_ON, accepts: OFFLOAD_ON, finish: true }),
  opened("la", "", {}),
  opened("a", "sends=csum", { sends: Feature.CSUM }),
  opened("vm.1", "accepts=csum", { accepts: Feature.CSUM }),
];

function named(...names: string[]) {
  return names.map((name, i) => ({ row: i + 1, name, state: "up" as const }));
}

function report(cells: Float64Array, ports: readonly PortRow[] = named("a")) {
  return statsReport({ time: TIME, uptimeMs: 1234.56, ports, opened: OPENED, cells });
}

Deno.test("statsReport() names every counter, and drop reasons once they happened", () => {
  const cells = new Float64Array(4 * COLUMNS);
  const own = cells.subarray(COLUMNS, 2 * COLUMNS);
  for (let column = 0; column < Column.drops; column++) own[column] = 100 + column;
  own[dropColumn("queue-full")] = 7;
  own[dropColumn("cut")] = 1;
  assertEquals(report(cells), {
    event: "stats",
    time: "2026-11-20T11:04:38.123Z",
    uptime_ms: 1235,
    ports: [{
      name: "a",
      state: "up",
      rx: { frames: 100, bytes: 101, calls: 102 },
      tx: { frames: 103, bytes: 104, calls: 105 },
      drops: { "queue-full": 7, cut: 1, total: 8 },
      copies: 106,
      retries: 107,
      full: { times: 122, over: 123, us: 124_000, most_us: 125_000 },
      queued: 108,
      queue_high: 109,
      macs: 110,
      macs_refused: 111,
      mac_moves: 112,
      pauses: 113,
      clients: 114,
      offload: {
        asked: "sends=csum",
        sends: ["csum"],
        accepts: [],
        passed: 116,
        filled: 117,
        segmented: 118,
        segments: 119,
        merged: 120,
        merges: 121,
      },
    }],
    total: {
      rx: 100,
      tx: 103,
      copies: 106,
      drops: 8,
      queued: 108,
      segmented: 118,
      segments: 119,
      merged: 120,
      merges: 121,
      balanced: false,
    },
  });
});

Deno.test("statsReport() tells of each port the policy asked for and the one in effect", () => {
  const { ports } = report(
    new Float64Array(8 * COLUMNS),
    named("lan", "lan.1", "lan.20", "la.1", "vm.1"),
  );
  const lan = ["offload=on,finish=on", "csum+tso4+tso6", "tso4+tso6"];
  assertEquals(
    ports.map(({ name, offload: { asked, sends, accepts } }) => {
      return [name, asked, sends.join("+"), accepts.join("+")];
    }),
    [
      ["lan", ...lan],
      ["lan.1", ...lan], // its clients have the policy of the port they came to
      ["lan.20", ...lan],
      ["la.1", "", "", ""],
      ["vm.1", "accepts=csum", "", "csum"], // a name like that of a client
    ],
  );
});

Deno.test("statsReport() tells the policy a guest has negotiated for as long as it holds", () => {
  const policy = { ...NO_OFFLOAD, sends: Feature.CSUM | Feature.TSO4, accepts: Feature.CSUM };
  const row = { row: 1, name: "lan.1", state: "up", policy } as const;
  const said = (ports: PortRow[]) => {
    const [{ offload: { asked, sends, accepts } }] = report(new Float64Array(9 * COLUMNS), ports)
      .ports;
    return [asked, sends.join("+"), accepts.join("+")];
  };
  assertEquals(said([row]), ["offload=on,finish=on", "csum+tso4", "csum"]);
  assertEquals(said([{ ...row, policy: undefined }]), [
    "offload=on,finish=on",
    "csum+tso4+tso6",
    "tso4+tso6",
  ]);
});

Deno.test("statsReport() sums rows that have no name yet", () => {
  const cells = new Float64Array(ROWS * COLUMNS);
  cells[1 * COLUMNS + Column.rxFrames] = 5;
  cells[(ROWS - 1) * COLUMNS + Column.txFrames] = 5;
  assertEquals(report(cells).total, {
    rx: 5,
    tx: 5,
    copies: 0,
    drops: 0,
    queued: 0,
    segmented: 0,
    segments: 0,
    merged: 0,
    merges: 0,
    balanced: true,
  });
});

/** Frames of a row that ended in each possible way; the row's books then agree by construction. */
const fates = fc.record({
  sent: fc.nat(1e9),
  queued: fc.nat(1e6),
  copies: fc.nat(1e6),
  /** How many segments each frame that was cut became, and how many frames each that was put together. */
  cuts: fc.array(fc.integer({ min: 2, max: 256 }), { maxLength: 5 }),
  joins: fc.array(fc.integer({ min: 2, max: 64 }), { maxLength: 5 }),
  drops: fc.array(fc.nat(1e6), { minLength: DROP_REASONS.length, maxLength: DROP_REASONS.length }),
});

const add = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

Deno.test("statsReport() says balanced exactly when every frame is accounted for", () => {
  fc.assert(fc.property(
    fc.array(fates, { minLength: 1, maxLength: 8 }),
    fc.integer({ min: -3, max: 3 }),
    (rows, error) => {
      const cells = new Float64Array(rows.length * COLUMNS);
      let came = 0;
      rows.forEach(({ sent, queued, copies, cuts, joins, drops }, i) => {
        const own = cells.subarray(i * COLUMNS, (i + 1) * COLUMNS);
        own[Column.txFrames] = sent;
        own[Column.queued] = queued;
        own[Column.copies] = copies;
        own[Column.segmented] = cuts.length;
        own[Column.segments] = add(cuts);
        own[Column.merged] = add(joins);
        own[Column.merges] = joins.length;
        own.set(drops, Column.drops);
        // What left the switch, put together again where it was cut, and apart where it was put together.
        came += sent + queued + add(drops) - copies - add(cuts) + cuts.length + add(joins) -
          joins.length;
      });
      cells[Column.rxFrames] = came + error; // whichever port they came by
      const { total } = report(cells, []);
      assertEquals(total.balanced, error === 0);
    },
  ));
});

Deno.test("statsReport() has the sum of a port's drops in total", () => {
  fc.assert(fc.property(fates, ({ drops }) => {
    const cells = new Float64Array(2 * COLUMNS);
    cells.set(drops, COLUMNS + Column.drops);
    const { total, ...reasons } = report(cells).ports[0].drops;
    assertEquals(total, drops.reduce((a, b) => a + b, 0));
    assertEquals(Object.values(reasons), drops.filter((n) => n !== 0));
    assert(Object.keys(reasons).every((reason) => DROP_REASONS.some((known) => known === reason)));
  }));
});
