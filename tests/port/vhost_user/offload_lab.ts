/**
 * VMs of every kind of offload around a switch with a real kernel: guests that negotiated this or that, with buffers
 * of all kinds, and VMs on sockets that were declared to. What one of them gets is judged by receivers that know
 * nothing of the switch.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { clients } from "../../../src/offload/clients.ts";
import { Feature } from "../../../src/offload/features.ts";
import { NO_OFFLOAD, type Policy } from "../../../src/offload/policy.ts";
import { naiveUdp } from "../../offload/naive_segment.ts";
import { receive } from "../../offload/receiver.ts";
import { udpWire } from "../../offload/wire.ts";
import { DgramVm } from "../../support/dgram_vm.ts";
import { readPacket } from "../../support/packet.ts";
import { StreamVm } from "../../support/stream_vm.ts";
import type { Layout } from "../../support/vhost_frontend/layout.ts";
import { boot } from "../../support/vhost_frontend/qemu.ts";
import { takeVnet } from "../../support/vhost_frontend/vnet.ts";
import { bits, Feature as Bit } from "../../support/vhost_frontend/wire.ts";
import { finishChecksum } from "../../support/vnet_header.ts";
import { machine, TrafficLab } from "./traffic_lab.ts";
import type { Part, Station } from "./traffic_station.ts";

const { CSUM, TSO4, TSO6, ECN, USO, UFO } = Feature;
const TSO = CSUM | TSO4 | TSO6;
/** GSO type of UDP that is cut into datagrams (VIRTIO_NET_HDR_GSO_UDP_L4). */
const UDP_L4 = 5;

/** Feature bits of a driver that sends and accepts these features alike. */
function bitsOf(features: number): number[] {
  const pairs: [number, number[]][] = [
    [CSUM, [Bit.CSUM, Bit.GUEST_CSUM]],
    [TSO4, [Bit.HOST_TSO4, Bit.GUEST_TSO4]],
    [TSO6, [Bit.HOST_TSO6, Bit.GUEST_TSO6]],
    [ECN, [Bit.HOST_ECN, Bit.GUEST_ECN]],
    [UFO, [Bit.HOST_UFO, Bit.GUEST_UFO]],
    [USO, [Bit.HOST_USO, Bit.GUEST_USO4, Bit.GUEST_USO6]],
  ];
  return pairs.filter(([feature]) => (features & feature) !== 0).flatMap(([, bit]) => bit);
}

/** A kind of VM. */
interface Kind {
  readonly policy: Policy;
  /** A guest's driver features besides its offloads; undefined for a VM on a socket. */
  readonly driver?: readonly number[];
  readonly buffers?: readonly [count: number, bytes: number, layout?: Layout];
  readonly socket?: "stream" | "dgram";
}

const RING = [Bit.ANY_LAYOUT, Bit.INDIRECT_DESC, Bit.EVENT_IDX, Bit.PROTOCOL_FEATURES];
const MODERN = [...RING, Bit.VERSION_1], MERGING = [...MODERN, Bit.MRG_RXBUF];
/** As Linux gives them without MRG_RXBUF: 17 pages, the header apart. */
const PAGES: Layout = { cuts: [0, ...Array.from({ length: 16 }, (_, i) => (i + 1) * 4096)] };
const LARGE_BUFFER = 12 + 17 * 4096;

function guest(
  features: number,
  vnetHdr: 10 | 12,
  driver: readonly number[],
  buffers: Kind["buffers"],
): Kind {
  const policy = { ...NO_OFFLOAD, sends: features, accepts: features, vnetHdr };
  return { policy, driver, ...(buffers === undefined ? {} : { buffers }) };
}

const { sends, accepts } = clients["krunkit-offload"];

/** Kinds of VMs by name. */
export const KINDS: Readonly<Record<string, Kind>> = {
  "guest, all": guest(TSO | ECN | USO, 12, MERGING, [256, 1536]),
  "guest, all, in odd buffers": guest(TSO | ECN | USO, 12, MERGING, [64, 1400, {
    cuts: [-3, 0, 7],
  }]),
  "guest, TSO without ECN": guest(TSO, 12, MERGING, [256, 4096]),
  "guest, one buffer a frame": guest(TSO | USO, 12, MODERN, [8, LARGE_BUFFER, PAGES]),
  "guest, one buffer in a table": guest(TSO, 12, MODERN, [8, LARGE_BUFFER, {
    ...PAGES,
    direct: 0,
  }]),
  "guest, legacy header": guest(TSO | ECN, 10, RING, [8, LARGE_BUFFER, PAGES]),
  "guest, only checksums": guest(CSUM, 12, MERGING, [256, 1536]),
  "guest, nothing": guest(0, 12, MERGING, [256, 1536]),
  "guest, nothing, legacy": guest(0, 10, [Bit.PROTOCOL_FEATURES], [128, 1600]),
  "dgram, krunkit": { policy: { ...NO_OFFLOAD, sends, accepts, finish: true }, socket: "dgram" },
  "dgram, nothing": { policy: NO_OFFLOAD, socket: "dgram" },
  "stream, QEMU": { policy: { ...NO_OFFLOAD, maxFrame: 69_632 }, socket: "stream" },
  "stream, vnet header": {
    policy: { ...NO_OFFLOAD, sends: TSO, accepts: TSO, vnetHdr: 12 },
    socket: "stream",
  },
};

/** A VM: what it sends and gets are frames behind a vnet header, if it has one. */
export interface OffloadVm {
  readonly n: number;
  readonly kind: Kind;
  readonly wires: Uint8Array[];
  send(wire: Uint8Array, layout?: Layout): boolean;
}

