/**
 * A lab whose ports with a vnet header read from the memory of their guests, which changes as soon as a
 * turn is over.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Verdict } from "../../src/offload/accept.ts";
import type { Policy } from "../../src/offload/policy.ts";
import { Guest, type Lie } from "../frame/guest.ts";
import { Lab } from "./lab.ts";

const MEMORY_BYTES = 4 << 20;

/** See the head of this file. */
export class ScatterLab extends Lab {
  readonly #guest: Guest;
  readonly #lies: readonly Lie[];

  /** @param lies how frames lie in their guests, in turns */
  constructor(lies: readonly Lie[]) {
    super();
    const { arena, view, scatter } = this;
    this.#guest = new Guest(view, arena.u8, scatter, arena.take(MEMORY_BYTES));
    this.#lies = lies;
  }

  protected override show(frames: readonly Uint8Array[], policy: Policy): void {
    const { batch, scatter } = this;
    batch.scattered = policy.vnetHdr !== 0;
    if (!batch.scattered) return super.show(frames, policy);
    if (batch.count === 0) this.#guest.begin();
    for (const frame of frames) {
      const slot = batch.count, lie = this.#lies[slot % this.#lies.length];
      assertEquals(this.#guest.show(slot, frame, policy, lie), Verdict.OK);
      batch.at[slot] = scatter.at(slot);
      batch.length[slot] = frame.length - policy.vnetHdr;
      batch.count++;
    }
    batch.solid = false;
    // What was looked at was copied: the guest's own says nothing.
    this.#guest.forget();
  }

  override flush(): void {
    super.flush();
    this.batch.scattered = false;
    this.#guest.wipe();
  }
}
