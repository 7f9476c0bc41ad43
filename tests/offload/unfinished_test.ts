/**
 * What a frame leaves unfinished: as its vnet header says, or as a look at it shows.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Gso } from "../../src/frame/vnet.ts";
import { Feature, type Features } from "../../src/offload/features.ts";
import { Unfinished } from "../../src/offload/unfinished.ts";
import { VNET_BYTES, type VnetHeader, withVnet } from "../support/vnet_header.ts";
import {
  filler,
  l3Of,
  l4Of,
  type PacketShape,
  tcpFrame,
  tcpPayloadOf,
  type TcpShape,
  udpFrame,
  viewOf,
} from "./frames.ts";
import { onesSum } from "./naive_checksum.ts";
import { tcpShapes } from "./shapes.ts";

const { CSUM, TSO4, TSO6, UFO, USO, ECN } = Feature;
const ALL = CSUM | TSO4 | TSO6 | UFO | USO | ECN;
const NOTHING = { partial: false, gso: Gso.NONE, needed: 0 };

/** Look at a frame without a vnet header. */
function look(frame: Uint8Array, sends: Features, mtu = 1500, ownMtu = mtu): Unfinished {
  const state = new Unfinished();
  state.look(viewOf(frame), 0, frame.length, sends, ownMtu, mtu);
  return state;
}

/** What a vnet header of 12 bytes in front of a frame says. */
function read(header: Partial<VnetHeader>, frame: Uint8Array): { state: Unfinished; at: number } {
  const none = {
    flags: 0,
    gsoType: 0,
    headerLength: 0,
    gsoSize: 0,
    checksumStart: 0,
    checksumOffset: 0,
  };
  const state = new Unfinished(), view = viewOf(withVnet({ ...none, ...header }, frame));
  state.readHeader(view, 0);
  state.walk(view, VNET_BYTES, frame.length);
  return { state, at: VNET_BYTES };
}

/** The parts that are about checksum and cutting. */
function summary({ partial, gso, needed }: Unfinished) {
  return { partial, gso, needed };
}

Deno.test("Unfinished.look() sees nothing where nothing is declared", () => {
  for (const checksum of ["full", "partial", "bad", "none"] as const) {
    const frame = tcpFrame({ checksum, payload: filler(4000) });
    assertEquals(summary(look(frame, 0)), NOTHING);
  }
});

Deno.test("Unfinished.look() finds an unfinished checksum, and takes no finished one for one", () => {
  for (const version of [4, 6] as const) {
    for (const build of [tcpFrame, udpFrame]) {
      for (const tags of [[], [0x8100_0064], [0x88a8_0001, 0x8100_0064]]) {
        const shape: PacketShape = { version, tags, payload: filler(100) };
        const state = look(build({ ...shape, checksum: "partial" }), CSUM);
        assertEquals(summary(state), { ...NOTHING, partial: true });
        assertEquals([state.start, state.offset], [l4Of(shape), build === tcpFrame ? 16 : 6]);
        assert(state.isOrdinary(0));
        for (const checksum of ["full", "bad", "none"] as const) {
          assertEquals(summary(look(build({ ...shape, checksum }), CSUM)), NOTHING, checksum);
        }
      }
    }
  }
});

Deno.test("Unfinished.look() calls a frame large beyond the MTU, and names the size that fits", () => {
  for (const version of [4, 6] as const) {
    const type = version === 4 ? Gso.TCPV4 : Gso.TCPV6, needed = version === 4 ? TSO4 : TSO6;
    for (const mtu of [576, 1500, 9000]) {
      const shape: TcpShape = { version, tcpOptions: filler(12), tags: [0x8100_0001] };
      const room = mtu - (tcpPayloadOf(shape) - l3Of(shape));
      const fits = tcpFrame({ ...shape, payload: filler(room) });
      assertEquals(look(fits, ALL, mtu).gso, Gso.NONE);
      const state = look(tcpFrame({ ...shape, payload: filler(room + 1) }), ALL, mtu);
      assertEquals([state.gso, state.needed, state.size], [type, needed, room]);
      assertEquals(
        look(tcpFrame({ ...shape, payload: filler(room + 1) }), ALL & ~needed, mtu).gso,
        0,
      );

      const datagram = { version, payload: filler(mtu) };
      const ufo = look(udpFrame(datagram), ALL, mtu);
      // Fragments begin at multiples of 8 bytes, and those of IPv6 have a header more.
      const inIp = mtu - (l4Of(datagram) - l3Of(datagram)) - (version === 6 ? 8 : 0);
      assertEquals([ufo.gso, ufo.needed, ufo.size], [Gso.UDP, UFO, Math.floor(inIp / 8) * 8]);
      assertEquals(look(udpFrame(datagram), ALL & ~UFO, mtu).gso, 0);
    }
  }
});

