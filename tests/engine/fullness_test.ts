/**
 * What is counted and told of a VM that takes no frames for a while.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Column, COLUMNS, dropColumn } from "../../src/engine/counters.ts";
import { Fullness } from "../../src/engine/fullness.ts";
import { Errno } from "../../src/platform/errno.ts";
import { asCountingKernel, FakeDarwin } from "../support/fake_darwin.ts";
import { CountingKernel } from "../support/counting_kernel.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

Deno.test("Fullness counts each time, its length and the longest, and tells the sum once a minute", () => {
  const cells = new Float64Array(3 * COLUMNS), row = COLUMNS;
  const fullness = new Fullness(cells, 1);
  const full = (at: number, ms: number, tries: number) => {
    fullness.begin(at);
    cells[row + Column.retries] += tries;
    return fullness.end(at + ms);
  };
  assertEquals(
    full(1000, 0.436, 3),
    "its VM was full 1 time: 3 sends refused, it took frames again after 436 us on average " +
      "and 436 us at most, 0 frames dropped (queue-full)",
  );
  assertEquals(full(2000, 2, 1), undefined);
  cells[row + dropColumn("queue-full")] += 7;
  assertEquals(full(3000, 1, 1), undefined);
  assertMatch(
    full(61_001, 0.5, 2)!,
    /full 3 times: 4 sends refused, .* 1167 us on average and 2000 us at most, 7 frames dropped/,
  );
  assertMatch(full(130_000, 0.25, 1)!, /full 1 time: 1 send refused.* 250 us at most, 0 frames/);
  const counted = [Column.fulls, Column.fullsOver, Column.fullMs, Column.fullMost];
  assertEquals(
    counted.map((column) => Math.round(cells[row + column] * 1000)),
    [5000, 5000, 4186, 2000],
  );
  assertEquals(cells.subarray(0, COLUMNS).some((cell) => cell !== 0), false);
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
    // 50, 100 and 200 us; a kqueue that is asked for WRITE answers at once, as a byte is free: one try is for nothing.
    const ms = lab.count("b", "fullMs");
    const least = system === "Linux" ? 0.34 : 0.29;
    assertEquals([ms > least, ms < 0.4, lab.count("b", "fullMost") === ms], [true, true, true]);
    assertMatch(lab.text("b"), /its VM was full 1 time: 3 sends refused, .* [23]\d\d us at most/);
    assertEquals(kernel.callsOf("wait") - waits < 20, true, "it does not spin");
    lab.assertBalanced();
    lab.stop();
  });
}
