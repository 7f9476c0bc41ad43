/**
 * Frames behind vnet headers, in and out of ports of every kind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Feature } from "../../src/offload/features.ts";
import { Errno } from "../../src/platform/errno.ts";
import { filler, tcpFrame, type TcpShape, viewOf } from "../offload/frames.ts";
import { tcpWire } from "../offload/wire.ts";
import { concat, record } from "../switch/frames.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { start, WAYS } from "./vnet_lab.ts";

const { CSUM, TSO4, TSO6 } = Feature;
const ALL = { sends: CSUM | TSO4 | TSO6, accepts: CSUM | TSO4 | TSO6 } as const;
const HEADERS = [10, 12] as const;

/** From VM 1 to VM 2: small and large, finished and not. */
const SHAPES: readonly TcpShape[] = [
  { payload: filler(100) },
  { payload: filler(101), checksum: "partial", version: 6 },
  { payload: filler(30_000), checksum: "partial" },
  { payload: filler(65_000), checksum: "partial", version: 6, flags: 0x18 },
  { payload: [], tags: [0x8100_0000] }, // priority-tagged
];

/** The frames of {@linkcode SHAPES} on a wire with `vnet` bytes; as the switch sends them, when `out`. */
function wires(vnet: 0 | 10 | 12, out: boolean): Uint8Array[] {
  return SHAPES.map((shape) => {
    const wire = tcpWire(shape, vnet, shape.payload!.length > 1400 ? 1400 : 0);
    if (out && vnet === 12) wire[10] = 1; // buffers
    return wire;
  });
}

/** A small frame that is all there, behind any header. */
function behind(header: readonly number[], vnet: 10 | 12): Uint8Array {
  return concat([
    Uint8Array.from([...header, 0, 0]).subarray(0, vnet),
    tcpFrame({ payload: filler(9) }),
  ]);
}

Deno.test("ports hand on frames with their vnet headers, whatever kind they are of", () => {
  for (const way of WAYS) {
    for (const from of HEADERS) {
      for (const to of HEADERS) {
        const { lab, a, b } = start(way, { ...ALL, vnetHdr: from }, { ...ALL, vnetHdr: to });
        for (const wire of wires(from, false)) a.send(wire);
        lab.settle();
        assertEquals(b.receive(), wires(to, true), `${way}, ${from} to ${to}`);
        assertEquals(lab.count(b.port, "passed"), lab.count(b.port, "txFrames"));
        lab.stop();
      }
    }
  }
});

Deno.test("ports keep frames with their vnet headers for a VM that does not read", () => {
  for (const way of WAYS) {
    for (const vnetHdr of HEADERS) {
      const { lab, a, b } = start(way, { ...ALL, vnetHdr });
      const { faults } = lab.kernel;
      faults.on("writable", {});
      for (const call of ["send", "write"] as const) faults.on(call, { error: Errno.EAGAIN });
      for (const wire of wires(vnetHdr, false)) a.send(wire);
      lab.settle();
      assertEquals(lab.count(b.port, "queued"), SHAPES.length);
      faults.clear();
      lab.run(20);
      assertEquals(b.receive(), wires(vnetHdr, true), way);
      lab.stop();
    }
  }
});

Deno.test("a stream port cuts no frame behind a vnet header, wherever a write stops", () => {
  const frames = SHAPES.filter(({ payload }) => payload!.length < 200);
  for (const vnetHdr of HEADERS) {
    const { lab, a, b } = start("stream", { ...ALL, vnetHdr });
    const sent = frames.map((shape) => tcpWire(shape, vnetHdr));
    const expected = sent.map((wire) =>
      wire.map((byte, at) => at === 10 && vnetHdr === 12 ? 1 : byte)
    );
    for (let short = 1; short <= concat(sent.map(record)).length; short++) {
      lab.kernel.faults.clear();
      lab.kernel.faults.on("write", { nth: 1, short });
      lab.kernel.faults.on("write", { nth: 2, short: 3 });
      for (const wire of sent) a.send(wire);
      lab.run(4);
      assertEquals(b.receive(), expected, `after ${short} bytes`);
    }
    lab.stop();
  }
});

