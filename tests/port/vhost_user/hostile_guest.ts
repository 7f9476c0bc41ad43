/**
 * A guest that means harm: it writes to its rings, its tables and its frames whatever a driver must not, and
 * changes all of it between two looks of the switch.
 *
 * It begins as any guest, by the front-end's messages, and may at any time reboot and begin anew. Everything
 * it does comes from the numbers it is given, so a run can be repeated.
 *
 * @module
 */
import type { DriverRing } from "../../support/vhost_frontend/driver_ring.ts";
import { INDIRECT, NEXT, WRITE } from "../../support/vhost_frontend/driver_ring.ts";
import type { FrontEnd } from "../../support/vhost_frontend/front_end.ts";
import type { RegionPlan } from "../../support/vhost_frontend/guest_memory.ts";
import { boot, start } from "../../support/vhost_frontend/qemu.ts";
import { Request, words64 } from "../../support/vhost_frontend/wire.ts";
import { Dice } from "./dice.ts";
import { BROADCAST, packet, vnetHeader } from "./hostile_frames.ts";

/** Two regions of one file, with bytes in front of each that the switch was not given. */
export const HOSTILE_MEMORY: readonly RegionPlan[] = [
  { guest: 0, bytes: 1 << 20, file: 0, offset: 1 << 20 },
  { guest: 2 ** 32, bytes: 4 << 20, file: 0, offset: 3 << 20 },
];
/** Where its buffers and tables are: the second half of the second region, which its rings never reach. */
const AREA = 2 ** 32 + (2 << 20), AREA_BYTES = 2 << 20;
/** Source of its frames: nobody else's address is one bit away. */
export const HOSTILE_MAC = [6, 0x77, 0x77, 0x77, 0x77, 0x77];
const VNET = 12;

/** One descriptor, as it is to be written. */
interface Entry {
  readonly address: number;
  readonly length: number;
  readonly flags: number;
  readonly next: number;
}

/** See the head of this file. */
export class HostileGuest {
  readonly front: FrontEnd;
  #dice = new Dice(1);
  /** Frames it has offered, which it may still change. */
  readonly #frames: { address: number; length: number }[] = [];

  constructor(front: FrontEnd) {
    this.front = front;
  }

