/**
 * One frame in guarded memory, cut into a gather, and the frames read back from there.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Headers } from "../../src/frame/headers.ts";
import { Gather, GATHER_SCRATCH } from "../../src/offload/gather.ts";
import type { VnetBytes } from "../../src/offload/policy.ts";

/** How a port wants its frames. */
export interface Lead {
  readonly framed: boolean;
  readonly vnet: VnetBytes;
}

/** All of them. */
export const LEADS: readonly Lead[] = [false, true].flatMap((framed) =>
  ([0, 10, 12] as const).map((vnet) => ({ framed, vnet }))
);

const GUARD = 512, LONGEST = 70_000, CANARY = 0xa5;
const SCRATCH = GUARD, SCRATCH_END = SCRATCH + GATHER_SCRATCH, FRAME = SCRATCH_END + GUARD;

/** See the head of this file. */
export class SegmentLab {
  readonly u8: Uint8Array = new Uint8Array(FRAME + LONGEST + GUARD).fill(CANARY);
  readonly view: DataView = new DataView(this.u8.buffer);
  readonly gather: Gather = new Gather(this.view, SCRATCH);
  readonly headers: Headers = new Headers();
  /** Where the frame is. */
  at = FRAME;
  #frame: Uint8Array = new Uint8Array();
  #lead: Lead = LEADS[0];

  /** Put a frame into memory, `shift` bytes behind a boundary, walk it, and begin to gather. */
  lay(frame: Uint8Array, lead: Lead = LEADS[0], shift = 0): void {
    this.u8.fill(CANARY, FRAME, this.at + this.#frame.length);
    this.at = FRAME + shift;
    this.u8.set(frame, this.at);
    this.#frame = frame;
    this.#lead = lead;
    this.gather.begin(lead.framed, lead.vnet);
    this.headers.walk(this.view, this.at, frame.length);
  }

  /**
   * The frames in the gather, without what is in front of them. Fails unless each is a prefix and at most one
   * slice of the frame, the slices follow one another from `body` on, and no other byte was written.
   */
  take(body: number): Uint8Array[] {
    const { framed, vnet } = this.#lead,
      { first, frames, size, pieceAt, pieceLength } = this.gather;
    const front = vnet + (framed ? 4 : 0), taken: Uint8Array[] = [];
    let next = this.at + body, free = SCRATCH;
    for (let i = 0; i < frames; i++) {
      const [prefix, slice, behind] = [first[i], first[i] + 1, first[i + 1]];
      assert(pieceAt[prefix] >= free, `frame ${i}: its prefix is on top of another one`);
      free = pieceAt[prefix] + pieceLength[prefix];
      this.#checkLead(pieceAt[prefix], size[i]);
      const bytes = new Uint8Array(size[i] - vnet), headers = pieceLength[prefix] - front;
      bytes.set(this.u8.subarray(free - headers, free));
      if (behind !== slice) {
        assert(pieceLength[slice] > 0, `frame ${i}: its slice is empty`);
        assertEquals([behind - slice, pieceAt[slice]], [1, next], `frame ${i}: its slice`);
        bytes.set(this.u8.subarray(next, next + pieceLength[slice]), headers);
        assertEquals(headers + pieceLength[slice], bytes.length, `frame ${i}: its pieces and size`);
        next += pieceLength[slice];
      }
      taken.push(bytes);
    }
    this.checkMemory();
    return taken;
  }

  /** Fails when a byte outside the scratch memory was written. */
  checkMemory(): void {
    assert(free(this.u8, 0, SCRATCH), "in front of the scratch memory");
    assert(free(this.u8, SCRATCH_END, this.at), "between scratch memory and frame");
    const end = this.at + this.#frame.length;
    assert(free(this.u8, end, end + GUARD), "behind the frame");
    assert(same(this.u8.subarray(this.at, end), this.#frame), "the frame");
  }

  /** The length of a stream, and a vnet header that says nothing but that there is one buffer. */
  #checkLead(at: number, size: number): void {
    const { framed, vnet } = this.#lead, hdr = at + (framed ? 4 : 0);
    if (framed) assertEquals(this.view.getUint32(at), size, "length of a frame in a stream");
    const expected = Array.from({ length: vnet }, (_, i) => i === 10 ? 1 : 0);
    assertEquals([...this.u8.subarray(hdr, hdr + vnet)], expected, "vnet header");
  }
}

/** Smallest size that cuts `bytes` into no more pieces than a caller may ask for, or `wish` if it is larger. */
export function sizeFor(bytes: number, wish: number): number {
  return Math.max(wish, Math.ceil(bytes / 256));
}

/** Fails unless both are the same frames. */
export function assertFrames(actual: Uint8Array[], expected: Uint8Array[], what: string): void {
  assertEquals(actual.length, expected.length, `${what}: frames`);
  for (let i = 0; i < actual.length; i++) {
    if (!same(actual[i], expected[i])) {
      assertEquals(hex(actual[i]), hex(expected[i]), `${what}: frame ${i}`);
    }
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function free(u8: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (u8[at] !== CANARY) return false;
  return true;
}

/** Lines of 16 bytes. */
function hex(bytes: Uint8Array): string {
  const octets = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  return octets.map((octet, i) => octet + (i % 16 === 15 ? "\n" : " ")).join("");
}
