/**
 * Rings in a piece of guest memory, and a slow reading of them: the virtio specification word for word, with
 * BigInts and lists, to compare ours with.
 *
 * @module
 */
import { Windows } from "../../../src/frame/windows.ts";
import { GuestMemory } from "../../../src/port/vhost_user/guest_memory.ts";
import { CHAIN_BUFFERS, RingFault, type RingPlan } from "../../../src/port/vhost_user/ring.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";

/** Two regions of guest memory: guest address, bytes, and where they lie in the buffer. */
export const REGIONS = [
  { guest: 0x1000, size: 0x6000, at: 0x1000 },
  { guest: 0x1_2345_0000, size: 0x4000, at: 0x9000 },
] as const;
/** Bytes of the buffer: behind each region is some that the guest must not reach. */
export const BUFFER_BYTES = 0x10000;

/** A buffer of an arena, with the memory of a guest in it. */
export class RingLab {
  readonly view: DataView = new DataView(new ArrayBuffer(BUFFER_BYTES));
  readonly u8: Uint8Array = new Uint8Array(this.view.buffer);
  readonly windows: Windows = new Windows(this.view.buffer);
  readonly memory: GuestMemory;

  constructor() {
    const places = REGIONS.map(({ at }) => at);
    const sharing: Partial<Sharing> = {
      isSealed: () => 1,
      sizeOf: () => 0x10000,
      map: () => places.shift() ?? -12,
      unmap: () => {},
    };
    this.memory = new GuestMemory(sharing as Sharing, this);
    const regions = REGIONS.map(({ guest, size }) => ({ guest, size, user: guest, offset: 0 }));
    const refused = this.memory.replace(regions, [3, 4], false);
    if (refused !== "") throw new Error(refused);
  }

  /** A ring at the start of the first region. */
  plan(size: number, base = 0, options: Partial<RingPlan> = {}): RingPlan {
    const desc = REGIONS[0].at, avail = desc + 16 * size;
    const used = (avail + 6 + 2 * size + 3) & ~3;
    return { size, desc, avail, used, base, eventIdx: true, indirect: true, ...options };
  }

  /** Where a guest address lies in the buffer, the obvious way; -1 when not all of it is memory. */
  locate(address: bigint, bytes: number): number {
    for (const { guest, size, at } of REGIONS) {
      const start = BigInt(guest), end = start + BigInt(size);
      if (address >= start && address + BigInt(bytes) <= end) return at + Number(address - start);
    }
    return -1;
  }
}

/** A buffer of a chain. */
export interface Piece {
  readonly at: number;
  readonly bytes: number;
}

/** The chain that begins with `head`, as the specification reads it; a {@linkcode RingFault} when it cannot be. */
export function naiveChain(
  lab: RingLab,
  plan: RingPlan,
  head: number,
  isWritable: boolean,
): Piece[] | number {
  const pieces: Piece[] = [];
  let table = plan.desc, entries = plan.size, i = head, inTable = false;
  for (let steps = 0; steps <= CHAIN_BUFFERS; steps++) {
    if (i >= entries) return RingFault.INDEX;
    const at = table + 16 * i;
    const address = lab.view.getBigUint64(at, true);
    const bytes = lab.view.getUint32(at + 8, true);
    const flags = lab.view.getUint16(at + 12, true), next = lab.view.getUint16(at + 14, true);
    const place = bytes === 0 ? 0 : lab.locate(address, bytes);
    if (place < 0) return RingFault.MEMORY;
    if ((flags & 4) !== 0) {
      if (inTable || (flags & 1) !== 0 || !plan.indirect || bytes === 0 || bytes % 16 !== 0) {
        return RingFault.TABLE;
      }
      inTable = true;
      table = place;
      entries = bytes / 16;
      i = 0;
      continue;
    }
    if (((flags & 2) !== 0) !== isWritable) return RingFault.DIRECTION;
    if (bytes > 0) pieces.push({ at: place, bytes });
    if ((flags & 1) === 0) return pieces;
    i = next;
  }
  return RingFault.LOOP;
}
