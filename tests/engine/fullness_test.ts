/**
 * What is counted and told of a VM that takes no frames for a while.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Column, COLUMNS, dropColumn } from "../../src/engine/counters.ts";
import { Fullness, type FullnessHost } from "../../src/engine/fullness.ts";
import { Errno } from "../../src/platform/errno.ts";
import { asCountingKernel, FakeDarwin } from "../support/fake_darwin.ts";
import { CountingKernel } from "../support/counting_kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

/** A Fullness of row 1 of three. */
function fullnessLab() {
  const told: string[] = [];
  const host: FullnessHost = {
    cells: new Float64Array(3 * COLUMNS),
    fullTold: new Float64Array(3).fill(-Infinity),
    refusals: new Int32Array(3),
    tellFull: (row, text) => void told.push(`${row}: ${text}`),
  };
  return { host, told, cells: host.cells, row: COLUMNS, fullness: new Fullness(host, 1) };
}

Deno.test("Fullness counts each time, its length and the longest, and tells the sum once a minute", () => {
  const { host, told, cells, row, fullness } = fullnessLab();
  const full = (at: number, ms: number, tries: number) => {
    fullness.begin(at);
    cells[row + Column.retries] += tries;
    host.refusals[1] = Errno.ENOBUFS;
    fullness.end(at + ms);
    return told.splice(0)[0];
  };
  assertEquals(
    full(1000, 0.436, 3),
    "1: its VM was full (ENOBUFS) 1 time and refused 3 sends; room again after 436 us on average, " +
      "436 us at most; nothing dropped",
  );
  assertEquals(full(2000, 2, 1), undefined);
  cells[row + dropColumn("queue-full")] += 6;
  cells[row + dropColumn("expired")] += 1;
  assertEquals(full(3000, 1, 1), undefined);
  assertEquals(
    full(61_001, 0.5, 2),
    "1: its VM was full (ENOBUFS) 3 times and refused 4 sends; room again after 1.2 ms on " +
      "average, 2.0 ms at most; dropped 7 frames (6 queue-full, 1 expired)",
  );
  assertMatch(full(130_000, 0.25, 1)!, /1 time and refused 1 send; .* 250 us at most; nothing/);
  const counted = [Column.fulls, Column.fullsOver, Column.fullMs, Column.fullMost];
  assertEquals(
    counted.map((column) => Math.round(cells[row + column] * 1000)),
    [5000, 5000, 4186, 2000],
  );
  assertEquals(cells.subarray(0, COLUMNS).some((cell) => cell !== 0), false);
});

Deno.test("Fullness tells a time that goes on after a second, then its end; else once a minute, whoever is the VM", () => {
  const { host, told, cells, row, fullness } = fullnessLab();
  fullness.begin(1000);
  fullness.last(1999, 63);
  assertEquals([told, cells[row + Column.fullMs]], [[], 999], "counted while it lasts");
  cells[row + dropColumn("queue-full")] += 12;
  fullness.last(2000.25, 63);
  fullness.last(40_000, 1);
  assertEquals(told.splice(0), [
    "1: its VM has been full for 1.0 s: 63 frames wait, dropped 12 frames (12 queue-full)",
  ]);
  fullness.end(41_000);
  assertEquals(told.splice(0), ["1: its VM takes frames again after 40.0 s, nothing dropped"]);
  assertEquals([cells[row + Column.fullMs], cells[row + Column.fullMost]], [40_000, 40_000]);
  const next = new Fullness(host, 1);
  next.begin(42_000);
  next.last(50_000, 1);
  next.end(60_000);
  assertEquals(told, []);
  next.begin(70_000);
  next.last(101_001, 1);
  assertMatch(told[0], /has been full for 31.0 s: 1 frame waits, nothing dropped/);
});

Deno.test("Fullness counts no time in which there is nothing to try a VM with", () => {
  const { told, cells, row, fullness } = fullnessLab();
  fullness.begin(1000);
  fullness.last(3000, 1);
  fullness.rest(6000);
  fullness.resume(3_606_000);
  fullness.end(3_606_500);
  assertEquals(told[1], "1: its VM takes frames again after 5.5 s, nothing dropped");
  assertEquals([cells[row + Column.fullMs], cells[row + Column.fullMost]], [5500, 5500]);
  fullness.begin(3_700_000);
  fullness.rest(3_700_100);
  fullness.end(3_800_000); // by an event, with nothing to take
  assertEquals(cells[row + Column.fullMs], 5600);
  fullness.begin(3_800_000);
  fullness.end(3_800_001);
  assertEquals(told.length, 3, "what was told while it lasted concerns that time only");
});

for (const system of ["Linux", "Darwin"] as const) {
  Deno.test(`${system}: ENOBUFS is counted, retried by the timer alone, and told with its microseconds`, () => {
    const kernel = system === "Linux"
      ? new CountingKernel({ bufferLimit: 4 << 20 })
      : asCountingKernel(new FakeDarwin());
    const lab = new FakeSwitch({}, kernel).open(
      { name: "a", target: "/run/a" },
      { name: "b", target: "/run/b" },
    );
    const a = kernel.peerDgram("/run/a", { bind: "/run/vm-a" });
    const b = kernel.peerDgram("/run/b", { bind: "/run/vm-b" });
    a.send(frame(1, BROADCAST));
    b.send(frame(2, BROADCAST));
    lab.settle();
    b.receive();
    kernel.faults.on("writable", {}); // every one is lost
    for (let nth = 1; nth <= 3; nth++) kernel.faults.on("send", { nth, error: Errno.ENOBUFS });
    a.send(frame(1, 2, 5));
    const waits = kernel.callsOf("wait");
    lab.run(10);
    assertEquals(tagsOf(b.receive()), [5]);
    const counts = ["retries", "fulls", "fullsOver", "queue-full"] as const;
    assertEquals(counts.map((column) => lab.count("b", column)), [3, 1, 1, 0]);
    // A kqueue that is asked for WRITE answers at once, as a byte is free; that try is for nothing, and puts off none of
    // the others: after 50, 100 and 200 us.
    const ms = lab.count("b", "fullMs");
    const least = system === "Linux" ? 0.34 : 0.14;
    assertEquals([ms > least, ms < 0.4, lab.count("b", "fullMost") === ms], [true, true, true]);
    assertMatch(
      lab.text("b"),
      /its VM was full \(ENOBUFS\) 1 time and refused 3 sends; .* [123]\d\d us at most/,
    );
    assertEquals(kernel.callsOf("wait") - waits < 20, true, "it does not spin");
    lab.assertBalanced();
    lab.stop();
  });
}
