/**
 * A whole switch over the real kernel, in this thread, and VMs of all kinds around it: guests behind
 * vhost-user front-ends, VMs on streams and on datagrams. Whatever arrives anywhere is compared with what was
 * sent, byte by byte and in order.
 *
 * The switch and the VMs have a kernel each, so guest memory is mapped twice, as between two processes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Counters, SHARED_BYTES } from "../../../src/engine/counters.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { House } from "../../../src/engine/house.ts";
import { ARENA_BYTES, GUEST_BYTES } from "../../../src/platform/linux.ts";
import type { Kernel } from "../../../src/platform/kernel.ts";
import { openKernel } from "../../../src/platform/mod.ts";
import type { PortConfig } from "../../../src/port/config.ts";
import { DgramVm } from "../../support/dgram_vm.ts";
import { portConfig, type Spec } from "../../support/fake_switch.ts";
import { StreamVm } from "../../support/stream_vm.ts";
import { FrontEnd } from "../../support/vhost_frontend/front_end.ts";
import { Guest } from "../../support/vhost_frontend/guest.ts";
import type { Layout } from "../../support/vhost_frontend/layout.ts";
import { boot } from "../../support/vhost_frontend/qemu.ts";
import {
  expect,
  guestPart,
  type GuestStation,
  introduction,
  numbered,
  type Part,
  type Station,
  vmPart,
} from "./traffic_station.ts";

const kernel = openKernel(ARENA_BYTES, GUEST_BYTES);
/** Kernel of all VMs. */
export const machine: Kernel = openKernel(64 << 20, 2 ** 37);

/** Turns after which nobody waits any longer. */
const PATIENCE = 20_000;

let found = 0, clock = 0;
const wait = kernel.wait.bind(kernel);
kernel.wait = (microseconds) => found = wait(microseconds);
kernel.now = () => performance.now() + clock;

