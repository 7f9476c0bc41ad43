/**
 * Frames that go out whole: with another vnet header, with a finished checksum, or with its seed again.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Gso } from "../../src/frame/vnet.ts";
import { Feature } from "../../src/offload/features.ts";
import { Unfinished } from "../../src/offload/unfinished.ts";
import { WholeFrame } from "../../src/offload/whole.ts";
import {
  filler,
  l4Of,
  type PacketShape,
  tcpFrame,
  tcpPayloadOf,
  type TcpShape,
  udpFrame,
  viewOf,
} from "./frames.ts";
import { verifies } from "./naive_segment.ts";
import { type Lead, LEADS, SegmentLab } from "./segment_lab.ts";
import { payloads, tcpShapes, udpShapes } from "./shapes.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);
const { CSUM, TSO4, TSO6, UFO, ECN } = Feature;
const ALL = CSUM | TSO4 | TSO6 | UFO | ECN;
const lab = new SegmentLab(), state = new Unfinished();
const whole = new WholeFrame(lab.view, lab.gather, state);

/** Put a frame without a vnet header into memory, and look at it. */
function lay(frame: Uint8Array, lead: Lead = LEADS[0]): void {
  lab.lay(frame, lead);
  state.look(lab.view, lab.at, frame.length, ALL, 1500, 1500);
}

/** The one frame in the gather: its vnet header and itself. Nothing else was written. */
function take({ framed, vnet }: Lead): { header: number[]; frame: Uint8Array } {
  const { frames, first, pieceAt, pieceLength, size } = lab.gather;
  assertEquals(frames, 1);
  const bytes: number[] = [];
  for (let piece = first[0]; piece < first[1]; piece++) {
    bytes.push(...lab.u8.subarray(pieceAt[piece], pieceAt[piece] + pieceLength[piece]));
  }
  const wire = Uint8Array.from(bytes.slice(framed ? 4 : 0));
  if (framed) assertEquals(viewOf(Uint8Array.from(bytes)).getUint32(0), wire.length);
  assertEquals(size[0], wire.length);
  lab.checkMemory();
  return { header: [...wire.subarray(0, vnet)], frame: wire.subarray(vnet) };
}

/** A vnet header of `bytes` bytes; numbers are little-endian. */
function header(
  bytes: number,
  flags: number,
  type: number,
  hdrLen: number,
  size: number,
  start: number,
  offset: number,
): number[] {
  const words = [hdrLen, size, start, offset, 1].flatMap((word) => [word & 255, word >> 8]);
  return [flags, type, ...words].slice(0, bytes);
}

Deno.test("WholeFrame.withHeader() says in the vnet header what the frame leaves unfinished", () => {
  const bytes = filler(3000);
  for (const lead of LEADS) {
    const { vnet } = lead;
    const send = (frame: Uint8Array) => {
      lay(frame, lead);
      whole.withHeader(lab.at, frame.length, vnet);
      const { header, frame: sent } = take(lead);
      assertEquals(sent, frame, "byte for byte");
      return header;
    };
    const small: TcpShape = { payload: filler(100) };
    assertEquals(send(tcpFrame(small)), header(vnet, 0, 0, 0, 0, 0, 0));
    const partial = send(tcpFrame({ ...small, checksum: "partial" }));
    assertEquals(partial, header(vnet, 1, 0, 0, 0, 34, 16));
    for (const version of [4, 6] as const) {
      const shape = { version, payload: bytes, checksum: "partial", tags: [0x8100_0001] } as const;
      const type = version === 4 ? Gso.TCPV4 : Gso.TCPV6, l4 = l4Of(shape), l3 = 18;
      const size = 1500 - (l4 + 20 - l3);
      assertEquals(send(tcpFrame(shape)), header(vnet, 1, type, l4 + 20, size, l4, 16));
      const congested = send(tcpFrame({ ...shape, flags: 0x90 }));
      assertEquals(congested, header(vnet, 1, type | Gso.ECN, l4 + 20, size, l4, 16));
      const datagram = send(udpFrame(shape));
      // Linux counts neither the header of an IPv6 fragment nor what is no multiple of 8.
      const fragment = Math.floor((1500 - (l4 - l3) - (version === 6 ? 8 : 0)) / 8) * 8;
      assertEquals(datagram, header(vnet, 1, Gso.UDP, l4 + 8, fragment, l4, 6));
    }
  }
});

