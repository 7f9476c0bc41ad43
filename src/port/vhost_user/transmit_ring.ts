/**
 * The ring a guest transmits by: chains of buffers with a vnet header and a frame.
 *
 * Nothing is copied here. A chain that was taken is written to the used ring at once, but the driver sees
 * that only when it is published, and that is after its frame has been forwarded: what this process had not
 * finished when it was killed is still in the ring for the next one.
 *
 * @module
 */
import type { Scatter } from "../../frame/scatter.ts";
import { INDIRECT, NEXT, Ring, RingFault, WRITE } from "./ring.ts";

/** See the head of this file. */
export class TransmitRing extends Ring {
  /**
   * List the buffers of the next chain as pieces of the scatter, behind those it has. One has to be available.
   * The chain stays the next until it is {@linkcode finish}ed.
   *
   * @returns bytes of all of them, or a {@linkcode RingFault}
   */
  take(scatter: Scatter): number {
    const { desc, memory } = this, head = this.avail[2 + (this.next & this.mask)];
    if (head >= this.size) return RingFault.INDEX;
    const word = desc[head * 4 + 3], bytes = desc[head * 4 + 2] >>> 0;
    if ((word & (NEXT | INDIRECT | WRITE)) !== 0 || bytes === 0) {
      return this.#takeChain(scatter, head);
    }
    const address = (desc[head * 4] >>> 0) + (desc[head * 4 + 1] >>> 0) * 0x1_0000_0000;
    const place = memory.locate(address, bytes);
    if (place < 0) return RingFault.MEMORY;
    scatter.pieceAt[scatter.pieces] = place;
    scatter.pieceLength[scatter.pieces++] = bytes;
    this.elements[(this.usedNext & this.mask) * 2] = head;
    return bytes;
  }

  /** The chain that was taken is done with. */
  finish(): void {
    this.elements[(this.usedNext & this.mask) * 2 + 1] = 0;
    this.usedNext = (this.usedNext + 1) & 0xffff;
    this.next = (this.next + 1) & 0xffff;
  }

  /** The last `chains` chains were not done with after all. */
  giveBack(chains: number): void {
    this.usedNext = (this.usedNext - chains) & 0xffff;
    this.next = (this.next - chains) & 0xffff;
  }

  #takeChain(scatter: Scatter, head: number): number {
    const { pieceAt, pieceLength } = scatter, from = scatter.pieces;
    const to = this.walk(head, 0, pieceAt, pieceLength, from);
    if (to < 0) return to;
    let bytes = 0;
    for (let i = from; i < to; i++) bytes += pieceLength[i];
    scatter.pieces = to;
    this.elements[(this.usedNext & this.mask) * 2] = head;
    return bytes;
  }
}
