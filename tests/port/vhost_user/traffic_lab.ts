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
import { openKernel } from "../../../src/platform/mod.ts";
import { DgramVm } from "../../support/dgram_vm.ts";
import { portConfig, type Spec } from "../../support/fake_switch.ts";
import { StreamVm } from "../../support/stream_vm.ts";
import { EVERYBODY, makeFrame } from "../../support/test_frame.ts";
import type { Vm } from "../../support/vm.ts";
import { FrontEnd, type FrontEndPlan } from "../../support/vhost_frontend/front_end.ts";
import { Guest, type GuestPlan } from "../../support/vhost_frontend/guest.ts";
import type { Layout } from "../../support/vhost_frontend/layout.ts";
import { boot } from "../../support/vhost_frontend/qemu.ts";

const kernel = openKernel(ARENA_BYTES, GUEST_BYTES);
const machine = openKernel(64 << 20, 2 ** 37);

/** Turns after which nobody waits any longer. */
const PATIENCE = 20_000;

let found = 0, clock = 0;
const wait = kernel.wait.bind(kernel);
kernel.wait = (microseconds) => found = wait(microseconds);
kernel.now = () => performance.now() + clock;

/** A VM of a test. */
export interface Station {
  readonly n: number;
  /** Frames sent to it, not yet arrived, by sender. */
  readonly expected: Map<number, Uint8Array[]>;
  arrived: number;
  /** Send bytes; false when there is no room now. */
  send(frame: Uint8Array, layout?: Layout): boolean;
  /** Look what has arrived. */
  poll(): void;
  readonly front?: FrontEnd;
  close(): void;
}

type Part = Pick<Station, "send" | "poll" | "close" | "front">;

/** What a guest's station is like. */
export interface GuestStation {
  readonly plan?: FrontEndPlan;
  readonly guest?: GuestPlan;
  /** Its receive buffers, header included. */
  readonly bufferBytes?: number;
  readonly bufferLayout?: Layout;
}

/** See the head of this file. */
export class TrafficLab {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "vswitch-traffic-" });
  readonly logs: string[] = [];
  readonly engine: Engine;
  readonly house: House;
  readonly stations: Station[] = [];
  readonly #counters: Counters;
  readonly #descriptors = openDescriptors();

  constructor() {
    this.#counters = new Counters(new SharedArrayBuffer(SHARED_BYTES));
    const log = (_level: string, port: string, text: string) => {
      this.logs.push(`${port}: ${text}`);
    };
    this.engine = new Engine(kernel, this.#counters, { log, port: () => {} }, Int32Array.of(1, 2));
    this.house = new House(this.engine);
    clock += 5000; // a switch that has long been there: it waits for nobody
    this.turn();
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
    return this;
  }

  /** Told by the switch until now. */
  get text(): string {
    return this.logs.join("\n");
  }

  // ---- time ----

  turn(): void {
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
  guest(
    port: string,
    { plan, guest, bufferBytes = 1600, bufferLayout }: GuestStation = {},
  ): Station {
    const front = new FrontEnd(
      new Guest(machine, guest),
      this.path(port),
      () => this.turn(),
      plan,
    );
    boot(front);
    front.guest.receive.fill(bufferBytes, bufferLayout);
    return this.#add(this.#guestPart(front));
  }

  #guestPart(front: FrontEnd): Part {
    return {
      front,
      send: (frame, layout) => {
        return front.guest.transmit.transmit(frame, layout === undefined ? {} : { layout });
      },
      poll: () => {
        const { receive, transmit } = front.guest;
        const due = receive.ring.isCallDue;
        // The first call after a start may be one too many: what the driver has seen is not known.
        if (receive.ring.takeCalls() === 0) assert(!due, "a call was due and did not come");
        for (let one = receive.next(); one !== undefined; one = receive.next()) {
          this.#take(this.#of(front), one.frame);
        }
        receive.refill();
        transmit.reclaim();
      },
      close: () => front.close(),
    };
  }

  /** A VM on a stream port. */
  stream(port: string): Station {
    return this.#socket((n) => new StreamVm(machine, n, { path: this.path(port) }));
  }

  /** A VM on a datagram port. */
  dgram(port: string): Station {
    const path = this.path(port);
    const own = `${this.folder}/own${this.stations.length}.sock`;
    return this.#socket((n) => new DgramVm(machine, n, { path, own, like: "vfkit" }));
  }

  /** Send one frame of a length to a station, and expect it there; waits while there is no room. */
  send(from: Station, to: Station, seq: number, length: number, layout?: Layout): void {
    const whole = makeFrame({ from: from.n, to: to.n, seq, length: Math.max(length, 22) });
    const frame = whole.subarray(0, length);
    this.until("there is room to send", () => from.send(frame, layout));
    if (length < 14) return;
    const list = to.expected.get(from.n) ?? [];
    to.expected.set(from.n, list);
    list.push(frame);
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
    assertEquals(openDescriptors(), this.#descriptors, `descriptors left open; ${this.text}`);
  }

  #socket(make: (n: number) => Vm): Station {
    const vm = make(this.stations.length + 1);
    let me: Station | undefined;
    vm.onFrame = (frame) => this.#take(me!, frame.slice());
    return me = this.#add({
      send: (frame) => vm.sendBytes(frame),
      poll: () => void vm.poll(),
      close: () => vm.close(),
    });
  }

  #add(part: Part): Station {
    const n = this.stations.length + 1;
    const station: Station = { ...part, n, expected: new Map(), arrived: 0 };
    this.stations.push(station);
    this.settle();
    assert(part.send(makeFrame({ from: n, to: EVERYBODY, seq: 0, length: 60 })));
    this.settle();
    for (const each of this.stations) each.poll();
    return station;
  }

  #of(front: FrontEnd): Station {
    return this.stations.find((each) => each.front === front)!;
  }

  #take(station: Station, frame: Uint8Array): void {
    if (frame[0] === 0xff) return; // an introduction
    const from = frame[10] << 8 | frame[11];
    const wanted = station.expected.get(from)?.shift();
    assert(wanted !== undefined, `station ${station.n} got a frame of ${from} that was not sent`);
    station.arrived++;
    if (wanted.length === frame.length && wanted.every((byte, i) => byte === frame[i])) return;
    throw new Error(`Sent: ${wanted.length} bytes, ${wanted.subarray(0, 24)}
Came: ${frame.length} bytes, ${frame.subarray(0, 24)}`);
  }
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
