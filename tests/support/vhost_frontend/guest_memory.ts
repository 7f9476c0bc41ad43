/**
 * The memory of a guest: regions of files, at guest addresses and at addresses of the front-end's process.
 *
 * Everything here is said in guest addresses, as the guest's driver does. What the regions are is told to
 * the switch by {@linkcode GuestMemory.table}, and may change while the guest runs.
 *
 * @module
 */
import type { Kernel } from "../../../src/platform/kernel.ts";
import { MemoryFile, type Range } from "./memory_file.ts";
import { Pool } from "./pool.ts";
import { joined, words32, words64 } from "./wire.ts";

/** A region as a test asks for it; sizes and offsets are multiples of 4096. */
export interface RegionPlan {
  /** Guest address of its first byte. */
  readonly guest: number;
  readonly bytes: number;
  /** Number of its file; regions of one file name the same. A file of its own if not given. */
  readonly file?: number;
  /** Where it begins in the file. */
  readonly offset?: number;
}

/** A region. */
export interface Region {
  readonly guest: number;
  readonly bytes: number;
  /** Address in the front-end's process: rings are told to the switch in these. */
  readonly user: number;
  readonly file: MemoryFile;
  readonly offset: number;
}

/** A range of guest addresses. */
export interface Span {
  readonly address: number;
  readonly length: number;
}

/** Low memory and the rest above 4 GiB, as on a PC with much memory: two regions of one file. */
export const LOW_AND_HIGH: readonly RegionPlan[] = [
  { guest: 0, bytes: 2 << 20, file: 0, offset: 0 },
  { guest: 2 ** 32, bytes: 6 << 20, file: 0, offset: 2 << 20 },
];

/** See the head of this file. */
export class GuestMemory {
  regions: readonly Region[];
  readonly pool: Pool;
  readonly #kernel: Kernel;
  readonly #sealed: boolean;
  #files: MemoryFile[];
  /** Files of before {@linkcode move}, and where others had written by then. */
  readonly #former: MemoryFile[] = [];
  #seed = 1;