Deno.test("ports count a vnet header that contradicts its frame, and stay up", () => {
  const bad = [
    [1, 0, 0, 0, 0, 0, 200, 0, 0, 0], // a checksum behind the frame
    [0, 2, 0, 0, 9, 0, 0, 0, 0, 0], // no such type
    [1, 1, 0, 0, 0, 0, 34, 0, 16, 0], // pieces of 0 bytes
    [0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0], // headers behind the frame
  ];
  for (const way of WAYS) {
    for (const vnetHdr of HEADERS) {
      const { lab, a, b } = start(way, { ...ALL, vnetHdr });
      const before = lab.states.length;
      bad.forEach((header) => a.send(behind(header, vnetHdr)));
      const [good] = wires(vnetHdr, false);
      a.send(good);
      for (let length = 1; length < vnetHdr + 14; length++) a.send(good.subarray(0, length));
      a.send(good);
      lab.settle();
      assertEquals(b.receive().length, 2, way);
      const count = (reason: "bad-vnet" | "undeclared") => lab.count(a.port, reason);
      assertEquals([count("bad-vnet"), count("undeclared")], [bad.length + vnetHdr + 13, 0]);
      assertEquals([lab.states.length, lab.sum("runt")], [before, 0]);
      assert(lab.text(a.port).includes("dropped a frame: "), lab.text());
      lab.stop();
    }
  }
});

Deno.test("ports count what their VM leaves unfinished and they do not declare, and stay up", () => {
  for (const way of WAYS) {
    const { lab, a, b } = start(way, { sends: CSUM | TSO4, vnetHdr: 12 });
    for (const wire of wires(12, false)) a.send(wire); // one of them has TSO6
    lab.settle();
    assertEquals([lab.count(a.port, "undeclared"), lab.count(a.port, "bad-vnet")], [1, 0]);
    assertEquals(b.receive().length, 1 + 1 + Math.ceil(30_000 / 1400) + 1, way);
    assert(lab.text(a.port).includes("tso6 is not declared"), lab.text());
    lab.assertBalanced();
    const none = start(way, { vnetHdr: 10 });
    for (const wire of wires(10, false)) none.a.send(wire);
    none.lab.settle();
    assertEquals(none.lab.count(none.a.port, "undeclared"), 3);
    assertEquals(none.b.receive().length, 2);
    none.lab.stop();
    lab.stop();
  }
});

Deno.test("a datagram of no byte is a short one", () => {
  for (const way of ["dgram", "hub", "dgram fd"] as const) {
    const { lab, a } = start(way, { vnetHdr: 12 });
    a.send(new Uint8Array());
    lab.settle();
    assertEquals([lab.count(a.port, "bad-vnet"), lab.count(a.port, "rxBytes") > 0], [1, true]);
    lab.stop();
  }
});

Deno.test("a stream whose read has a refused frame in the middle sends the others, and only them", () => {
  for (const vnetHdr of HEADERS) {
    const lab = new FakeSwitch();
    const spec = { kind: "stream", clients: "replace", vnetHdr, ...ALL } as const;
    lab.open({ name: "a", target: "/run/a", ...spec }, { name: "b", target: "/run/b", ...spec });
    const [a, b] = [lab.kernel.peerStream("/run/a"), lab.kernel.peerStream("/run/b")];
    lab.settle();
    const bad = behind([0, 2, 0, 0, 9, 0, 0, 0, 0, 0], vnetHdr),
      [good, , large] = wires(vnetHdr, false);
    for (const order of ["gbg", "bgg", "ggb", "gbbgbg", "bb", "g"]) {
      const sent = [...order].map((kind, i) => kind === "b" ? bad : i === 3 ? large : good);
      // One write, so that the switch reads all of them at once.
      a.send(concat(sent.map(record)));
      lab.settle();
      const expected = sent.filter((wire) => wire !== bad);
      const got = b.receiveFrames().map((wire) => wire.subarray(vnetHdr));
      assertEquals(got, expected.map((wire) => wire.subarray(vnetHdr)), order);
    }
    assertEquals(lab.count("a", "bad-vnet"), 8);
    lab.stop();
  }
});

Deno.test("a frame behind a vnet header may be as long as any other, and no longer", () => {
  for (const way of WAYS) {
    const { lab, a, b } = start(way, { vnetHdr: 12, maxFrame: 69_632 });
    const of = (bytes: number) => {
      const wire = new Uint8Array(12 + bytes), view = viewOf(wire);
      wire.set(tcpFrame({}).subarray(0, 12), 12);
      view.setUint16(24, 0x88b5);
      return wire;
    };
    for (const bytes of [69_632, 14]) a.send(of(bytes));
    lab.settle();
    assertEquals(b.receive().map(({ length }) => length - 12), [69_632, 14], way);
    if (way.startsWith("stream")) continue; // a length that ends the connection
    a.send(of(69_633));
    lab.settle();
    assertEquals([b.receive(), lab.count(a.port, "oversize")], [[], 1]);
    lab.stop();
  }
});
