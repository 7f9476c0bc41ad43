/**
 * A batch: the frames of one read, and the memory they are read into.
 *
 * The switch runs each batch to completion before the next is read, so there is one batch, one set of
 * receive slots and one stream window for all ports. That keeps the working set in the cache however
 * many ports there are, and lets unicast and flood hand out the same (at, length) without counting
 * references.
 *
 * @module
 */
import { Scatter, SCATTER_BYTES } from "../frame/scatter.ts";
import type { Abi } from "../platform/abi.ts";
import type { Arena } from "../platform/arena.ts";
import { MessageTable, Vector } from "../platform/vectors.ts";
import { NO_OFFLOAD, type Policy } from "../offload/policy.ts";
import { MAX_FRAME } from "./config.ts";

/**
 * Every frame in the arena has its length in front of it, 32 bits big-endian, whatever it came by: a
 * stream delivers it, a datagram port stores it, a queue keeps it. So a stream sends frames as they lie.
 * On a port with a vnet header that header stands between the two and is counted in the length.
 */
export const HEADROOM = 4;
/** Frames of one batch: what one stream read holds at 64 bytes a frame. */
export const BATCH_FRAMES = 4096;
/** Datagrams of one system call: beyond 64 the cost of a frame no longer falls (measured, bench/wire.ts). */
export const MESSAGES = 64;
/** Bytes of one stream read. */
export const WINDOW_BYTES = 256 * 1024;
/** Longest vnet header. */
export const VNET_BYTES = 12;
/** Longest frame with what stands in front of it. */
export const RECORD_BYTES = HEADROOM + VNET_BYTES + MAX_FRAME;
/** Room in front of the window for a cut frame; whole pages, since the kernel copies faster to aligned memory. */
const WINDOW_HEAD_BYTES = Math.ceil(RECORD_BYTES / 4096) * 4096;
/** Entries of one gathered write (IOV_MAX of Linux and Darwin). */
export const PIECES = 1024;

/**
 * Distance of two receive slots. Room for the longest frame, what stands in front of it and one byte more (a
 * datagram that fills it was longer); and no multiple of the page size, or the headers of all slots would compete
 * for the same cache set.
 */
const SLOT_BYTES = MAX_FRAME + 256;
const SLOT_HEADROOM = 64;

/** The frames of one read: `at[i]`, `length[i]` for i < count. */
export class Batch {
  readonly at: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly length: Int32Array = new Int32Array(BATCH_FRAMES);
  count = 0;
  /** The frames lie one after the other, as a stream delivers them: any part of them is one piece. */
  solid = false;
  /** The frames are a guest's, and mostly not where they seem to be: see {@linkcode Scatter}. */
  scattered = false;
  /** Policy of the port the frames came by. */
  policy: Policy = NO_OFFLOAD;

  /** Add a frame, behind `lead` bytes of vnet header, whose length is not in front of it yet. */
  add(view: DataView, at: number, length: number, lead: number): void {
    this.solid = false;
    view.setUint32(at - lead - HEADROOM, lead + length);
    this.at[this.count] = at;
    this.length[this.count++] = length;
  }
}

/** Somebody who keeps the start of a cut frame in the window between two reads. */
export interface WindowUser {
  /** Another stream is about to read: take what is yours out of the window. */
  leaveWindow(): void;
}

/** Memory that ports receive into and tables they send from, shared by all ports of one engine. */
export class Memory {
  /** Datagram slots; the table's entries point at them. */
  readonly rx: MessageTable;
  /** The same slots with room for the sender's address. */
  readonly rxNamed: MessageTable;
  readonly tx: MessageTable;
  readonly txNamed: MessageTable;
  /** For frames of more than one piece, {@linkcode PIECES} in a call. */
  readonly txGather: MessageTable;
  readonly txGatherNamed: MessageTable;
  /** Frames of guests whose memory we share. */
  readonly scatter: Scatter;
  /** Pieces of a gathered stream write. */
  readonly pieces: Vector;
  /** Stream reads go here; in front of it is room for the frame that the last read has cut. */
  readonly window: number;
  /** Offset of the frame of slot i. */
  readonly slot: Int32Array = new Int32Array(MESSAGES);
  /** Most bytes a slot can hold. */
  readonly slotBytes = VNET_BYTES + MAX_FRAME + 1;
  #user: WindowUser | undefined;

  constructor(arena: Arena, abi: Abi) {
    this.rx = new MessageTable(arena, abi, MESSAGES, false);
    this.rxNamed = new MessageTable(arena, abi, MESSAGES, true);
    this.tx = new MessageTable(arena, abi, MESSAGES, false);
    this.txNamed = new MessageTable(arena, abi, MESSAGES, true);
    this.txGather = new MessageTable(arena, abi, MESSAGES, false, PIECES);
    this.txGatherNamed = new MessageTable(arena, abi, MESSAGES, true, PIECES);
    this.pieces = new Vector(arena, PIECES);
    this.scatter = new Scatter(arena.view, arena.u8, arena.take(SCATTER_BYTES));
    const slots = arena.take(MESSAGES * SLOT_BYTES);
    for (let i = 0; i < MESSAGES; i++) {
      this.slot[i] = slots + i * SLOT_BYTES + SLOT_HEADROOM;
      this.rx.set(i, this.slot[i], this.slotBytes);
      this.rxNamed.set(i, this.slot[i], this.slotBytes);
    }
    this.window = arena.take(WINDOW_HEAD_BYTES + WINDOW_BYTES) + WINDOW_HEAD_BYTES;
  }

  /** Have the window for a read. */
  takeWindow(user: WindowUser): void {
    if (this.#user === user) return;
    this.#user?.leaveWindow();
    this.#user = user;
  }

  /** Have nothing in the window any more. */
  freeWindow(user: WindowUser): void {
    if (this.#user === user) this.#user = undefined;
  }
}