  get #rings(): readonly DriverRing[] {
    return this.front.guest.rings;
  }

  /** Write raw bytes anywhere in its memory. */
  poke(address: number, bytes: Uint8Array): void {
    const { memory } = this.front.guest;
    memory.regionOf(address, bytes.length);
    memory.write(address, bytes);
  }

  /** Stop, and begin anew with fresh rings; by a new connection when the old one is over. */
  reboot(): void {
    const { front } = this, { guest } = front;
    this.#frames.length = 0;
    if (front.channel.isOver) {
      guest.start(guest.features);
      return boot(front);
    }
    for (const ring of [0, 1]) front.getVringBase(ring);
    front.resetDevice();
    guest.start(guest.features);
    for (const ring of [0, 1]) front.setVringErr(ring);
    for (const step of start(front)) step.run();
    for (const ring of guest.rings) ring.forceKick();
  }

  /** Behave for once: buffers to receive by. */
  giveBuffers(bytes = 1600): void {
    const { receive } = this.front.guest;
    while (receive.next() !== undefined);
    receive.post(32, bytes);
    this.#rings[0].forceKick();
  }

  /** Behave for once: send one frame with this header. */
  send(frame: Uint8Array, header: Uint8Array = new Uint8Array(VNET)): void {
    const address = this.#place(VNET + frame.length);
    this.poke(address, header);
    this.poke(address + VNET, frame);
    this.#frames.push({ address, length: VNET + frame.length });
    this.#offer(1, [{ address, length: VNET + frame.length, flags: 0, next: 0 }]);
  }

  /** Do one bad thing. */
  act(what: Attack, seed: number): void {
    this.#dice = new Dice(seed);
    this[what]();
    if (this.#dice.roll(3) > 0) { for (const ring of this.#rings) ring.forceKick(); }
  }

  /** Random bytes in any of the parts of a ring. */
  scribble(): void {
    const dice = this.#dice, { blocks } = dice.pick(this.#rings);
    const { address, length } = dice.pick([blocks.desc, blocks.avail, blocks.used]);
    const bytes = Math.min(length, 1 + dice.roll(64));
    this.poke(address + dice.roll(length - bytes + 1), dice.bytes(bytes));
  }

  /** Any available index, mostly one that is near. */
  index(): void {
    const dice = this.#dice, ring = dice.pick(this.#rings);
    const step = dice.pick([1, 2, 5, 100, 256, 257, 1000, 32_768, 65_535]);
    ring.available = (ring.available + step) & 0xffff;
    ring.availableIndex = ring.available;
  }

  /** A chain that is nearly right. */
  chain(): void {
    const dice = this.#dice, ring = dice.roll(2);
    const right = ring === 0 ? WRITE : 0, address = this.#place(4096);
    const good = { address, length: 1500, flags: right, next: 0 };
    const end = HOSTILE_MEMORY[1].guest + HOSTILE_MEMORY[1].bytes;
    this.#offer(
      ring,
      dice.pick<() => Entry[]>([
        () => [{ ...good, address: end }],
        () => [{ ...good, address: end - 100 }],
        () => [{ ...good, address: (1 << 20) - 100 }],
        () => [{ ...good, address: 2 ** 53 - 2 }],
        () => [{ ...good, address: 2 ** 32 - 700 }],
        () => [{ ...good, length: 0xffff_ffff }],
        () => [{ ...good, length: 0x8000_0000 }],
        () => [{ ...good, length: 0 }],
        () => [{ ...good, length: 1 + dice.roll(40) }],
        () => [{ ...good, address: AREA, length: AREA_BYTES }],
        () => [{ ...good, flags: right ^ WRITE }],
        () => [{ ...good, flags: dice.roll(65_536) }],
        () => [{ ...good, flags: right | NEXT, next: 0xffff }],
        () => [{ ...good, flags: right | NEXT, next: -1 }],
        () => Array.from({ length: 1 + dice.roll(5) }, () => ({ ...good, length: dice.roll(30) })),
        () => Array.from({ length: 3 }, () => ({ ...good, length: 60_000, address: AREA })),
        () => this.#table(right),
        () => this.#table(right),
      ])(),
    );
  }

  /** Many frames to everybody. */
  flood(): void {
    const dice = this.#dice;
    for (let i = 1 + dice.roll(200); i > 0; i--) {
      const frame = dice.bytes(14 + dice.roll(1500));
      frame.set(BROADCAST);
      frame.set(HOSTILE_MAC, 6);
      this.send(frame);
    }
  }

  /** Frames with a header of any bytes, or with one that is nearly right. */
  header(): void {
    const dice = this.#dice;
    for (let i = 1 + dice.roll(8); i > 0; i--) {
      const frame = packet(dice, HOSTILE_MAC);
      this.send(frame, vnetHeader(dice, frame));
    }
  }

  /** Other bytes in frames that were offered, header included. */
  change(): void {
    const dice = this.#dice;
    for (const { address, length } of this.#frames.slice(-20)) {
      const at = dice.roll(length), bytes = Math.min(length - at, 1 + dice.roll(40));
      this.poke(address + at, dice.bytes(bytes));
    }
  }

  /** Buffers to receive by that lie in a ring, in each other, or in what it sends. */
  overlap(): void {
    const dice = this.#dice;
    for (let i = 1 + dice.roll(20); i > 0; i--) {
      const { blocks } = dice.pick(this.#rings);
      const place = dice.pick([blocks.desc, blocks.avail, blocks.used, { address: AREA }]);
      const length = dice.pick([1, 12, 13, 64, 1600, 4096]);
      this.#offer(0, [{ address: place.address + dice.roll(64), length, flags: WRITE, next: 0 }]);
    }
  }

  /** As many buffers as a driver gives, of any size; seldom, so that there are times without. */
  buffers(): void {
    const dice = this.#dice;
    if (dice.roll(2) === 0) return;
    const length = dice.pick([20, 100, 256, 1600, 4096]);
    for (let i = dice.roll(64); i > 0; i--) {
      this.#offer(0, [{ address: this.#place(length), length, flags: WRITE, next: 0 }]);
    }
  }

  /** Its front-end moves a ring: to another index, or one part over another. */
  move(): void {
    const dice = this.#dice, { front } = this, ring = dice.roll(2), { blocks } = this.#rings[ring];
    if (front.channel.isOver) return;
    if (dice.roll(2) === 0) return front.setVringBase(ring, dice.roll(65_536));
    const parts = [blocks.desc, blocks.avail, blocks.used, { address: AREA }];
    const user = () => BigInt(front.guest.memory.userOf(dice.pick(parts).address)) / 16n * 16n;
    front.tell(Request.SET_VRING_ADDR, words64(ring, user(), user(), user(), 0));
  }

  // ---- in its memory ----

  /** A place in its area; they are used again and again. */
  #place(length: number): number {
    const slots = Math.floor((AREA_BYTES - length) / 64);
    return AREA + this.#dice.roll(slots) * 64 + this.#dice.roll(16);
  }

  /** An indirect table, and what is wrong with it. */
  #table(right: number): Entry[] {
    const dice = this.#dice, count = dice.pick([1, 2, 10, 257, 300]);
    const address = this.#place(count * 16), length = count * 16;
    const wrong = dice.roll(9), bytes = new Uint8Array(length), view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) {
      const size = wrong === 0 ? 0 : 1 + dice.roll(200), flags = right | (i + 1 < count ? NEXT : 0);
      view.setBigUint64(i * 16, BigInt(this.#place(256)), true);
      view.setUint32(i * 16 + 8, size, true);
      view.setUint16(i * 16 + 12, flags | (wrong === 1 && dice.roll(9) === 0 ? INDIRECT : 0), true);
      view.setUint16(i * 16 + 14, wrong === 2 ? dice.roll(count) : i + 1, true);
    }
    if (wrong === 3) view.setUint16((count - 1) * 16 + 12, right | NEXT, true);
    if (wrong === 4) bytes.set(dice.bytes(16), dice.roll(count) * 16);
    if (wrong === 5) view.setUint16(12, right ^ WRITE, true);
    this.poke(address, bytes);
    const flags = INDIRECT | (wrong === 6 ? NEXT : 0) | (dice.roll(2) === 0 ? right : 0);
    const cut = wrong === 7 ? dice.roll(32) : 0;
    return [{ address, length: length - cut, flags, next: wrong === 6 ? dice.roll(8) : 0 }];
  }

  /** Write entries one behind the other, linked but for those that say where they go on, and offer the first. */
  #offer(index: number, entries: readonly Entry[]): void {
    const ring = this.#rings[index], { size } = ring, first = ring.available % size;
    entries.forEach((entry, i) => {
      const at = (first + i) % size, last = i + 1 === entries.length;
      const next = last ? (entry.next < 0 ? first : entry.next) : (at + 1) % size;
      ring.describe(at, entry, entry.flags | (last ? 0 : NEXT), next);
    });
    ring.offer(this.#dice.roll(200) === 0 ? size + this.#dice.roll(60_000) : first);
  }
}

/** What {@linkcode HostileGuest.act} knows. */
export const ATTACKS = [
  "scribble",
  "index",
  "chain",
  "flood",
  "header",
  "change",
  "overlap",
  "buffers",
  "move",
] as const;
/** One of {@linkcode ATTACKS}. */
export type Attack = typeof ATTACKS[number];
