/**
 * A planner for frames in the memory of a guest: as PlanLab, and what is read by it may change meanwhile.
 *
 * @module
 */
import { assert } from "@std/assert";
import { GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Scatter, SCATTER_BYTES, SCATTER_SLOTS } from "../../src/frame/scatter.ts";
import { Planner } from "../../src/offload/plan.ts";
import { needs, type Policy } from "../../src/offload/policy.ts";
import { Guest, type Lie } from "../frame/guest.ts";
import { wireOf } from "./plan_lab.ts";

const GUARD = 4096, CANARY = 0xa5, MEMORY_BYTES = 4 << 20;
const SCRATCH = GUARD, SCRATCH_END = SCRATCH + GATHER_SCRATCH;
const SLOTS = SCRATCH_END + GUARD, SLOTS_END = SLOTS + SCATTER_BYTES;
const MEMORY = SLOTS_END + GUARD;
/** Room in front of a frame, and what of it has its length. */
const LEAD = 16, LENGTH_BYTES = 4;

/** A view that calls `moment` before each read of it. */
function restlessView(buffer: ArrayBufferLike, moment: () => void): DataView {
  const view = new DataView(buffer), { getUint8, getUint16, getInt32 } = view;
  view.getUint8 = (at) => (moment(), getUint8.call(view, at));
  view.getUint16 = (at, little) => (moment(), getUint16.call(view, at, little));
  view.getInt32 = (at, little) => (moment(), getInt32.call(view, at, little));
  return view;
}

/** See the head of this file. */
export class ScatterLab {
  readonly u8: Uint8Array = new Uint8Array(MEMORY + MEMORY_BYTES).fill(CANARY);
  readonly view: DataView = new DataView(this.u8.buffer);
  readonly scatter: Scatter = new Scatter(this.view, this.u8, SLOTS);
  readonly guest: Guest = new Guest(this.view, this.u8, this.scatter, MEMORY);
  /** Called before each read of the planner. */
  moment: () => void = () => {};
  readonly planner: Planner = new Planner(
    restlessView(this.u8.buffer, () => this.moment()),
    SCRATCH,
    SCATTER_SLOTS,
    this.scatter,
  );
  readonly at: Int32Array = new Int32Array(SCATTER_SLOTS);
  readonly length: Int32Array = new Int32Array(SCATTER_SLOTS);
  /** Frames loaded, but for those that were refused. */
  count = 0;
  #lead = 0;
  /** Bytes behind the frame's place in each slot that were used, by a frame that was refused perhaps. */
  readonly #used = new Int32Array(SCATTER_SLOTS);

  /** Have the guest show frames, as they are on the wire of a port with `policy`; returns how many were refused. */
  load(wires: readonly Uint8Array[], policy: Policy, lies: readonly Lie[]): number {
    this.#clear();
    this.#lead = policy.vnetHdr;
    let refused = 0;
    wires.forEach((wire, i) => {
      const slot = this.count;
      this.#used[slot] = Math.max(this.#used[slot], wire.length - policy.vnetHdr);
      if (this.guest.show(slot, wire, policy, lies[i % lies.length]) !== 0) refused++;
      else {
        this.at[slot] = this.scatter.at(slot);
        this.length[slot] = wire.length - policy.vnetHdr;
        this.count++;
      }
    });
    return refused;
  }

  /** As PlanLab.send(). */
  send(ingress: Policy, egress: Policy, framed = false): Uint8Array[] {
    const { planner } = this, { gather } = planner, out: Uint8Array[] = [];
    planner.begin(ingress, egress, needs(ingress, egress), this.at, this.length, 0, this.count);
    for (let more = true; more;) {
      more = planner.fill(framed);
      this.#checkPieces();
      for (let i = 0; i < gather.frames; i++) out.push(wireOf(this.u8, gather, i));
    }
    return out;
  }

  /** Fails when a byte was written that belongs neither to the scratch memory nor to a frame's slot. */
  checkCanaries(): void {
    this.#checkGuard(0, SCRATCH);
    this.#checkGuard(SCRATCH_END, SLOTS);
    for (let i = 0; i < this.count; i++) {
      const end = this.at[i] + this.#used[i];
      this.#checkGuard(this.at[i] - LEAD, this.at[i] - this.#lead - LENGTH_BYTES);
      this.#checkGuard(end, Math.min(end + 300, SLOTS_END));
    }
    this.#checkGuard(SLOTS_END, MEMORY);
  }

  /** Every piece is in the scratch memory, in a frame's slot where that has been filled, or in the guest. */
  #checkPieces(): void {
    const { planner: { gather }, guest, scatter } = this;
    for (let i = 0; i < gather.pieces; i++) {
      const at = gather.pieceAt[i], length = gather.pieceLength[i];
      const slot = scatter.slotOf(at), isSlot = at >= SLOTS && at < SLOTS_END;
      const ok = isSlot
        ? at + length <= scatter.at(slot) + scatter.head[slot]
        : at >= SCRATCH && at + length <= SCRATCH_END || guest.holds(at, length);
      if (!ok) assert(false, `piece ${i}: ${length} bytes at ${at}`);
    }
  }

  #checkGuard(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      if (this.u8[at] !== CANARY) assert(false, `byte ${at} of ${from} .. ${to} was written`);
    }
  }

  #clear(): void {
    for (let i = 0; i <= this.count; i++) {
      const at = this.scatter.at(i);
      this.u8.fill(CANARY, at - LEAD, at + this.#used[i]);
      this.#used[i] = 0;
    }
    this.count = 0;
    this.guest.begin();
  }
}