const frames = fc.oneof(
  fc.tuple(tcpShapes, payloads(2000, 9000)).map(([shape, payload]) => ({
    tcp: true,
    shape,
    payload,
  })),
  fc.tuple(udpShapes, payloads(2000, 9000)).map(([shape, payload]) => ({
    tcp: false,
    shape,
    payload,
  })),
);

/** Frame of a shape, with a checksum of its own. */
function build(
  { tcp, shape, payload }: { tcp: boolean; shape: PacketShape; payload: Uint8Array },
  checksum: PacketShape["checksum"],
): Uint8Array {
  const all = { ...shape, payload, checksum: checksum ?? "full" };
  return tcp ? tcpFrame(all) : udpFrame(all);
}

Deno.test("WholeFrame.finish() completes the checksum of a copy, however the frame looks: random frames", () => {
  fc.assert(
    fc.property(
      frames,
      fc.constantFrom(...LEADS.filter(({ vnet }) => vnet === 0)),
      (made, lead) => {
        const frame = build(made, "partial");
        lay(frame, lead);
        whole.finish(lab.at, frame.length);
        const { frame: sent } = take(lead), field = l4Of(made.shape) + (made.tcp ? 16 : 6);
        assertEquals(verifies(sent, made.tcp ? 6 : 17), true);
        assertEquals(without(sent, field), without(frame, field), "nothing else is changed");
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
});

Deno.test("WholeFrame.unfinish() puts the seed back and says how to cut the frame: random frames", () => {
  fc.assert(
    fc.property(
      frames,
      fc.constantFrom(...LEADS.filter(({ vnet }) => vnet !== 0)),
      (made, lead) => {
        for (const checksum of ["full", "partial"] as const) {
          const frame = build(made, checksum);
          lay(frame, lead);
          assertEquals(whole.unfinish(lab.at, frame.length, lead.vnet), true);
          const sent = take(lead), l4 = l4Of(made.shape);
          assertEquals(sent.frame, build(made, "partial"));
          assertEquals(sent.header.slice(0, 1), [1]);
          assertEquals(sent.header.slice(6, 10), [l4, 0, made.tcp ? 16 : 6, 0]);
          const headers = made.tcp ? tcpPayloadOf(made.shape) : l4 + 8;
          assertEquals(sent.header.slice(2, 4), [headers & 255, headers >> 8]);
        }
      },
    ),
    { seed: SEED, numRuns: 300 },
  );
});

Deno.test("WholeFrame.unfinish() refuses a corrupt frame: it must not become a right one", () => {
  for (const version of [4, 6] as const) {
    for (const make of [tcpFrame, udpFrame]) {
      for (const checksum of ["bad", "none"] as const) {
        if (checksum === "none" && make === udpFrame && version === 4) continue;
        lay(make({ version, payload: filler(3000), checksum }), LEADS[2]);
        assertEquals(whole.unfinish(lab.at, 0, 12), false);
        assertEquals([lab.gather.frames, lab.gather.pieces], [0, 0]);
      }
    }
  }
});

Deno.test("WholeFrame.unfinish() gives a datagram over IPv4 that has no checksum one", () => {
  const shape = { payload: filler(3000) }, lead = LEADS[2];
  const frame = udpFrame({ ...shape, checksum: "none" });
  lay(frame, lead);
  assertEquals(whole.unfinish(lab.at, frame.length, lead.vnet), true);
  assertEquals(take(lead).frame, udpFrame({ ...shape, checksum: "partial" }));
});

Deno.test("WholeFrame.finish() stores a checksum of 0 as 0xffff", () => {
  // The sum is chosen so that the complement is 0: the last two bytes make up for all the others.
  for (const make of [tcpFrame, udpFrame]) {
    const payload = filler(3000), field = 34 + (make === tcpFrame ? 16 : 6);
    payload.set([0, 0], 2998);
    const full = make({ payload, checksum: "full" });
    payload.set(full.subarray(field, field + 2), 2998);
    const frame = make({ payload, checksum: "partial" });
    lay(frame);
    whole.finish(lab.at, frame.length);
    const { frame: sent } = take(LEADS[0]);
    assertEquals(viewOf(sent).getUint16(field), 0xffff);
    assertEquals(verifies(sent, make === tcpFrame ? 6 : 17), true);
  }
});

/** The frame without the two bytes at `field`. */
function without(frame: Uint8Array, field: number): Uint8Array {
  const copy = frame.slice();
  copy.fill(0, field, field + 2);
  return copy;
}