Deno.test("Unfinished.look() takes the seed of a length of 0 from large frames only", () => {
  for (const version of [4, 6] as const) {
    const shape: TcpShape = { version, payload: filler(3000) }, bare = tcpFrame(shape);
    const addresses = bare.subarray(l3Of(shape) + (version === 4 ? 12 : 8), l4Of(shape));
    viewOf(bare).setUint16(l4Of(shape) + 16, onesSum(addresses, [0, 6]));
    const seeded = tcpFrame({ ...shape, checksum: "partial" });
    const after = (mtu: number, ownMtu = mtu) => {
      const frame = bare.slice(), state = look(frame, ALL, mtu, ownMtu);
      const { partial, gso } = state;
      state.writeSeed(viewOf(frame));
      // What is unfinished leaves with a seed that everybody understands.
      assertEquals(frame, partial ? seeded : bare);
      return [partial, gso !== 0];
    };
    assertEquals(after(1500), [true, true]);
    assertEquals(after(9000), [false, false]);
    // Its VM meant it to be cut, though it need not be any more; or has to be now.
    assertEquals(after(9000, 1500), [true, false]);
    assertEquals(after(1500, 9000), [true, true]);
  }
});

Deno.test("Unfinished.look() marks a large TCP frame with CWR, and no other", () => {
  const large = filler(3000);
  assertEquals(look(tcpFrame({ flags: 0x90, payload: large }), ALL).ecn, true);
  assertEquals(look(tcpFrame({ flags: 0x50, payload: large }), ALL).ecn, false);
  assertEquals(look(tcpFrame({ flags: 0x90, payload: filler(100) }), ALL).ecn, false);
  const udp = udpFrame({ payload: filler(3000, 0x80) });
  udp[14 + 20 + 13] = 0x80;
  assertEquals(look(udp, ALL).ecn, false);
});

Deno.test("Unfinished.look() does not ask for frames without a byte of payload", () => {
  const tcp = { payload: filler(100), tcpOptions: filler(20) };
  assertEquals(look(tcpFrame(tcp), ALL, 61).gso, Gso.TCPV4);
  assertEquals(look(tcpFrame(tcp), ALL, 60).gso, Gso.NONE);
  for (const [version, least] of [[4, 28], [6, 56]] as const) {
    assertEquals(look(udpFrame({ version, payload: filler(100) }), ALL, least).gso, Gso.UDP);
    assertEquals(look(udpFrame({ version, payload: filler(100) }), ALL, least - 1).gso, Gso.NONE);
  }
});

Deno.test("Unfinished.look() leaves alone what is no whole TCP or UDP packet", () => {
  const shape = { checksum: "partial", payload: filler(3000) } as const;
  const tcp = tcpFrame(shape), udp = udpFrame(shape);
  const changed = (frame: Uint8Array, at: number, byte: number) => {
    const copy = frame.slice();
    copy[at] = byte;
    return copy;
  };
  const frames = [
    tcp.subarray(0, tcp.length - 1),
    tcp.subarray(0, 40),
    tcp.subarray(0, 14),
    tcp.subarray(0, 3),
    new Uint8Array(),
    changed(tcp, 20, 0x20), // more fragments
    changed(tcp, 21, 0x01), // a later one
    changed(tcp, 23, 1), // ICMP
    changed(tcp, 12, 0x09),
    changed(tcp, 14, 0x41),
    changed(tcp, 46, 0x40),
    udp.subarray(0, udp.length - 1),
    udpFrame({ ...shape, version: 6, extensions: [{ protocol: 44, data: [0, 1, 0, 0, 0, 1] }] }),
  ];
  for (const frame of frames) assertEquals(summary(look(frame, ALL)), NOTHING);
});

