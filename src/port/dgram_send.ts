/**
 * Sending a batch of datagrams, one frame each.
 *
 * @module
 */
import type { Gather } from "../offload/gather.ts";
import { Fault, judge } from "../platform/errno.ts";
import type { MessageTable } from "../platform/vectors.ts";
import { MESSAGES, PIECES } from "./batch.ts";
import { type Port, type Switch, TX_GONE } from "./port.ts";
import { RETRIES } from "./retries.ts";

/** Sends for one port; see {@linkcode Port.tx}. */
export class DgramSender {
  readonly #switch: Switch;
  readonly #port: Port;
  /** Bytes of vnet header in front of each frame. */
  readonly #lead: number;

  constructor(host: Switch, port: Port) {
    this.#switch = host;
    this.#port = port;
    this.#lead = port.config.vnetHdr;
  }

  /** Send frames `from` .. `count - 1` by the table, whose addresses (if it has any) are set. */
  send(
    fd: number,
    table: MessageTable,
    at: Int32Array,
    length: Int32Array,
    from: number,
    count: number,
  ): number {
    const lead = this.#lead;
    let done = from;
    while (done < count) {
      const batch = Math.min(MESSAGES, count - done);
      for (let i = 0; i < batch; i++) table.set(i, at[done + i] - lead, lead + length[done + i]);
      const sent = this.#sendTable(fd, table, batch, length, done, 0);
      if (sent === TX_GONE) return done > from ? done - from : TX_GONE;
      done += sent;
      if (sent < batch) break;
    }
    return done - from;
  }

  /** Send the frames of a gather by the table, whose messages may have several pieces each. */
  sendGather(fd: number, table: MessageTable, gather: Gather): number {
    const { frames, first } = gather;
    let done = 0;
    while (done < frames) {
      const start = first[done];
      let batch = 0;
      while (
        batch < MESSAGES && done + batch < frames && first[done + batch + 1] - start <= PIECES
      ) {
        const piece = first[done + batch];
        table.setPieces(batch++, piece - start, first[done + batch] - piece);
      }
      for (let piece = start; piece < first[done + batch]; piece++) {
        table.vector.setFar(piece - start, gather.pieceAt[piece], gather.pieceLength[piece]);
      }
      const sent = this.#sendTable(fd, table, batch, gather.size, done, this.#lead);
      if (sent === TX_GONE) return done > 0 ? done : TX_GONE;
      done += sent;
      if (sent < batch) break;
    }
    return done;
  }

  /**
   * Send messages 0 .. `batch - 1`; message `i` is a frame of `length[done + i] - lead` bytes.
   *
   * @returns how many were taken or dropped for good, from the first on; {@linkcode TX_GONE}
   */
  #sendTable(
    fd: number,
    table: MessageTable,
    batch: number,
    length: Int32Array,
    done: number,
    lead: number,
  ): number {
    const { kernel, tally } = this.#switch, row = this.#port.row;
    let sent = 0, tries = 0;
    while (sent < batch) {
      tally.txCall(row);
      const n = kernel.send(fd, table, sent, batch - sent);
      if (n > 0) {
        let bytes = 0;
        for (let i = sent; i < sent + n; i++) bytes += length[done + i] - lead;
        tally.sent(row, n, bytes);
        sent += n;
        continue;
      }
      const fault = n === 0 ? Fault.AGAIN : judge(n);
      if (fault === Fault.FRAME) {
        tally.refused(row);
        sent++;
      } else if (fault === Fault.RETRY && tries < RETRIES) tries++;
      else if (fault === Fault.PEER || fault === Fault.BROKEN) {
        // What went out is told first; the next call finds the peer gone again and nothing else.
        return sent > 0 ? sent : TX_GONE;
      } else {
        tally.retry(row, -n);
        break;
      }
    }
    return sent;
  }
}
