/**
 * Frames for a guest, into the buffers of its ring: the one copy there is between two guests.
 *
 * Three kinds come here: frames as they lie behind their vnet header (of sockets and queues), frames in
 * another guest's memory (frame/scatter.ts), and frames of a gather, whose first piece begins with the
 * header. The header is always in memory of ours, canonical, and says that one buffer holds the frame; for
 * a frame in several it says how many while it is copied.
 *
 * @module
 */
import {
  copyFew,
  copyHead,
  FEW_BYTES,
  HEAD_BYTES,
  offsetOf,
  type Windows,
} from "../../frame/windows.ts";
import { Vnet } from "../../frame/vnet.ts";
import type { Gather } from "../../offload/gather.ts";
import { VNET_BYTES } from "../batch.ts";
import type { Port, Switch } from "../port.ts";
import { type ReceiveRing, Room } from "./receive_ring.ts";
import { SpreadWriter } from "./spread.ts";

/** How long a frame may wait for more buffers while there are some, but too few, in ms. */
const PATIENCE_MS = 100;

/** Frames that buffers are claimed for at once. */
const CLAIMS = 64;

/** Delivers for one port; see {@linkcode Port.tx}. */
export class Delivery {
  /** The fault of the ring that ended the last call; 0 without one. */
  fault = 0;
  readonly #switch: Switch;
  readonly #port: Port;
  readonly #view: DataView;
  readonly #u8: Uint8Array;
  readonly #windows: Windows;
  readonly #writer: SpreadWriter;
  /** Where frames are to be copied to: found out for many at once, as what is read for it is the guest's core's. */
  readonly #places = new Float64Array(CLAIMS);
  /** The chain that is too short for the next frame, and since when it is, in ms. */
  #stalledAt = -1;
  #stalledSince = 0;

  /** @param windows of the arena */
  constructor(host: Switch, port: Port, windows: Windows) {
    this.#windows = windows;
    this.#switch = host;
    this.#port = port;
    this.#view = host.kernel.arena.view;
    this.#u8 = host.kernel.arena.u8;
    this.#writer = new SpreadWriter(this.#u8);
  }

  /** Deliver frames `from` .. `count - 1`; returns how many were taken or dropped for good, from the first on. */
  send(
    ring: ReceiveRing,
    at: Int32Array,
    length: Int32Array,
    from: number,
    count: number,
  ): number {
    const { vnetHdr } = this.#port.config, { memory: { scatter } } = this.#switch;
    const u8 = this.#u8, places = this.#places;
    let i = from, sent = 0, bytes = 0;
    this.fault = 0;
    while (i < count) {
      const claimed = ring.claim(length, i, Math.min(count, i + CLAIMS), vnetHdr, places);
      for (let k = 0; k < claimed; k++, i++) {
        const frame = at[i], size = length[i];
        if (scatter.holds(frame)) this.#copy(places[k], frame, size, vnetHdr);
        else u8.copyWithin(places[k], frame - vnetHdr, frame + size);
        bytes += size;
      }
      sent += claimed;
      if (i === count || claimed === CLAIMS) continue;
      const room = this.#reserve(ring, vnetHdr + length[i]);
      if (room >= 0) {
        this.#spread(ring, at[i], length[i], vnetHdr);
        sent++;
        bytes += length[i];
      } else if (room !== Room.NEVER) break;
      i++;
    }
    if (sent > 0) this.#switch.tally.sent(this.#port.row, sent, bytes);
    return i - from;
  }

