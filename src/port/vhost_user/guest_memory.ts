/**
 * The memory of one guest: which part of the arena each of its addresses is.
 *
 * A front-end hands over its memory as files, each with the guest addresses it holds
 * (SET_MEM_TABLE). They are mapped into the arena, so a guest address becomes an offset by one
 * addition, and only there is it checked: {@linkcode GuestMemory.locate} is asked for every
 * descriptor and answers for a whole buffer.
 *
 * The files stay open as long as they are mapped. A VM that ends leaves the last hold on its memory to us, and who
 * lets go of that last gives back every page: 150 ms a GiB, which no other port shall wait for.
 *
 * A mapped file that gets shorter makes the next access fatal, and a program in JavaScript has no
 * way to survive the signal. So memory must be sealed against it, unless the port says otherwise.
 *
 * @module
 */
import { Errno, errnoName } from "../../platform/errno.ts";
import type { Sharing } from "../../platform/sharing.ts";

/**
 * Most regions of a front-end (VHOST_MEMORY_BASELINE_NREGIONS in QEMU's hw/virtio/vhost-user.c).
 */
export const MAX_REGIONS = 8;
/** Most bytes one front-end may have mapped: nobody uses up the address space of the others. */
export const MAX_MAPPED = 2 ** 40;

/** One region as SET_MEM_TABLE has it; numbers that do not fit in 53 bits are Infinity. */
export interface Region {
  /** First guest physical address. */
  readonly guest: number;
  /** Bytes. */
  readonly size: number;
  /** Where the region is in the address space of the front-end; ring addresses are given in it. */
  readonly user: number;
  /** Where the region begins in its file. */
  readonly offset: number;
}

/** Columns of a region in the table; a shift is what makes an address an offset in the arena. */
const GUEST = 0, GUEST_END = 1, GUEST_SHIFT = 2, USER = 3, USER_END = 4, USER_SHIFT = 5;
const COLUMNS = 6;

/** See the head of this file. */
export class GuestMemory {
  readonly #sharing: Sharing;
  readonly #giver: object;
  readonly #table = new Float64Array(MAX_REGIONS * COLUMNS);
  /** What was mapped, for {@linkcode release}. */
  #mapped: number[] = [];
  /** Descriptors of the files. */
  #files: number[] = [];
  /** Index in the table just behind the last region. */
  #end = 0;
  /** Index in the table of the region of the last hit. */
  #hit = 0;

  /** @param giver whom the files are counted for while they are closed, see Sharing.closeElsewhere */
  constructor(sharing: Sharing, giver: object) {
    this.#sharing = sharing;
    this.#giver = giver;
    this.#table.fill(Infinity);
  }

  /** Regions of the table. */
  get regions(): number {
    return this.#mapped.length;
  }

  /**
   * Where `length` bytes at a guest physical address lie in the arena; -1 when they are not all in
   * one region. Hot.
   */
  locate(address: number, length: number): number {
    const table = this.#table, hit = this.#hit;
    if (address >= table[hit] && address + length <= table[hit + GUEST_END]) {
      return address + table[hit + GUEST_SHIFT];
    }
    for (let at = 0; at < this.#end; at += COLUMNS) {
      if (address >= table[at] && address + length <= table[at + GUEST_END]) {
        this.#hit = at;
        return address + table[at + GUEST_SHIFT];
      }
    }
    return -1;
  }

  /** As {@linkcode locate}, of an address of the front-end's. */
  locateUser(address: number, length: number): number {
    const table = this.#table;
    for (let at = 0; at < this.#end; at += COLUMNS) {
      if (address >= table[at + USER] && address + length <= table[at + USER_END]) {
        return address + table[at + USER_SHIFT];
      }
    }
    return -1;
  }

