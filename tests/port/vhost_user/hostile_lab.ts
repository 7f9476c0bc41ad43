/**
 * A hostile guest beside honest ones: a guest and a VM on a socket that talk to each other all the time, and
 * verify every byte of it, and a third that does harm.
 *
 * Whatever the hostile one makes the switch send them is no fault of theirs, but must be a frame: what its vnet
 * header says is in it.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { Column, COLUMNS, DROP_REASONS, dropColumn } from "../../../src/engine/counters.ts";
import { DgramVm } from "../../support/dgram_vm.ts";
import { StreamVm } from "../../support/stream_vm.ts";
import { boot } from "../../support/vhost_frontend/qemu.ts";
import { type Received } from "../../support/vhost_frontend/receive_queue.ts";
import type { Layout } from "../../support/vhost_frontend/layout.ts";
import { HOSTILE_MAC, HOSTILE_MEMORY, HostileGuest } from "./hostile_guest.ts";
import { machine, TrafficLab } from "./traffic_lab.ts";
import { expect, numbered, type Part, type Station } from "./traffic_station.ts";

/** Offloads of all kinds. */
export const ALL_OFFLOADS = 63;
/** Frames that one guest's port may take in a turn. */
const TURN_FRAMES = 128;
/** Turns after which the switch is taken to have nothing left to do. */
const PATIENCE = 5000;

/** What a test chooses. */
export interface HostilePlan {
  readonly full: "pause" | "drop";
  readonly other: "stream" | "dgram";
  /** Credit of the honest ones. */
  readonly queue: number;
}

/** See the head of this file. */
export class HostileLab extends TrafficLab {
  readonly hostile: HostileGuest;
  readonly guest1: Station;
  readonly other: Station;
  /** Honest frames that never came, with full=drop. */
  missed = 0;
  readonly #plan: HostilePlan;
  readonly #arena: number;
  readonly #mappings = memoryMappings();
  #seq = 0;