Deno.test("Unfinished ends a frame with its IP packet, or where its vnet header stands, with the frame", () => {
  const frame = tcpFrame({ payload: filler(100), trailer: filler(7) });
  assertEquals(look(frame, ALL).end, frame.length - 7);
  const { state, at } = read({}, frame);
  assertEquals(state.end - at, frame.length);
});

Deno.test("Unfinished.readHeader() takes what the header says", () => {
  const shape: TcpShape = { payload: filler(3000) }, frame = tcpFrame(shape);
  const csum = { flags: 1, checksumStart: l4Of(shape), checksumOffset: 16 };
  const cut = { headerLength: tcpPayloadOf(shape), gsoSize: 1000 };
  assertEquals(summary(read({}, frame).state), NOTHING);
  const { state: partial, at } = read(csum, frame);
  assertEquals(summary(partial), { ...NOTHING, partial: true });
  assertEquals([partial.start, partial.offset, partial.isOrdinary(at)], [34, 16, true]);
  const needs = [[Gso.TCPV4, TSO4], [Gso.TCPV6, TSO6], [Gso.UDP, UFO], [Gso.UDP_L4, USO]] as const;
  for (const [type, needed] of needs) {
    const { state } = read({ ...csum, ...cut, gsoType: type }, frame);
    assertEquals(summary(state), { partial: true, gso: type, needed });
    assertEquals([state.size, state.ecn], [1000, false]);
  }
  const { state } = read({ ...csum, ...cut, gsoType: Gso.TCPV4 | Gso.ECN }, frame);
  assertEquals([state.gso, state.needed, state.ecn], [Gso.TCPV4, TSO4, true]);
});

Deno.test("Unfinished.isOrdinary() is false for a checksum in another place", () => {
  const frame = tcpFrame({ payload: filler(100) }), udp = udpFrame({ payload: filler(100) });
  const place = (checksumStart: number, checksumOffset: number, of: Uint8Array) => {
    const { state, at } = read({ flags: 1, checksumStart, checksumOffset }, of);
    return state.isOrdinary(at);
  };
  assertEquals([place(34, 16, frame), place(34, 6, udp)], [true, true]);
  assertEquals([place(34, 14, frame), place(54, 16, frame), place(34, 16, udp)], [
    false,
    false,
    false,
  ]);
  frame[23] = 47; // GRE
  assertEquals(place(34, 16, frame), false);
});

Deno.test("Unfinished describes each frame anew, whatever was before it: random frames in a row", () => {
  const payload = fc.constantFrom(0, 50, 2000, 5000).map((bytes) => filler(bytes));
  const frames = fc.tuple(tcpShapes, payload).map(([shape, payload]) => ({ ...shape, payload }));
  const state = new Unfinished();
  fc.assert(
    fc.property(frames, fc.nat(ALL), fc.boolean(), (shape, sends, told) => {
      const frame = tcpFrame(shape);
      if (told) {
        const header = {
          flags: 1,
          gsoType: 0x81,
          gsoSize: 9,
          checksumStart: 34,
          checksumOffset: 6,
        };
        state.readHeader(viewOf(withVnet({ ...header, headerLength: 0 }, frame)), 0);
      } else state.look(viewOf(frame), 0, frame.length, sends, 1500, 1500);
      state.look(viewOf(frame), 0, frame.length, sends, 1500, 1500);
      const fresh = look(frame, sends), { gso, partial } = fresh;
      assertEquals([state.gso, state.partial, state.ecn], [gso, partial, fresh.ecn]);
      if (gso !== Gso.NONE) assertEquals(state.size, fresh.size);
      if (partial) assertEquals([state.start, state.offset], [fresh.start, fresh.offset]);
      state.walk(viewOf(frame), 0, frame.length);
      fresh.walk(viewOf(frame), 0, frame.length);
      assertEquals(state.end, fresh.end);
    }),
  );
});