/** See the head of this file. */
export class OffloadLab extends TrafficLab {
  /** A VM of this kind on a port of its own, known to the switch. */
  vm(n: number, kind: Kind): OffloadVm {
    const vm = kind.socket === undefined
      ? this.#guest(n, kind)
      : this.#socket(n, kind, kind.socket);
    this.settle();
    assert(vm.send(udpWire({ from: n, to: 200, payload: [1] }, kind.policy.vnetHdr)));
    this.settle();
    for (const station of this.stations) station.poll();
    return vm;
  }

  /** Send, waiting for room. */
  pass(from: OffloadVm, wire: Uint8Array, layout?: Layout): void {
    this.until("there is room to send", () => from.send(wire, layout));
  }

  override close(): void {
    this.settle();
    this.verify();
    for (const each of this.stations.splice(0)) each.close();
    this.settle();
    this.house.stop();
    while (this.engine.kernel.sharing!.closing() > 0);
    Deno.removeSync(this.folder, { recursive: true });
  }

  #guest(n: number, kind: Kind): OffloadVm {
    const name = `p${n}`, { policy, driver = [], buffers: [count, bytes, layout] = [0, 0] } = kind;
    this.open(name, "vhost-user", { sends: 63, accepts: 63 });
    const wanted = bits(...driver, ...bitsOf(policy.sends));
    const regions = [
      { guest: 0, bytes: 2 << 20, file: 0 },
      { guest: 2 ** 32, bytes: 10 << 20, file: 0, offset: 2 << 20 },
    ];
    const front = this.front(name, { plan: { wanted }, guest: { regions } });
    boot(front);
    const { receive, transmit } = front.guest, wires: Uint8Array[] = [];
    receive.post(count, bytes, layout);
    this.#add(n, {
      front,
      send: () => false,
      poll: () => {
        let used = 0;
        for (let one = receive.next(); one !== undefined; one = receive.next()) {
          wires.push(wireOf(one.header, one.frame, policy.vnetHdr));
          used += one.chains;
        }
        if (receive.post(used, bytes, layout) > 0) receive.ring.kick();
        transmit.reclaim();
      },
      close: () => front.close(),
    });
    const { vnetHdr } = policy;
    const send = (wire: Uint8Array, how?: Layout) => {
      const header = takeVnet(new DataView(wire.buffer, wire.byteOffset, vnetHdr));
      return transmit.transmit(wire.subarray(vnetHdr), { header, ...(how ? { layout: how } : {}) });
    };
    return { n, kind, wires, send };
  }

  #socket(n: number, kind: Kind, socket: "stream" | "dgram"): OffloadVm {
    const name = `p${n}`, path = this.path(name), wires: Uint8Array[] = [];
    this.open(name, socket, { ...kind.policy, clients: "replace" });
    const vm = socket === "stream"
      ? new StreamVm(machine, n, { path })
      : new DgramVm(machine, n, { path, own: `${path}-vm`, like: "vfkit" });
    vm.onFrame = (frame) => void wires.push(frame.slice());
    const close = () => vm.close(), poll = () => void vm.poll();
    this.#add(n, { send: () => false, poll, close });
    return { n, kind, wires, send: (wire) => vm.sendBytes(wire) };
  }

  #add(n: number, part: Part): void {
    const station: Station = Object.assign({ n, expected: new Map(), arrived: 0 }, part);
    this.stations.push(station);
  }
}

/** TCP payload that a VM got since the last time, verified; it is to begin at `seq`, without a gap. */
export function tcpData(vm: OffloadVm, seq: number): Uint8Array {
  const bytes: number[] = [];
  for (const segment of vm.wires.splice(0).flatMap((wire) => receive(wire, vm.kind.policy))) {
    assertEquals(segment.seq, (seq + bytes.length) % 2 ** 32, "in order, without a gap");
    for (const byte of segment.payload) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** Payloads of the UDP datagrams that a VM got, verified, large ones cut as their header says. */
export function datagrams(vm: OffloadVm): Uint8Array[] {
  return vm.wires.splice(0).flatMap((wire) => {
    const { vnetHdr, accepts } = vm.kind.policy, frame = wire.slice(vnetHdr);
    const zeros = new Uint8Array(12);
    zeros.set(wire.subarray(0, vnetHdr));
    const header = takeVnet(new DataView(zeros.buffer));
    assert(header.flags === 0 || (accepts & CSUM) !== 0, "an unfinished checksum");
    finishChecksum(header, frame);
    if (header.gsoType === 0) return [frame];
    assertEquals([header.gsoType, header.flags], [UDP_L4, 1]);
    assert((accepts & USO) !== 0, "a frame to be cut");
    return naiveUdp(frame, header.gsoSize);
  }).map((frame) => {
    const { faults, payload, unfinished } = readPacket(frame)!;
    assertEquals([faults, unfinished], [[], false]);
    return payload;
  });
}

function wireOf(
  header: ReturnType<typeof takeVnet>,
  frame: Uint8Array,
  vnetHdr: number,
): Uint8Array {
  const wire = new Uint8Array(vnetHdr + frame.length), view = new DataView(wire.buffer);
  view.setUint8(0, header.flags);
  view.setUint8(1, header.gsoType);
  view.setUint16(2, header.headerLength, true);
  view.setUint16(4, header.gsoSize, true);
  view.setUint16(6, header.checksumStart, true);
  view.setUint16(8, header.checksumOffset, true);
  if (vnetHdr === 12) view.setUint16(10, 1, true);
  wire.set(frame, vnetHdr);
  return wire;
}
