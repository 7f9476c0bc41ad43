/**
 * The other thread of counters_test.ts: publishes rows in which all cells are equal.
 *
 * @module
 */
/// <reference lib="webworker" />
import { COLUMNS, Counters } from "../../src/engine/counters.ts";

interface Order {
  readonly shared: SharedArrayBuffer;
  readonly rows: number;
  readonly milliseconds: number;
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  const counters = new Counters(data.shared);
  counters.cover(data.rows);
  self.postMessage("writing");
  const deadline = performance.now() + data.milliseconds;
  for (let n = 1; performance.now() < deadline; n++) {
    counters.cells.fill(n, 0, data.rows * COLUMNS);
    counters.publish();
    // The engine publishes every 20 ms at most; a reader needs a moment between two publications.
    const pause = performance.now() + 0.2;
    while (performance.now() < pause);
  }
};