  /**
   * Map another table, one descriptor a region, and only then let go of the one before. The
   * descriptors are ours once the table is taken.
   *
   * @param unsealed accept files that can get shorter
   * @returns an empty text, or why the table is refused; then the one before stays
   */
  replace(regions: readonly Region[], descriptors: readonly number[], unsealed: boolean): string {
    let fault = faultOf(regions, descriptors.length);
    for (let i = 0; i < regions.length && fault === ""; i++) {
      fault = this.#faultOfFile(regions[i], descriptors[i], unsealed);
    }
    if (fault !== "") return fault;
    const mapped: number[] = [];
    for (const [i, { offset, size }] of regions.entries()) {
      // From its beginning, as a part of a file of huge pages cannot be mapped from anywhere.
      const at = this.#sharing.map(descriptors[i], 0, offset + size);
      if (at < 0) {
        for (const each of mapped) this.#sharing.unmap(each);
        return mapFault(at);
      }
      mapped.push(at);
    }
    this.release();
    this.#mapped = mapped;
    this.#files = [...descriptors];
    this.#end = regions.length * COLUMNS;
    for (const [i, region] of regions.entries()) this.#enter(i * COLUMNS, region, mapped[i]);
    return "";
  }

  /**
   * Let go of all of it: every address is nowhere, and what is still read by its offset are zeros.
   */
  release(): void {
    for (const at of this.#mapped) this.#sharing.unmap(at);
    for (const fd of this.#files) this.#sharing.closeElsewhere(fd, this.#giver);
    this.#mapped = [];
    this.#files = [];
    this.#end = 0;
    this.#hit = 0;
    this.#table.fill(Infinity);
  }

  #enter(at: number, { guest, size, user, offset }: Region, mapped: number): void {
    const table = this.#table;
    table[at + GUEST] = guest;
    table[at + GUEST_END] = guest + size;
    table[at + GUEST_SHIFT] = mapped + offset - guest;
    table[at + USER] = user;
    table[at + USER_END] = user + size;
    table[at + USER_SHIFT] = mapped + offset - user;
  }

  #faultOfFile({ offset, size }: Region, fd: number, unsealed: boolean): string {
    if (!unsealed && this.#sharing.isSealed(fd) !== 1) return UNSEALED;
    const bytes = this.#sharing.sizeOf(fd);
    if (bytes < 0) return `it gave memory of which the size cannot be told (${errnoName(bytes)})`;
    if (bytes >= offset + size) return "";
    return `it gave ${bytes} bytes of memory for a region that ends at ${offset + size}`;
  }
}

const UNSEALED = "it gave memory that can get shorter, which would kill the switch: use " +
  "-object memory-backend-memfd,id=mem,size=...,share=on -machine memory-backend=mem, " +
  "or unsealed=on if it is to be trusted";

/** What is wrong with the numbers of a table; empty when nothing is. */
function faultOf(regions: readonly Region[], descriptors: number): string {
  if (regions.length > MAX_REGIONS) return `it has ${regions.length} memory regions, of at most 8`;
  if (descriptors !== regions.length) {
    return `it sent ${descriptors} descriptors for ${regions.length} memory regions`;
  }
  let total = 0;
  for (const { guest, size, user, offset } of regions) {
    if (size === 0) return "it has a memory region of 0 bytes";
    const end = Math.max(guest, user, offset) + size;
    if (!(end <= Number.MAX_SAFE_INTEGER)) return "it has a memory region that ends above 2^53";
    total += offset + size;
  }
  if (total > MAX_MAPPED) return `it has more than ${MAX_MAPPED / 2 ** 30} GiB of memory`;
  const sorted = [...regions].sort((a, b) => a.guest - b.guest);
  const overlap = sorted.some(({ guest }, i) =>
    i > 0 && sorted[i - 1].guest + sorted[i - 1].size > guest
  );
  return overlap ? "it has memory regions that overlap" : "";
}

function mapFault(result: number): string {
  if (result === -Errno.ENOMEM) return "there is no room left for its memory";
  return `its memory cannot be mapped (${errnoName(result)})`;
}
