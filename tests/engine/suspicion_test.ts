/**
 * Suspicion: what it says of a VM that does not send what its port declares, and that it says nothing of others.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Suspicion } from "../../src/engine/suspicion.ts";
import { Feature } from "../../src/offload/features.ts";
import { Batch } from "../../src/port/batch.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { filler, l4Of, tcpFrame, udpFrame, viewOf } from "../offload/frames.ts";
import { complement, onesSum } from "../offload/naive_checksum.ts";
import { verifies } from "../offload/naive_segment.ts";
import { payloads, tcpShapes, udpShapes } from "../offload/shapes.ts";
import { tcpWire } from "../offload/wire.ts";
import { configOf } from "./scripted_port.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const { CSUM, TSO4, TSO6, UFO } = Feature;
const HINT = "use client=krunkit-offload, or sends= with what this VM offloads";

/** What is said of frames that a port with these options has read: the last one ends with the memory. */
function saidOf(frames: readonly Uint8Array[], options: Partial<PortConfig> = {}) {
  const u8 = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  const batch = new Batch();
  let at = 0;
  for (const frame of frames) {
    u8.set(frame, at);
    batch.at[batch.count] = at;
    batch.length[batch.count++] = frame.length;
    at += frame.length;
  }
  return new Suspicion(new DataView(u8.buffer)).look(batch, configOf("p", options));
}

/** Bytes, as in a hex dump. */
function hex(text: string): Uint8Array {
  return Uint8Array.from(text.trim().split(/\s+/), (octet) => parseInt(octet, 16));
}

Deno.test("Suspicion names an unfinished checksum from a port that declares none", () => {
  const small = tcpFrame({ payload: filler(24), checksum: "partial" });
  assertEquals(
    saidOf([small]),
    `78-byte frame with an unfinished checksum from a port declared offload=off; ${HINT}`,
  );
  const large = tcpFrame({ payload: filler(65_482), checksum: "partial" });
  assertEquals(
    saidOf([large], { asked: "client=krunkit" }),
    `64 KiB frame with an unfinished checksum from a port declared client=krunkit; ${HINT}`,
  );
  for (const version of [4, 6] as const) {
    for (const tags of [[], [0x8100_0064], [0x88a8_0001, 0x8100_0002]]) {
      const shape = { version, tags, payload: filler(100), checksum: "partial" } as const;
      for (const frame of [tcpFrame(shape), udpFrame(shape)]) {
        assertEquals(saidOf([frame])?.includes("unfinished checksum"), true);
        assertEquals(saidOf([frame], { sends: CSUM }), undefined, "declared");
      }
    }
  }
});

Deno.test("Suspicion names the feature that is missing for a large frame", () => {
  const shape = { payload: filler(20_000), checksum: "partial" } as const;
  const [tcp4, tcp6] = [tcpFrame(shape), tcpFrame({ ...shape, version: 6 })];
  const udp = udpFrame(shape);
  const of = (declared: string, fix: string) =>
    `20 KiB frame to be cut from a port declared ${declared}; use ${fix}`;
  assertEquals(saidOf([tcp4], { sends: CSUM }), of("sends=csum", "sends=csum+tso4"));
  const both = "sends=csum+tso4+tso6";
  assertEquals(saidOf([tcp6], { sends: CSUM | TSO4 }), of("sends=csum+tso4", both));
  const asked = { sends: CSUM | TSO6, asked: "sends=csum+tso6,mtu=1500" };
  assertEquals(saidOf([udp], asked), of(asked.asked, "sends=csum+tso6+ufo"));
  const short = { sends: CSUM | TSO4 | TSO6, asked: "offload=on" };
  const fix = "sends=csum+tso4+tso6+ufo and accepts= in place of offload=";
  assertEquals(saidOf([udp], short), of("offload=on", fix));
  assertEquals(saidOf([tcp4, tcp6, udp], { sends: CSUM | TSO4 | TSO6 | UFO }), undefined);
  assertEquals(saidOf([tcp4], { sends: CSUM, mtu: 65_535 }), undefined, "not large");
});

Deno.test("Suspicion names a vnet header that was not declared, and how long it is", () => {
  for (const vnet of [10, 12] as const) {
    const expected = `its frames begin with a virtio-net header of ${vnet} bytes, ` +
      `which was not declared; use vnet-hdr=${vnet}`;
    const payload = filler(3000), broadcast = new Uint8Array(vnet + 60);
    broadcast.set(hex("ff ff ff ff ff ff 02 00 00 00 00 01 08 06"), vnet);
    const wires = [
      tcpWire({ payload: filler(100) }, vnet),
      tcpWire({ payload: filler(100), checksum: "partial" }, vnet),
      tcpWire({ payload, checksum: "partial" }, vnet, 1460),
      tcpWire({ payload, checksum: "partial", version: 6, flags: 0x90 }, vnet, 1440),
      tcpWire({ payload: [], tags: [0x8100_0001] }, vnet),
      broadcast,
    ];
    for (const wire of wires) {
      assertEquals(saidOf([wire]), expected);
      assertEquals(saidOf([wire], { vnetHdr: vnet }), undefined, "declared");
    }
  }
});

Deno.test("Suspicion.hintWithout() knows a frame that stands where a vnet header belongs", () => {
  const hint = "; it looks like a frame without one: use vnet-hdr=0";
  const cases: [Uint8Array, string][] = [
    [tcpFrame({}), hint],
    [tcpFrame({ version: 6, tags: [0x8100_0001] }), hint],
    [tcpFrame({ tags: [0x88a8_0001] }), hint],
    [tcpFrame({}).subarray(0, 14), hint],
    [tcpFrame({}).subarray(0, 13), ""],
    [new Uint8Array(), ""],
    [new Uint8Array(60), ""],
    [tcpWire({}, 12), ""],
  ];
  for (const [bytes, expected] of cases) {
    const suspicion = new Suspicion(new DataView(bytes.slice().buffer));
    assertEquals(suspicion.hintWithout(0, bytes.length), expected);
  }
});