  constructor(plan: HostilePlan) {
    super();
    this.#plan = plan;
    this.#arena = this.engine.arena.available;
    const offloads = { sends: ALL_OFFLOADS, accepts: ALL_OFFLOADS };
    const { full, queue, other } = plan;
    this.open("a", "vhost-user", { ...offloads, full, queue });
    this.open("b", other, { full, queue, clients: "replace" });
    this.open("h", "vhost-user", { ...offloads, full, queue, pauseMs: 5 });
    const front = this.front("a");
    boot(front);
    front.guest.receive.fill(1600);
    this.guest1 = this.#honest(1, {
      front,
      send: (frame, layout) => front.guest.transmit.transmit(frame, layout ? { layout } : {}),
      poll: () => {
        const { receive, transmit } = front.guest;
        for (let one = receive.next(); one !== undefined; one = receive.next()) {
          assertSane(one);
          this.#arrive(this.guest1, one.frame);
        }
        receive.refill();
        transmit.reclaim();
      },
      close: () => front.close(),
    });
    this.other = this.#honest(2, this.#socket(other));
    this.#meet();
    this.hostile = new HostileGuest(this.front("h", { guest: { regions: HOSTILE_MEMORY } }));
    boot(this.hostile.front);
    this.settle();
  }

  /** Names of ports that are up. */
  get up(): string[] {
    return this.engine.members.map(({ port }) => port.name).sort();
  }

  /** The hostile one's port takes no more in a turn than it may, and nobody's count is off. */
  override turn(): void {
    const row = this.engine.members.find(({ port }) => port.name === "h")?.row ?? 0;
    const at = row * COLUMNS + Column.rxFrames, before = this.engine.cells[at];
    super.turn();
    assertLessOrEqual(this.engine.cells[at] - before, row === 0 ? Infinity : TURN_FRAMES);
  }

  /** Honest frames, a few both ways. */
  talk(frames: number, length: number, layout?: Layout): void {
    for (let i = 0; i < frames; i++) {
      this.send(this.guest1, this.other, ++this.#seq, length, layout);
      this.send(this.other, this.guest1, ++this.#seq, length);
    }
  }

  /** An honest guest sends to the hostile one, from a second address of its own. */
  provoke(length: number): void {
    const frame = numbered(this.guest1, this.other, 0, length).slice();
    frame.set(HOSTILE_MAC);
    frame.set([2, 0, 0, 0, 0x66, 1], 6);
    this.guest1.send(frame);
  }

  /** Turns in which nobody but the honest ones does anything, and they only unless they are asleep. */
  turns(count: number, asleep = false): void {
    for (let i = 0; i < count; i++) {
      this.turn();
      if (asleep) continue;
      for (const each of this.stations) each.poll();
    }
  }

  /** All honest frames are there, or counted as lost, and nothing was written anywhere else. */
  check(): void {
    if (this.#plan.full === "pause") this.finish();
    else {
      for (let i = 0; i < PATIENCE && this.outstanding > 0; i++) this.turns(1);
      const drops = this.sum(dropColumn("queue-full"));
      assertLessOrEqual(this.missed + this.outstanding, drops, "missing, and not counted");
    }
    this.assertBalanced();
    this.verify();
    const spans = HOSTILE_MEMORY.map(({ guest, bytes }) => ({ address: guest, length: bytes }));
    this.hostile.front.guest.memory.assertUntouched(spans);
    assert(this.up.includes("a") && this.up.includes("b"), this.text);
  }

  /** The hostile one behaves: its port is up again and carries frames both ways. */
  recover(): void {
    this.hostile.reboot();
    this.until("the hostile one's port is up", () => this.up.includes("h"));
    const { transmit } = this.hostile.front.guest;
    const frame = numbered(this.guest1, this.other, 0, 60).slice();
    frame.set([2, 0, 0, 0, 0, 1]);
    frame.set(HOSTILE_MAC, 6);
    assert(transmit.transmit(frame));
    this.until("what it sends is taken", () => transmit.reclaim() > 0);
    this.hostile.giveBuffers();
    const row = this.engine.members.find(({ port }) => port.name === "h")!.row;
    const at = row * COLUMNS + Column.txFrames, before = this.engine.cells[at];
    this.until("it gets something", () => {
      this.provoke(60);
      return this.engine.cells[at] > before;
    });
  }

  /** Everybody goes, and nothing is left: no memory, no mapping, no descriptor. */
  override close(): void {
    this.hostile.front.close(false);
    this.settle();
    this.clear();
    this.house.stop();
    while (this.engine.kernel.sharing!.closing() > 0);
    this.assertBalanced();
    assertEquals(this.engine.arena.available, this.#arena, "memory of the arena");
    assertEquals(memoryMappings(), this.#mappings, "mappings of guest memory");
    Deno.removeSync(this.folder, { recursive: true });
  }

  /** Sum of a counter over all rows. */
  sum(column: number): number {
    let sum = 0;
    for (let at = column; at < this.engine.cells.length; at += COLUMNS) {
      sum += this.engine.cells[at];
    }
    return sum;
  }

  /** rx + copies + segments + merges = tx + drops + queued + segmented + merged. */
  assertBalanced(): void {
    const { rxFrames, copies, segments, merges, txFrames, segmented, merged } = Column;
    const all = (...columns: number[]) => columns.reduce((n, column) => n + this.sum(column), 0);
    const drops = DROP_REASONS.map(dropColumn);
    const queued = this.engine.members.reduce((n, egress) => n + egress.queued, 0);
    const began = all(rxFrames, copies, segments, merges);
    assertEquals(began, all(txFrames, segmented, merged, ...drops) + queued, this.text);
  }

  #honest(n: number, part: Part): Station {
    const station: Station = Object.assign({ n, expected: new Map(), arrived: 0 }, part);
    this.stations.push(station);
    return station;
  }

  #socket(kind: "stream" | "dgram"): Part {
    const path = this.path("b");
    const vm = kind === "stream"
      ? new StreamVm(machine, 2, { path })
      : new DgramVm(machine, 2, { path, own: `${this.folder}/own.sock`, like: "vfkit" });
    vm.onFrame = (frame) => this.#arrive(this.other, frame.slice());
    return {
      send: (frame) => vm.sendBytes(frame),
      poll: () => void vm.poll(),
      close: () => vm.close(),
    };
  }

  /** Both are known to the switch, so that nothing they say is flooded. */
  #meet(): void {
    this.settle();
    for (const from of [this.guest1, this.other]) {
      const to = from === this.guest1 ? this.other : this.guest1;
      const frame = numbered(from, to, 0, 60);
      assert(from.send(frame));
      expect(from, to, frame);
      this.finish();
    }
  }

  #arrive(at: Station, frame: Uint8Array): void {
    const from = at === this.guest1 ? this.other : this.guest1;
    const source = [2, 0, 0, 0, 0, from.n];
    if (!source.every((byte, i) => frame[6 + i] === byte)) return;
    const list = at.expected.get(from.n) ?? [];
    while (list.length > 0) {
      const wanted = list.shift()!;
      if (wanted.length === frame.length && wanted.every((byte, i) => byte === frame[i])) {
        at.arrived++;
        return;
      }
      this.missed++;
      assertEquals(
        this.#plan.full,
        "drop",
        `a frame for ${at.n} was lost or changed; ${this.text}`,
      );
    }
    throw new Error(`${at.n} got ${frame.length} bytes that were not sent: ${frame.slice(0, 32)}`);
  }
}

/** What a header says of its frame can be so. */
function assertSane({ header, frame }: Received): void {
  const { flags, gsoType, gsoSize, headerLength, checksumStart, checksumOffset } = header;
  assertEquals(flags & ~1, 0, "flags");
  if (flags === 1) assertLessOrEqual(checksumStart + checksumOffset + 2, frame.length, "checksum");
  if (gsoType === 0) return;
  assert([1, 3, 4, 5].includes(gsoType & 0x7f), `type ${gsoType}`);
  assert(flags === 1 || gsoType === 3, "cut without a checksum");
  assert(gsoSize > 0 && headerLength <= frame.length, "sizes");
}

function memoryMappings(): number {
  return Deno.readTextFileSync("/proc/self/maps").split("\n")
    .filter((line) => line.includes("memfd:")).length;
}
