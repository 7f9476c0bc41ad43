/**
 * Sending a batch of datagrams, one frame each.
 *
 * @module
 */
import { Fault, judge } from "../platform/errno.ts";
import { MESSAGES } from "./batch.ts";
import { type Switch, TX_GONE } from "./port.ts";
import type { MessageTable } from "../platform/vectors.ts";

/** Calls in a row that may be interrupted or fail for no reason before the frames wait for the retry timer. */
const RETRIES = 3;

/**
 * Send frames `from` .. `count - 1` by the table, whose addresses (if it has any) are set.
 *
 * @returns how many were taken or dropped for good, from the first on; {@linkcode TX_GONE}
 */
export function sendDatagrams(
  host: Switch,
  fd: number,
  row: number,
  table: MessageTable,
  at: Int32Array,
  length: Int32Array,
  from: number,
  count: number,
): number {
  let done = from;
  while (done < count) {
    const batch = Math.min(MESSAGES, count - done);
    for (let i = 0; i < batch; i++) table.set(i, at[done + i], length[done + i]);
    let sent = 0, tries = 0;
    while (sent < batch) {
      host.tally.txCall(row);
      const n = host.kernel.send(fd, table, sent, batch - sent);
      if (n > 0) {
        let bytes = 0;
        for (let i = sent; i < sent + n; i++) bytes += length[done + i];
        host.tally.sent(row, n, bytes);
        sent += n;
        continue;
      }
      const fault = n === 0 ? Fault.AGAIN : judge(n);
      if (fault === Fault.FRAME) {
        host.tally.refused(row);
        sent++;
      } else if (fault === Fault.RETRY && tries < RETRIES) tries++;
      else if (fault === Fault.PEER || fault === Fault.BROKEN) {
        // What went out is told first; the next call finds the peer gone again and nothing else.
        return done + sent > from ? done + sent - from : TX_GONE;
      } else {
        host.tally.retry(row);
        return done + sent - from;
      }
    }
    done += batch;
  }
  return done - from;
}
