/**
 * A merger over guarded memory: the frames of a batch in, and what goes out for them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Feature } from "../../src/offload/features.ts";
import { Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Merger } from "../../src/offload/merge.ts";
import type { MergeRules, Outgoing } from "./naive_merge.ts";

/** Most frames of a batch. */
export const FRAMES = 512;
const GUARD = 256, CANARY = 0xa5, READ_BYTES = 1 << 20;
/** Between frames, so that they begin at odd offsets, too. */
const GAP = 13;
const SCRATCH = GUARD, SCRATCH_END = SCRATCH + GATHER_SCRATCH, READ = SCRATCH_END + GUARD;
/** Frames in front of those to be looked at, in the lists of the batch. */
const FROM = 3;

/** What rules are, unless a test says otherwise. */
export const RULES: MergeRules = {
  tso4: true,
  tso6: true,
  most: 65_600,
  verify: false,
  vnet: 0,
  excluded: [],
};

/** See the head of this file. */
export class MergeLab {
  readonly u8: Uint8Array = new Uint8Array(READ + READ_BYTES).fill(CANARY);
  readonly view: DataView = new DataView(this.u8.buffer);
  readonly gather: Gather = new Gather(this.view, SCRATCH);
  readonly merger: Merger = new Merger(this.view, FRAMES);
  readonly #at = new Int32Array(FROM + FRAMES);
  readonly #length = new Int32Array(FROM + FRAMES);
  readonly #excluded = new Uint8Array(FRAMES);
  #frames: readonly Uint8Array[] = [];
  #end = READ;

  /** Frames out for frames in. Fails when anything is written that should not be, or a payload was copied. */
  run(frames: readonly Uint8Array[], rules: MergeRules, framed = false): Outgoing[] {
    this.#load(frames, rules);
    const { tso4, tso6, most, verify, vnet } = rules, { merger, gather } = this;
    const takes = (tso4 ? Feature.TSO4 : 0) | (tso6 ? Feature.TSO6 : 0), to = FROM + frames.length;
    const found = merger.join(
      this.#at,
      this.#length,
      FROM,
      to,
      takes,
      most,
      verify,
      this.#excluded,
    );
    const out: Outgoing[] = [];
    let aggregates = 0;
    gather.begin(framed, vnet);
    for (let k = 0; k < frames.length; k++) {
      if (merger.follows[k] === 1) continue;
      const of = this.#chain(k);
      if (of.length === 1) out.push({ of, wire: frames[k] });
      else {
        aggregates++;
        assertEquals(
          merger.emit(gather, this.#at, this.#length, FROM, k, vnet),
          of.length,
          "frames",
        );
        out.push({ of, wire: this.#take(of, framed) });
      }
    }
    assertEquals(found, aggregates, "aggregates found");
    this.#check();
    return out;
  }

  /** The frames that go out together with frame `k`, which goes first. */
  #chain(k: number): number[] {
    const { next, follows } = this.merger, of = [k];
    for (let i = next[k]; i >= 0; i = next[i]) {
      assert(i > of.at(-1)! && i < this.#frames.length, `frame ${i} follows ${of.at(-1)}`);
      assertEquals(follows[i], 1, `frame ${i} goes out twice`);
      of.push(i);
    }
    return of;
  }

  /** The frame in the gather, which is emptied. */
  #take(of: readonly number[], framed: boolean): Uint8Array {
    const { gather } = this, { pieceAt, pieceLength, size } = gather;
    assertEquals(
      [gather.frames, gather.first[0], gather.first[1]],
      [1, 0, of.length + 1],
      "pieces",
    );
    const bytes = Array.from({ length: of.length + 1 }, (_, i) => {
      const at = pieceAt[i], end = at + pieceLength[i], frame = FROM + of[i - 1];
      assert(
        i > 0 ? end === this.#at[frame] + this.#length[frame] : end <= SCRATCH_END,
        `piece ${i}`,
      );
      return [...this.u8.subarray(at, end)];
    }).flat();
    assertEquals(bytes.length, size[0] + (framed ? 4 : 0), "size");
    if (framed) {
      assertEquals(this.view.getUint32(pieceAt[0]), size[0], "length of a frame in a stream");
    }
    gather.rewind(0);
    return Uint8Array.from(framed ? bytes.slice(4) : bytes);
  }

  #load(frames: readonly Uint8Array[], { excluded }: MergeRules): void {
    this.u8.fill(CANARY, READ, this.#end);
    // What an earlier batch left there must not matter.
    this.#excluded.fill(1);
    this.#at.fill(-1);
    this.#length.fill(-1);
    let at = READ;
    frames.forEach((frame, i) => {
      this.u8.set(frame, at);
      this.#at[FROM + i] = at;
      this.#length[FROM + i] = frame.length;
      this.#excluded[i] = excluded[i] ? 1 : 0;
      at += frame.length + GAP;
    });
    this.#end = at;
    this.#frames = frames;
  }

  /** Fails when a byte outside the scratch memory was written. */
  #check(): void {
    this.#checkGuard(0, SCRATCH);
    let free = SCRATCH_END;
    this.#frames.forEach((frame, i) => {
      const at = this.#at[FROM + i];
      this.#checkGuard(free, at);
      free = at + frame.length;
      assert(frame.every((byte, k) => byte === this.u8[at + k]), `frame ${i} was written`);
    });
    this.#checkGuard(free, free + GUARD);
  }

  #checkGuard(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      if (this.u8[at] !== CANARY) {
        assert(false, `byte ${at} of the guard ${from} .. ${to} was written`);
      }
    }
  }
}
