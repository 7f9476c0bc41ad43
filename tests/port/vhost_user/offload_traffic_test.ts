import { assert, assertEquals } from "@std/assert";
import { Column, COLUMNS } from "../../../src/engine/counters.ts";
import { Feature } from "../../../src/offload/features.ts";
import { filler, tcpFrame, type TcpShape } from "../../offload/frames.ts";
import { tcpWire, udpWire } from "../../offload/wire.ts";
import { APART, INDIRECT, type Layout, WHOLE } from "../../support/vhost_frontend/layout.ts";
import { datagrams, KINDS, OffloadLab, type OffloadVm, tcpData } from "./offload_lab.ts";

const { CSUM, TSO4, TSO6, ECN, USO } = Feature;
const SEQ = 4_294_900_000, MSS = 1220, BYTES = 150_000;
const CWR_ACK = 0x90, ACK = 0x10;
/** Ways for a frame to lie in a guest: also with its headers in pieces. */
const LAYOUTS: readonly Layout[] = [
  WHOLE,
  APART,
  INDIRECT,
  { cuts: [-7, -1, 0, 13, 14, 20, 40, 54, 60] },
  { cuts: [0, 30, 30, 4000, 20_000], direct: 1 },
  { cuts: Array.from({ length: 90 }, (_, i) => 54 + i * 500), direct: 0 },
];

/** A connection's frames as its VM sends them, as large as it may. */
function connection(from: OffloadVm, to: OffloadVm, version: 4 | 6) {
  const { policy } = from.kind, data = filler(BYTES, from.n), wires: Uint8Array[] = [];
  const isLarge = (policy.sends & (version === 4 ? TSO4 : TSO6)) !== 0;
  for (let sent = 0; sent < BYTES;) {
    // Mostly as long as it can be, and some that are shorter than two segments.
    const most = !isLarge ? MSS : wires.length % 3 === 2 ? 2000 : 60_000;
    const payload = data.subarray(sent, sent + most), isCut = payload.length > MSS;
    const shape: TcpShape = {
      ...{ version, from: from.n, to: to.n, fromPort: 1000, seq: (SEQ + sent) % 2 ** 32, payload },
      id: Math.floor(sent / MSS) & 0xffff,
      flags: isCut && (policy.sends & ECN) !== 0 && wires.length % 2 === 1 ? CWR_ACK : ACK,
      checksum: (policy.sends & CSUM) !== 0 ? "partial" : "full",
    };
    wires.push(tcpWire(shape, policy.vnetHdr, isCut ? MSS : 0));
    sent += payload.length;
  }
  return { wires, data };
}

/** Sum of a counter. */
function sum(lab: OffloadLab, column: number): number {
  let all = 0;
  for (let at = column; at < lab.engine.cells.length; at += COLUMNS) all += lab.engine.cells[at];
  return all;
}

function same(got: Uint8Array, wanted: Uint8Array): void {
  assertEquals(got.length, wanted.length);
  assert(got.every((byte, i) => byte === wanted[i]), "the same bytes");
}

/** Send a connection; the other VM gets all of it, and nothing that it does not take. */
function talk(lab: OffloadLab, from: OffloadVm, to: OffloadVm, version: 4 | 6): void {
  from.wires.length = to.wires.length = 0;
  const { wires, data } = connection(from, to, version);
  for (const [i, wire] of wires.entries()) lab.pass(from, wire, layoutFor(from, i));
  untilArrived(lab, to, data.length);
  same(tcpData(to, SEQ), data);
}

/** Turns until as much has arrived as there is payload, and until nothing more does. */
function untilArrived(lab: OffloadLab, to: OffloadVm, bytes: number): void {
  const length = () => to.wires.reduce((sum, wire) => sum + wire.length, 0);
  lab.until(`${bytes} bytes`, () => length() >= bytes);
  for (let before = -1; before < length();) {
    before = length();
    lab.settle();
    for (const station of lab.stations) station.poll();
  }
}

function layoutFor({ kind: { driver = [] } }: OffloadVm, i: number): Layout {
  const layout = LAYOUTS[i % LAYOUTS.length];
  return driver.length > 1 || layout.cuts === undefined ? layout : { cuts: layout.cuts };
}

for (const [nameA, kindA] of Object.entries(KINDS)) {
  if (kindA.socket !== undefined) continue;
  Deno.test(`vhost-user offload: "${nameA}" and a VM of every kind talk to each other`, () => {
    for (const [nameB, kindB] of Object.entries(KINDS)) {
      const lab = new OffloadLab(), a = lab.vm(1, kindA), b = lab.vm(2, kindB);
      try {
        for (const version of [4, 6] as const) {
          talk(lab, a, b, version);
          talk(lab, b, a, version);
        }
        lab.close();
        const lost = lab.logs.filter((text) =>
          !/connected|negotiated|buffers|its VM was full .* nothing dropped/.test(text)
        );
        assertEquals(lost, []);
      } catch (error) {
        throw new Error(`${nameA}, ${nameB}: ${error}; ${lab.text}`, { cause: error });
      }
    }
  });
}

