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
import { copyHead, HEAD_BYTES, offsetOf, type Windows } from "../../frame/windows.ts";
import { acceptVnet, Verdict } from "../../offload/accept.ts";
import { HEADROOM, VNET_BYTES } from "../batch.ts";
import { MAX_FRAME } from "../config.ts";
import type { Port, Switch } from "../port.ts";
import type { TransmitRing } from "./transmit_ring.ts";

/** Bytes of a frame that are copied: Ethernet header and first tag. */
const FRAME_HEAD = HEAD_BYTES - VNET_BYTES;
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
  readonly #windows: Windows;
  readonly #headers = new Headers();
  /** Bytes of the chains that were taken. */
  readonly #bytes = new Float64Array(SCATTER_SLOTS);

  /** @param windows of the arena */
  constructor(host: Switch, port: Port, windows: Windows) {
    this.#windows = windows;
    this.#switch = host;
    this.#port = port;
    this.#view = host.kernel.arena.view;
  }

  /**
   * Fill the batch with what the ring has, as much as fits. Frames that are refused are counted and done with; those
   * in the batch wait in the ring for its finished chains to be published.
   *
   * Three passes, and each of them goes through all frames: what the second reads lies in lines of the cache that the
   * guest's core has just written, and a processor waits for many of these at once when nothing else is in between.
   *
   * @returns chains that were finished, whether they made frames or not; or a fault of the ring, with what is in
   *   front of it in the batch
   */
  read(ring: TransmitRing): number {
    const { batch, memory: { scatter } } = this.#switch;
    batch.count = 0;
    batch.solid = false;
    scatter.begin();
    const available = ring.count();
    if (available <= 0) return available;
    const taken = ring.take(Math.min(available, SCATTER_SLOTS), scatter, this.#bytes);
    this.#copyHeads(taken);
    const chains = this.#judgeAll(taken);
    ring.finish(chains);
    return chains === taken && ring.fault < 0 ? ring.fault : chains;
  }

  /** Copy the vnet header and the first bytes of the frames that have both in their first buffer. */
  #copyHeads(taken: number): void {
    const { memory: { scatter } } = this.#switch, view = this.#view, windows = this.#windows;
    const { pieceAt, pieceLength, first } = scatter;
    if (this.#port.config.vnetHdr !== VNET_BYTES) return;
    for (let k = 0; k < taken; k++) {
      const piece = first[k];
      if (pieceLength[piece] < HEAD_BYTES) continue;
      const from = pieceAt[piece];
      copyHead(view, scatter.at(k) - VNET_BYTES, windows.at(from), offsetOf(from));
    }
  }

  /** Judge the frames that were taken, and put those that may go on into the batch; returns chains done with. */
  #judgeAll(taken: number): number {
    const { batch, memory: { scatter } } = this.#switch, { vnetHdr } = this.#port.config;
    const bytes = this.#bytes;
    let count = 0;
    for (let k = 0; k < taken; k++) {
      const at = scatter.at(k), verdict = this.#show(k, at, bytes[k], vnetHdr);
      if (verdict === Verdict.OK) {
        batch.at[count] = at;
        batch.length[count++] = bytes[k] - vnetHdr;
      } else if (count === 0) this.#refuse(verdict, at, bytes[k]);
      else {
        // Frames may be given back to the ring: only what stands at its head can be refused for good.
        batch.count = count;
        return k;
      }
    }
    batch.count = count;
    return taken;
  }

  /** Show the frame of slot `k`, of `bytes` bytes with its header, at `at`; returns a verdict. */
  #show(k: number, at: number, bytes: number, vnetHdr: number): number {
    const { scatter } = this.#switch.memory, view = this.#view;
    const length = bytes - vnetHdr, first = scatter.first[k], hdr = at - vnetHdr;
    if (length <= 0) return Verdict.SHORT;
    if (length > MAX_FRAME) return TOO_LONG;
    view.setUint32(hdr - HEADROOM, bytes);
    if (vnetHdr === VNET_BYTES && scatter.pieceLength[first] >= HEAD_BYTES) {
      scatter.pieceAt[first] += VNET_BYTES;
      scatter.pieceLength[first] -= VNET_BYTES;
      scatter.head[k] = FRAME_HEAD;
    } else this.#assemble(k, hdr, at, length);
    const word = view.getInt32(hdr, true);
    if ((word | view.getInt32(hdr + 4, true) | view.getUint16(hdr + 8, true)) !== 0) {
      // Cutting is judged by all headers of the frame.
      if ((word & GSO_TYPE) !== 0) scatter.expose(at, length, this.#headers);
      const { sends } = this.#port.config;
      return acceptVnet(view, hdr, vnetHdr as 10 | 12, at, length, sends, this.#headers);
    }
    if (vnetHdr === VNET_BYTES) view.setInt32(hdr + 8, ONE_BUFFER, true);
    return Verdict.OK;
  }

  /** Copy header and head of any frame, whatever its first buffer holds of them, and take the header off the pieces. */
  #assemble(k: number, hdr: number, at: number, length: number): void {
    const { memory: { scatter }, kernel: { arena: { u8 } } } = this.#switch;
    const { pieceAt, pieceLength } = scatter, end = scatter.end[k];
    const wanted = at + Math.min(length, FRAME_HEAD);
    let to = hdr, kept = scatter.first[k];
    for (let i = kept; i < end; i++) {
      const from = pieceAt[i], bytes = pieceLength[i];
      const copied = Math.max(0, Math.min(bytes, wanted - to));
      if (copied > 0) u8.copyWithin(to, from, from + copied);
      const ofHeader = Math.max(0, Math.min(bytes, at - to));
      to += copied;
      if (ofHeader === bytes) continue;
      pieceAt[kept] = from + ofHeader;
      pieceLength[kept++] = bytes - ofHeader;
    }
    scatter.end[k] = kept;
    scatter.head[k] = wanted - at;
  }

  #refuse(verdict: number, at: number, bytes: number): void {
    const { row, config: { vnetHdr } } = this.#port;
    if (verdict === TOO_LONG) this.#switch.tally.lost(row, "oversize", 1, bytes - vnetHdr);
    else this.#switch.misdeclared(this.#port, verdict, at - vnetHdr, bytes);
  }
}