  /** Copy a frame that is in another guest's memory, and the header in front of it, to `to`. */
  #copy(to: number, frame: number, size: number, vnetHdr: number): void {
    const { memory: { scatter } } = this.#switch, slot = scatter.slotOf(frame);
    const head = scatter.head[slot], first = scatter.first[slot], rest = size - head;
    if (vnetHdr + head !== HEAD_BYTES || scatter.end[slot] - first !== 1) {
      this.#u8.copyWithin(to, frame - vnetHdr, frame + head);
      return scatter.copyRest(to + vnetHdr, frame, size);
    }
    const from = scatter.pieceAt[first] + head;
    const toView = this.#windows.at(to), toAt = offsetOf(to);
    copyHead(toView, toAt, this.#view, frame - vnetHdr);
    if (rest > FEW_BYTES) this.#u8.copyWithin(to + HEAD_BYTES, from, from + rest);
    else copyFew(toView, toAt + HEAD_BYTES, this.#windows.at(from), offsetOf(from), rest);
  }

  /** Deliver the frames of a gather, as {@linkcode send}. */
  sendGather(ring: ReceiveRing, gather: Gather): number {
    const { vnetHdr } = this.#port.config, { frames, first, size, pieceAt, pieceLength } = gather;
    let i = 0, sent = 0, bytes = 0;
    this.fault = 0;
    for (; i < frames; i++) {
      const end = first[i + 1];
      if (ring.claim(size, i, i + 1, 0, this.#places) === 0) {
        const room = this.#reserve(ring, size[i]);
        if (room === Room.NEVER) continue;
        if (room < 0) break;
        this.#setBuffers(pieceAt[first[i]], vnetHdr, ring.chains);
        this.#writer.begin();
        for (let k = first[i]; k < end; k++) this.#writer.add(ring, pieceAt[k], pieceLength[k]);
        this.#setBuffers(pieceAt[first[i]], vnetHdr, 1);
        ring.useSpread();
      } else {
        let place = this.#places[0];
        for (let k = first[i]; k < end; k++) {
          this.#u8.copyWithin(place, pieceAt[k], pieceAt[k] + pieceLength[k]);
          place += pieceLength[k];
        }
      }
      sent++;
      bytes += size[i] - vnetHdr;
    }
    if (sent > 0) this.#switch.tally.sent(this.#port.row, sent, bytes);
    return i;
  }

  /** Have the ring list buffers for `bytes` bytes; 0, or why not: {@linkcode Room.NEVER} is counted. */
  #reserve(ring: ReceiveRing, bytes: number): number {
    let room = ring.spread(bytes);
    if (room === Room.NONE && ring.buffers > 0 && this.#isStalled(ring)) room = Room.NEVER;
    if (room === Room.NEVER) this.#switch.tally.refused(this.#port.row);
    else if (room < 0 && room !== Room.NONE) this.fault = room;
    return room;
  }

  /** True when the guest has long given no more buffers, though what it has given is too little. */
  #isStalled(ring: ReceiveRing): boolean {
    const { now } = this.#switch;
    if (this.#stalledAt !== ring.next) {
      this.#stalledAt = ring.next;
      this.#stalledSince = now;
    }
    return now - this.#stalledSince > PATIENCE_MS;
  }

  /** Write one frame, and the header in front of it, to the buffers that were listed. */
  #spread(ring: ReceiveRing, frame: number, size: number, vnetHdr: number): void {
    const { memory: { scatter } } = this.#switch, hdr = frame - vnetHdr, writer = this.#writer;
    this.#setBuffers(hdr, vnetHdr, ring.chains);
    writer.begin();
    if (!scatter.holds(frame)) writer.add(ring, hdr, vnetHdr + size);
    else {
      const slot = scatter.slotOf(frame), head = scatter.head[slot];
      writer.add(ring, hdr, vnetHdr + head);
      let skip = head;
      for (let k = scatter.first[slot]; k < scatter.end[slot]; k++) {
        const bytes = scatter.pieceLength[k], left = Math.max(0, bytes - skip);
        writer.add(ring, scatter.pieceAt[k] + bytes - left, left);
        skip -= bytes - left;
      }
    }
    this.#setBuffers(hdr, vnetHdr, 1);
    ring.useSpread();
  }

  /** Say in the header at `hdr` over how many chains the frame is spread (virtio 1.2, 5.1.6.4). */
  #setBuffers(hdr: number, vnetHdr: number, chains: number): void {
    if (vnetHdr === VNET_BYTES) this.#view.setUint16(hdr + Vnet.NUM_BUFFERS, chains, true);
  }
}
