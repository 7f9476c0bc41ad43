/**
 * The ring a guest transmits by: chains of buffers with a vnet header and a frame.
 *
 * Nothing is copied here. Chains that were taken are written to the used ring at once, but the driver sees
 * that only when it is published, and that is after their frames have been forwarded: what this process had not
 * finished when it was killed is still in the ring for the next one.
 *
 * @module
 */
import { type Scatter, SCATTER_SLOTS } from "../../frame/scatter.ts";
import { CHAIN_BUFFERS, INDIRECT, NEXT, Ring, RingFault, WRITE } from "./ring.ts";

/** Descriptors of chains that are walked for one batch: empty ones make no pieces, and take as long. */
const WALKS = 2048;
/** Flags of a descriptor that is not a single buffer to be read. */
const KINDS = NEXT | INDIRECT | WRITE;

/** See the head of this file. */
export class TransmitRing extends Ring {
  /** Heads of the chains that were taken. */
  readonly #heads = new Int32Array(SCATTER_SLOTS);

  /** The fault that ended the last {@linkcode take}; 0 without one. */
  fault = 0;

  /**
   * List the buffers of the first `chains` chains that are available: those of chain `k` as the pieces of slot `k`, as
   * long as there is room for pieces. They stay available until they are {@linkcode finish}ed.
   *
   * @param bytes of each chain
   * @returns how many chains, from the first on
   */
  take(chains: number, scatter: Scatter, bytes: Float64Array): number {
    const { desc, avail, memory, mask, size, next } = this, heads = this.#heads;
    const { pieceAt, pieceLength, first, end } = scatter, most = pieceAt.length - CHAIN_BUFFERS;
    let piece = scatter.pieces, k = 0, walked = 0;
    this.fault = 0;
    for (; k < chains && piece < most && walked < WALKS; k++) {
      const head = avail[2 + ((next + k) & mask)];
      if (head >= size) {
        this.fault = RingFault.INDEX;
        break;
      }
      const length = desc[head * 4 + 2] >>> 0;
      heads[k] = head;
      first[k] = piece;
      if ((desc[head * 4 + 3] & KINDS) !== 0 || length === 0) {
        const behind = this.walk(head, 0, pieceAt, pieceLength, piece);
        if (behind < 0) {
          this.fault = behind;
          break;
        }
        walked += this.walked;
        bytes[k] = sum(pieceLength, piece, behind);
        piece = behind;
      } else {
        const address = (desc[head * 4] >>> 0) + (desc[head * 4 + 1] >>> 0) * 0x1_0000_0000;
        const place = memory.locate(address, length);
        if (place < 0) {
          this.fault = RingFault.MEMORY;
          break;
        }
        pieceAt[piece] = place;
        pieceLength[piece++] = bytes[k] = length;
      }
      end[k] = piece;
    }
    scatter.pieces = piece;
    return k;
  }

  /** The first `chains` chains are done with. */
  finish(chains: number): void {
    for (let k = 0; k < chains; k++) {
      const element = ((this.usedNext + k) & this.mask) * 2;
      this.elements[element] = this.#heads[k];
      this.elements[element + 1] = 0;
    }
    this.usedNext = (this.usedNext + chains) & 0xffff;
    this.next = (this.next + chains) & 0xffff;
  }

  /** The last `chains` chains were not done with after all. */
  giveBack(chains: number): void {
    this.usedNext = (this.usedNext - chains) & 0xffff;
    this.next = (this.next - chains) & 0xffff;
  }
}

/** Sum of entries `from` .. `to - 1`: small integers do not hold it. */
function sum(list: Int32Array, from: number, to: number): number {
  let all = 0;
  for (let i = from; i < to; i++) all += list[i];
  return all;
}