  constructor(kernel: Kernel, plans: readonly RegionPlan[] = LOW_AND_HIGH, sealed = true) {
    this.#kernel = kernel;
    this.#sealed = sealed;
    const numbered = plans.map((plan, i) => ({ ...plan, file: plan.file ?? 1000 + i }));
    const files = new Map<number, MemoryFile>();
    for (const { file } of numbered) {
      if (files.has(file)) continue;
      const ends = numbered.filter((plan) => plan.file === file)
        .map(({ bytes, offset = 0 }) => offset + bytes);
      files.set(file, this.#newFile(Math.max(...ends)));
    }
    this.#files = [...files.values()];
    this.regions = numbered.map(({ guest, bytes, file, offset = 0 }, i) => {
      return { guest, bytes, user: userAddress(guest, i), file: files.get(file)!, offset };
    });
    this.pool = new Pool(this.regions);
  }

  /** The region that holds a whole range of guest addresses. */
  regionOf(address: number, length: number): Region {
    for (const region of this.regions) {
      const at = address - region.guest;
      if (at >= 0 && at + length <= region.bytes) return region;
    }
    throw new Error(`No memory at ${address.toString(16)}, ${length} bytes`);
  }

  /** The address in the front-end's process. */
  userOf(address: number): number {
    const region = this.regionOf(address, 1);
    return address - region.guest + region.user;
  }

  /** The guest writes bytes `from` .. `to - 1` to an address. */
  write(address: number, bytes: Uint8Array, from = 0, to = bytes.length): void {
    const region = this.regionOf(address, to - from);
    const at = address - region.guest + region.offset;
    const part = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
    region.file.u8.set(part, at);
    region.file.shadow.set(part, at);
  }

  /** Copy what is at an address. */
  read(address: number, length: number, to: Uint8Array, at: number): void {
    const region = this.regionOf(address, length);
    const from = address - region.guest + region.offset;
    to.set(region.file.u8.subarray(from, from + length), at);
  }

  /** Put back what the guest itself had written last. */
  restore(address: number, length: number): void {
    const region = this.regionOf(address, length);
    const from = address - region.guest + region.offset;
    region.file.u8.set(region.file.shadow.subarray(from, from + length), from);
  }

  /** What somebody else has written to a span is the guest's own from now on. */
  adopt({ address, length }: Span): void {
    const region = this.regionOf(address, length);
    const from = address - region.guest + region.offset;
    region.file.shadow.set(region.file.u8.subarray(from, from + length), from);
  }

  /** True when nobody else has written to a range. */
  isOwn(address: number, length: number): boolean {
    const region = this.regionOf(address, length);
    const from = address - region.guest + region.offset;
    return region.file.isOwn(from, from + length);
  }

  /**
   * Somebody else may have written to these spans only.
   *
   * @throws Error that names the address
   */
  assertUntouched(except: readonly Span[]): void {
    for (const file of [...this.#files, ...this.#former]) {
      const ranges = this.#former.includes(file) ? [] : this.#rangesOf(file, except);
      const found = file.foreignByte(ranges);
      if (found >= 0) throw new Error(this.#complaint(file, found));
    }
  }

  /** Payload of SET_MEM_TABLE, and the descriptors that go with it. */
  table(): { payload: Uint8Array<ArrayBuffer>; descriptors: number[] } {
    const entries = this.regions.map(({ guest, bytes, user, offset }) =>
      words64(guest, bytes, user, offset)
    );
    return {
      payload: joined(words32(entries.length, 0), ...entries),
      descriptors: this.regions.map(({ file }) => file.fd),
    };
  }

  /** Tell region `i` as two from now on, the second from byte `at` on: same bytes at the same guest addresses. */
  split(i: number, at: number): void {
    const whole = this.regions[i];
    const rest = {
      ...whole,
      guest: whole.guest + at,
      bytes: whole.bytes - at,
      user: whole.user + at,
      offset: whole.offset + at,
    };
    this.regions = this.regions.with(i, { ...whole, bytes: at }).concat(rest);
  }

  /**
   * Everything moves to other files; the guest notices nothing, and the front-end's process has them where it had
   * the old ones, so rings need not be told again. Nobody may write to the old files from now on. Whoever holds
   * views has to make them again.
   */
  move(): void {
    const copies = new Map<MemoryFile, MemoryFile>();
    for (const file of this.#files) {
      const copy = this.#newFile(file.bytes);
      copy.u8.set(file.u8);
      copy.shadow.set(file.shadow);
      copies.set(file, copy);
      file.shadow.set(file.u8);
    }
    this.#former.push(...this.#files);
    this.#files = [...copies.values()];
    this.regions = this.regions.map((each) => ({ ...each, file: copies.get(each.file)! }));
  }

  close(): void {
    for (const file of [...this.#files, ...this.#former]) file.close();
  }

  #newFile(bytes: number): MemoryFile {
    return new MemoryFile(this.#kernel, bytes, this.#seed++ * 0x10001, this.#sealed);
  }

  #rangesOf(file: MemoryFile, spans: readonly Span[]): Range[] {
    const ranges: Range[] = [];
    for (const { address, length } of spans) {
      const region = this.regionOf(address, length);
      const from = address - region.guest + region.offset;
      if (region.file === file) ranges.push([from, from + length]);
    }
    return ranges;
  }

  #complaint(file: MemoryFile, at: number): string {
    const bytes = `${file.shadow.slice(at, at + 16)} became ${file.u8.slice(at, at + 16)}`;
    if (this.#former.includes(file)) return `Old memory was written to at ${at}: ${bytes}`;
    const region = this.regions.find((each) =>
      each.file === file && at >= each.offset && at < each.offset + each.bytes
    );
    if (region === undefined) return `The file was written to at ${at}, in no region: ${bytes}`;
    const address = region.guest + at - region.offset;
    return `Guest memory was written to at ${address.toString(16)}: ${bytes}`;
  }
}

/** Where the front-end's process has a region: nowhere near the guest's own address. */
function userAddress(guest: number, i: number): number {
  return 0x7f12_0000_0000 + i * 2 ** 36 + (guest % 2 ** 32);
}