/** See the head of this file. */
export class TrafficLab {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "vswitch-traffic-" });
  readonly logs: string[] = [];
  engine!: Engine;
  house!: House;
  readonly stations: Station[] = [];
  readonly #descriptors = openDescriptors();
  readonly #configs: PortConfig[] = [];

  constructor() {
    this.#begin();
  }

  /** A new switch takes the place of the old one, with the same ports. */
  restart(): void {
    this.house.stop();
    this.#begin();
    assertEquals(this.house.open(this.#configs).kind, "opened", this.text);
  }

  #begin(): void {
    const counters = new Counters(new SharedArrayBuffer(SHARED_BYTES));
    const log = (_level: string, port: string, text: string) => {
      this.logs.push(`${port}: ${text}`);
    };
    this.engine = new Engine(kernel, counters, { log, port: () => {} }, Int32Array.of(1, 2));
    this.house = new House(this.engine);
    this.skip(5000); // a switch that has long been there: it waits for nobody
  }

  path(name: string): string {
    return `${this.folder}/${name}.sock`;
  }

  /** Open a port; its path is named like it. */
  open(name: string, kind: string, spec: Partial<Spec> = {}): this {
    const config = portConfig({
      name,
      kind,
      target: this.path(name),
      full: "pause",
      pauseMs: 60_000,
      ...spec,
    });
    assertEquals(this.house.open([config]).kind, "opened", this.text);
    this.#configs.push(config);
    return this;
  }

  /** Told by the switch until now. */
  get text(): string {
    return this.logs.join("\n");
  }

  // ---- time ----

  /** Milliseconds pass without anything happening. */
  skip(milliseconds: number): void {
    clock += milliseconds;
    this.turn();
  }

  turn(): void {
    clock += 0.03; // so that everybody is looked at, and not polled ports alone
    this.engine.later(0.02, () => {}); // so that it does not sleep
    this.engine.turn();
  }

  /** Turns until nothing is ready any more, and a few more. */
  settle(): void {
    for (let quiet = 0; quiet < 20; quiet++) {
      found = 0;
      this.turn();
      if (found > 0) quiet = 0;
    }
  }

  /** Turns, and everybody looks what has arrived, until it is so. */
  until(what: string, done: () => boolean): void {
    for (let turns = 0; !done(); turns++) {
      if (turns > PATIENCE) throw new Error(`In vain: ${what}; ${this.text}`);
      this.turn();
      for (const each of this.stations) each.poll();
    }
  }

  // ---- stations ----

  /** A guest on a vhost-user port, up and known to the switch. */
  guest(port: string, how: GuestStation = {}): Station {
    const front = this.front(port, how);
    boot(front);
    return this.adopt(front, how);
  }

  /** A front-end that has said nothing yet. */
  front(port: string, { plan, guest, way = this.path(port) }: GuestStation = {}): FrontEnd {
    return new FrontEnd(new Guest(machine, guest), way, () => this.turn(), plan);
  }

  /** A front-end whose rings run becomes a station, known to the switch. */
  adopt(front: FrontEnd, { bufferBytes = 1600, bufferLayout }: GuestStation = {}): Station {
    front.guest.receive.fill(bufferBytes, bufferLayout);
    return this.#add((me) => guestPart(front, me));
  }

  /** A VM on a stream port. */
  stream(port: string): Station {
    return this.#add((me) => vmPart(new StreamVm(machine, me.n, { path: this.path(port) }), me));
  }

  /** A VM on a datagram port. */
  dgram(port: string): Station {
    const path = this.path(port);
    const own = `${this.folder}/own${this.stations.length}.sock`;
    return this.#add((me) => vmPart(new DgramVm(machine, me.n, { path, own, like: "vfkit" }), me));
  }

  /** Send one frame of a length to a station, and expect it there; waits while there is no room. */
  send(from: Station, to: Station, seq: number, length: number, layout?: Layout): void {
    const frame = numbered(from, to, seq, length);
    this.until("there is room to send", () => from.send(frame, layout));
    if (length >= 14) expect(from, to, frame);
  }

  /** As {@linkcode send}, where there is room, and without a turn. */
  list(from: Station, to: Station, seq: number, length: number): void {
    const frame = numbered(from, to, seq, length);
    assert(from.send(frame));
    expect(from, to, frame);
  }

  /** Turns until everything that was sent has arrived. */
  finish(): void {
    this.until(`all arrives; still out: ${this.outstanding}`, () => this.outstanding === 0);
  }

  /** Frames that have not arrived. */
  get outstanding(): number {
    let sum = 0;
    for (const { expected } of this.stations) {
      for (const list of expected.values()) sum += list.length;
    }
    return sum;
  }

  /** Make a station known again, after its port was down. */
  introduce(station: Station): void {
    assert(station.send(introduction(station.n)));
    this.settle();
    for (const each of this.stations) each.poll();
  }

  /** Guests verify their memory. */
  verify(): void {
    for (const { front } of this.stations) front?.guest.assertUntouched();
  }

  /** Every station goes, the ports stay. */
  clear(): void {
    this.settle();
    this.verify();
    for (const each of this.stations.splice(0)) each.close();
    this.settle();
  }

  /** Everybody goes; no descriptor may be left. */
  close(): void {
    this.clear();
    this.house.stop();
    Deno.removeSync(this.folder, { recursive: true });
    // those of front-ends are closed on other threads
    for (let i = 0; i < PATIENCE && kernel.sharing!.closing() > 0; i++) machine.wait(100);
    assertEquals(openDescriptors(), this.#descriptors, `descriptors left open; ${this.text}`);
  }

  #add(part: (me: Station) => Part): Station {
    const n = this.stations.length + 1, me = { n, expected: new Map(), arrived: 0 } as Station;
    const station = Object.assign(me, part(me));
    this.stations.push(station);
    this.settle();
    this.introduce(station);
    return station;
  }
}

/** Open descriptors, without those a kernel keeps for good once it needed them (platform/signals.ts). */
function openDescriptors(): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`) !== "/dev/null") count++;
    } catch {
      // the descriptor by which the folder is read
    }
  }
  return count;
}