Deno.test("vhost-user offload: large frames are cut for a guest without, and put together for one with", () => {
  const lab = new OffloadLab();
  const all = lab.vm(1, KINDS["guest, all"]), none = lab.vm(2, KINDS["guest, nothing"]);
  talk(lab, all, none, 4);
  assert(sum(lab, Column.segments) > BYTES / MSS, "cut");
  assertEquals(sum(lab, Column.merged), 0);
  const { wires, data } = connection(none, all, 4);
  for (const wire of wires.slice(0, 100)) assert(none.send(wire)); // there at once
  lab.settle();
  for (const station of lab.stations) station.poll();
  assert(sum(lab, Column.merged) >= 90, "put together");
  assert(all.wires.length < 10, `${all.wires.length} frames`);
  same(tcpData(all, SEQ), data.subarray(0, 100 * MSS));
  lab.close();
});

Deno.test("vhost-user offload: large UDP frames arrive as the datagrams they are, whoever gets them", () => {
  for (const [name, kind] of Object.entries(KINDS)) {
    const lab = new OffloadLab(), a = lab.vm(1, KINDS["guest, all"]), b = lab.vm(2, kind);
    for (const version of [4, 6] as const) {
      b.wires.length = 0;
      LAYOUTS.forEach((layout, i) => {
        const payload = filler(20_000 + i * 7, i), shape = { version, from: 1, to: 2, payload };
        lab.pass(a, udpWire({ ...shape, checksum: "partial" }, 12, 5, 1200), layout);
      });
      untilArrived(lab, b, LAYOUTS.length * 20_000);
      const got = datagrams(b),
        wanted = LAYOUTS.flatMap((_, i) => {
          const data = filler(20_000 + i * 7, i);
          return Array.from({ length: 17 }, (_, k) => data.slice(k * 1200, (k + 1) * 1200));
        });
      assertEquals(got.length, wanted.length, name);
      got.forEach((payload, i) => same(payload, wanted[i]));
    }
    assertEquals((kind.policy.accepts & USO) !== 0, sum(lab, Column.segmented) === 0, name);
    lab.close();
  }
});

Deno.test("vhost-user offload: a flooded frame arrives at guests with buffers of every size, as each takes it", () => {
  const names = Object.keys(KINDS);
  for (let turn = 0; turn < names.length; turn += 3) {
    // The order decides who finds it as the one before has left it.
    const order = [...names.slice(turn), ...names.slice(0, turn)];
    const lab = new OffloadLab(), from = lab.vm(1, KINDS["guest, all"]);
    const vms = order.map((name, i) => lab.vm(i + 2, KINDS[name]));
    for (const vm of vms) vm.wires.length = 0;
    // The last one is a buffer for the one and two for the other.
    const data = filler(151_400), most = 50_000;
    for (let sent = 0; sent < data.length; sent += most) {
      const payload = data.subarray(sent, sent + most);
      const shape = { from: 1, to: 200, seq: (SEQ + sent) % 2 ** 32, id: sent / MSS | 0, payload };
      const wire = tcpWire({ ...shape, checksum: "partial" }, 12, payload.length < most ? 0 : MSS);
      lab.pass(from, wire, LAYOUTS[(turn + sent / most) % LAYOUTS.length]);
      lab.settle();
      for (const station of lab.stations) station.poll();
    }
    for (const [i, vm] of vms.entries()) {
      untilArrived(lab, vm, data.length);
      try {
        same(tcpData(vm, SEQ), data);
      } catch (error) {
        throw new Error(`${order[i]}, number ${i} of ${turn}: ${error}`, { cause: error });
      }
    }
    lab.close();
  }
});

Deno.test("vhost-user offload: what a guest leaves unfinished without having negotiated it is dropped and counted", () => {
  const lab = new OffloadLab();
  const none = lab.vm(1, KINDS["guest, nothing"]), b = lab.vm(2, KINDS["guest, all"]);
  b.wires.length = 0;
  const payload = filler(3000), frame = { from: 1, to: 2, payload, checksum: "partial" } as const;
  for (const layout of LAYOUTS) {
    assert(none.send(tcpWire(frame, 12, 1000), layout));
    assert(none.send(tcpWire({ ...frame, payload: payload.subarray(0, 900) }, 12), layout));
  }
  const good = tcpFrame({ from: 1, to: 2, payload: payload.subarray(0, 100) });
  const wire = new Uint8Array(12 + good.length);
  wire.set(good, 12);
  assert(none.send(wire));
  lab.settle();
  for (const station of lab.stations) station.poll();
  assertEquals(b.wires.length, 1);
  const report = sum(lab, Column.drops + 14);
  assertEquals(report, 2 * LAYOUTS.length, "undeclared");
  lab.close();
});
