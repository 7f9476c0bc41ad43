/**
 * Frames that a guest transmits, from its ring to the batch.
 *
 * A frame stays in the guest's memory. What the switch needs of it is copied to a slot (frame/scatter.ts),
 * once, and everything is decided by that copy: the vnet header, which is judged and made canonical there,
 * and the Ethernet header with its first tag. The guest may do with its own what it likes.
 *
 * @module
 */
import { Headers } from "../../frame/headers.ts";
import { SCATTER_SLOTS } from "../../frame/scatter.ts";
import { acceptVnet, Verdict } from "../../offload/accept.ts";
import { HEADROOM } from "../batch.ts";
import { MAX_FRAME } from "../config.ts";
import type { Port, Switch } from "../port.ts";
import { copyWords } from "./copy_words.ts";
import { CHAIN_BUFFERS } from "./ring.ts";
import type { TransmitRing } from "./transmit_ring.ts";

/** Bytes of a frame that are copied: Ethernet header and first tag, in whole words. */
const HEAD_BYTES = 20;
/** Byte of the GSO type in the first word of a vnet header. */
const GSO_TYPE = 0xff00;
/** `num_buffers` of 1 in the last word of a header of 12 bytes. */
const ONE_BUFFER = 0x0001_0000;
/** In the row of verdicts: longer than any frame. */
const TOO_LONG = -1;

/** Reads for one port; see {@linkcode Intake.read}. */
export class Intake {
  readonly #switch: Switch;
  readonly #port: Port;
  readonly #view: DataView;
  readonly #headers = new Headers();

  constructor(host: Switch, port: Port) {
    this.#switch = host;
    this.#port = port;
    this.#view = host.kernel.arena.view;
  }

  /**
   * Fill the batch with what the ring has, as much as fits. Frames that are refused are counted and done with, those
   * in the batch wait in the ring for {@linkcode TransmitRing.finish}ed chains to be published.
   *
   * @returns chains that were finished, whether they made frames or not; or a fault of the ring, with what is in
   *   front of it in the batch
   */
  read(ring: TransmitRing): number {
    const { batch, memory: { scatter } } = this.#switch;
    batch.count = 0;
    batch.solid = false;
    batch.scattered = true;
    scatter.begin();
    const available = ring.count();
    const most = Math.min(available, SCATTER_SLOTS), room = scatter.pieceAt.length - CHAIN_BUFFERS;
    let chains = 0;
    for (; chains < most && scatter.pieces < room; chains++) {
      const bytes = ring.take(scatter);
      if (bytes < 0) return bytes;
      const verdict = this.#show(batch.count, bytes);
      if (verdict === Verdict.OK) batch.count++;
      // Frames may be given back to the ring: only what stands at its head can be refused for good.
      else if (batch.count > 0) break;
      else this.#refuse(verdict, bytes);
      ring.finish();
    }
    return available < 0 ? available : chains;
  }

  /** Show the frame of the last pieces, of `bytes` bytes with its header, at a slot; returns a verdict. */
  #show(slot: number, bytes: number): number {
    const { batch, memory: { scatter } } = this.#switch, view = this.#view;
    const { vnetHdr, sends } = this.#port.config;
    const length = bytes - vnetHdr, first = scatter.first[slot];
    scatter.first[slot + 1] = scatter.pieces;
    if (length <= 0) return Verdict.SHORT;
    if (length > MAX_FRAME) return TOO_LONG;
    const at = scatter.at(slot), hdr = at - vnetHdr;
    view.setUint32(hdr - HEADROOM, bytes);
    batch.at[slot] = at;
    batch.length[slot] = length;
    const from = scatter.pieceAt[first];
    if (scatter.pieceLength[first] >= vnetHdr + HEAD_BYTES) {
      scatter.pieceAt[first] = from + vnetHdr;
      scatter.pieceLength[first] -= vnetHdr;
      copyWords(view, hdr, from, vnetHdr);
      copyWords(view, at, from + vnetHdr, HEAD_BYTES);
      scatter.head[slot] = HEAD_BYTES;
    } else this.#assemble(slot, hdr, at, length);
    const word = view.getInt32(hdr, true);
    if (
      (word | view.getInt32(hdr + 4, true) | view.getUint16(hdr + 8, true)) !== 0
    ) {
      // Cutting is judged by all headers of the frame.
      if ((word & GSO_TYPE) !== 0) scatter.expose(at, length, this.#headers);
      return acceptVnet(view, hdr, vnetHdr as 10 | 12, at, length, sends, this.#headers);
    }
    if (vnetHdr === 12) view.setInt32(hdr + 8, ONE_BUFFER, true);
    return Verdict.OK;
  }

  /** Copy header and head of a frame whose first buffer does not hold both, and take the header off the pieces. */
  #assemble(slot: number, hdr: number, at: number, length: number): void {
    const { memory: { scatter }, kernel: { arena: { u8 } } } = this.#switch;
    const { pieceAt, pieceLength } = scatter, end = scatter.pieces;
    const wanted = at + Math.min(length, HEAD_BYTES);
    let to = hdr, i = scatter.first[slot], kept = i;
    for (; i < end; i++) {
      const from = pieceAt[i], bytes = pieceLength[i];
      const copied = Math.max(0, Math.min(bytes, wanted - to));
      if (copied > 0) u8.copyWithin(to, from, from + copied);
      const ofHeader = Math.max(0, Math.min(bytes, at - to));
      to += copied;
      if (ofHeader === bytes) continue;
      pieceAt[kept] = from + ofHeader;
      pieceLength[kept++] = bytes - ofHeader;
    }
    scatter.pieces = scatter.first[slot + 1] = kept;
    scatter.head[slot] = wanted - at;
  }

  #refuse(verdict: number, bytes: number): void {
    const { memory: { scatter }, tally } = this.#switch, { vnetHdr } = this.#port.config;
    if (verdict === TOO_LONG) tally.lost(this.#port.row, "oversize", 1, bytes - vnetHdr);
    else this.#switch.misdeclared(this.#port, verdict, scatter.at(0) - vnetHdr, bytes);
    scatter.begin();
  }
}