Deno.test("Suspicion has no false alarm about ordinary traffic: random frames", () => {
  const checksum = fc.constantFrom("full" as const, "none" as const);
  const tcp = fc.tuple(tcpShapes, payloads(0, 3000))
    .map(([shape, payload]) => tcpFrame({ ...shape, payload, checksum: "full" }));
  const udp = fc.tuple(udpShapes, payloads(0, 3000), checksum)
    .map(([shape, payload, checksum]) => udpFrame({ ...shape, payload, checksum }));
  const sends = fc.constantFrom(0, CSUM, CSUM | TSO4);
  const frames = fc.array(fc.oneof(tcp, udp), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(frames, sends, fc.constantFrom(0, 68, 1500), (all, sends, mtu) => {
      assertEquals(saidOf(all, { sends, mtu }), undefined);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

Deno.test("Suspicion has no false alarm about a checksum that is equal to its seed, and right", () => {
  for (const version of [4, 6] as const) {
    for (const [make, protocol] of [[tcpFrame, 6], [udpFrame, 17]] as const) {
      const payload = filler(100);
      payload.set([0, 0], 98);
      const frame = make({ version, payload, checksum: "partial" });
      // The last word makes up for all others.
      const rest = make({ version, payload, checksum: "none" });
      const field = l4Of({ version }) + (protocol === 6 ? 16 : 6);
      const seed = viewOf(frame).getUint16(field);
      const addresses = frame.subarray(version === 4 ? 26 : 22, l4Of({ version }));
      const length = frame.length - l4Of({ version });
      const all = onesSum(addresses, [0, protocol, 0, length], rest.subarray(l4Of({ version })));
      viewOf(frame).setUint16(
        frame.length - 2,
        complement(onesSum([all >> 8, all & 255, seed >> 8, seed & 255])),
      );
      assertEquals(verifies(frame, protocol), true);
      assertEquals(saidOf([frame]), undefined);
    }
  }
});

Deno.test("Suspicion has no false alarm about frames that look a little like others", () => {
  const bytes = (start: string, length: number) => {
    const frame = filler(length);
    frame.set(hex(start));
    return frame;
  };
  const frames = {
    arp: bytes("ff ff ff ff ff ff 02 00 00 00 00 01 08 06 00 01 08 00 06 04 00 01", 42),
    padded: bytes("02 00 00 00 00 02 02 00 00 00 00 01 08 06 00 01 08 00 06 04 00 02", 60),
    // A bridge whose root has an address that begins with 08 00, and one of VLAN 256.
    bpdu: bytes(
      `01 80 c2 00 00 00 02 00 00 00 00 07 00 26 42 42 03 00 00 00 00 00 80 00 08 00 27 12 34 56`,
      60,
    ),
    "bpdu of a VLAN": bytes(
      `01 00 0c cc cc cd 02 00 00 00 00 07 00 26 42 42 03 00 00 00 00 00 81 00 0c 00 27 12 34 56`,
      60,
    ),
    lldp: bytes(
      "01 80 c2 00 00 0e 02 00 00 00 00 07 88 cc 02 07 04 02 00 00 00 00 07 04 08 00",
      80,
    ),
    "provider tag": tcpFrame({ tags: [0x88a8_0001], id: 0x0800, payload: [1] }),
    "two tags": tcpFrame({ tags: [0x88a8_0001, 0x8100_0001], payload: filler(2008) }),
    pppoe: bytes(
      "02 00 00 00 00 02 02 00 00 00 00 01 88 64 11 00 00 01 08 02 00 21 45 00 08 00",
      2070,
    ),
    loopback: bytes("02 00 00 00 00 02 02 00 00 00 00 01 90 00 00 00 01 00 00 00 00 00 08 00", 60),
    fragment: udpFrame({
      version: 6,
      payload: filler(20),
      checksum: "partial",
      extensions: [{ protocol: 44, data: [0, 1, 0, 0, 0, 1] }],
    }),
    "longer than its frame": tcpFrame({ payload: filler(100), checksum: "partial" }).subarray(
      0,
      150,
    ),
  };
  for (const [name, frame] of Object.entries(frames)) {
    assertEquals(saidOf([frame]), undefined, name);
  }
});

Deno.test("Suspicion survives any bytes and reads none behind the frame: random bytes", () => {
  const changed = fc.tuple(
    fc.oneof(
      fc.tuple(tcpShapes, payloads(0, 200)).map(([shape, payload]) =>
        tcpFrame({ ...shape, payload })
      ),
      fc.uint8Array({ maxLength: 80 }),
    ),
    fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 4 }),
    fc.nat(250),
  ).map(([frame, changes, length]) => {
    for (const [at, byte] of changes) if (at < frame.length) frame[at] = byte;
    return frame.subarray(0, length);
  });
  // Memory ends with the frame: reading on would throw.
  fc.assert(
    fc.property(changed, fc.nat(63), (frame, sends) => void saidOf([frame], { sends })),
    { seed: SEED, numRuns: 3000 },
  );
});

Deno.test("Suspicion.isDue() looks at each port ten times a second", () => {
  const suspicion = new Suspicion(new DataView(new ArrayBuffer(0)));
  const times = (row: number, until: number) =>
    Array.from({ length: until }, (_, ms) => suspicion.isDue(row, 1000 + ms)).filter(Boolean)
      .length;
  assertEquals([times(0, 1000), times(7, 250)], [10, 3]);
});
