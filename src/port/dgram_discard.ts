/**
 * Emptying a datagram socket that is about to be closed: a QEMU that finds its frames unread would spin.
 *
 * @module
 */
import { MESSAGES } from "./batch.ts";
import type { Switch } from "./port.ts";

/** Batches read from a socket that is about to be closed or changes hands; more would let a VM hold us. */
export const DRAIN_BATCHES = 64;

/** Read and drop what waits; it is counted as received and dropped on `row`. */
export function discardDatagrams(host: Switch, fd: number, row: number): void {
  const { kernel, memory, tally } = host;
  for (let i = 0; i < DRAIN_BATCHES && kernel.now() < host.discardUntil; i++) {
    const n = kernel.receive(fd, memory.rx, MESSAGES);
    if (n <= 0) return;
    for (let m = 0; m < n; m++) tally.lost(row, "closing", 1, memory.rx.received(m));
  }
}
