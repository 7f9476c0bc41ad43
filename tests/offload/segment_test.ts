/**
 * The segmenter: which frames it cuts, which it refuses, and what hostile ones do to it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Gso } from "../../src/frame/vnet.ts";
import { Feature } from "../../src/offload/features.ts";
import { Segmenter } from "../../src/offload/segment.ts";
import { Unfinished } from "../../src/offload/unfinished.ts";
import { filler, tcpFrame, type TcpShape, udpFrame, viewOf } from "./frames.ts";
import { naiveFragments, naiveTcp, naiveUdp } from "./naive_segment.ts";
import { assertFrames, LEADS, SegmentLab } from "./segment_lab.ts";
import { payloads, tcpShapes, udpShapes } from "./shapes.ts";

const ALL = Feature.CSUM | Feature.TSO4 | Feature.TSO6 | Feature.UFO;
const lab = new SegmentLab(), state = new Unfinished();
const segmenter = new Segmenter(lab.view, lab.gather, state, 1);

/** Put a frame without a vnet header into memory, and look at it. */
function lay(frame: Uint8Array, lead = LEADS[0]): void {
  lab.lay(frame, lead);
  state.look(lab.view, lab.at, frame.length, ALL, 1500, 1500);
}

/** The same with a vnet header, with which a large frame reaches to its end whatever its IP length is. */
function layTold(frame: Uint8Array, gso: number): void {
  const vnet = Uint8Array.of(1, gso, 0, 0, 0, 0, 0, 0, 0, 0);
  lab.lay(frame);
  state.readHeader(viewOf(vnet), 0);
  state.walk(lab.view, lab.at, frame.length);
}

function cut(size: number, gso: number = state.gso): number {
  state.gso = gso;
  return segmenter.cut(lab.at, size, true);
}

function take(): Uint8Array[] {
  return lab.take(state.headers.payload - lab.at);
}

Deno.test("Segmenter.cut() cuts each kind in its own way", () => {
  const payload = filler(4000);
  for (const version of [4, 6] as const) {
    const tcp = tcpFrame({ version, payload, checksum: "partial", flags: 0x99 });
    lay(tcp);
    assertEquals([state.gso, cut(1448)], [version === 4 ? Gso.TCPV4 : Gso.TCPV6, 3]);
    assertFrames(take(), naiveTcp(tcp, 1448), `TCP over IPv${version}`);

    const udp = udpFrame({ version, payload, checksum: "partial" });
    lay(udp);
    assertEquals(cut(1000, Gso.UDP_L4), 4);
    assertFrames(take(), naiveUdp(udp, 1000), `datagrams over IPv${version}`);
    lay(udp);
    assertEquals([state.gso, cut(1479)], [Gso.UDP, 3]);
    const fragments = take();
    // Where the identification is in the last frame; IPv4 has no such field.
    const id = viewOf(fragments[2]).getUint32(14 + 40 + 4);
    assertFrames(fragments, naiveFragments(udp, 1479, id), `fragments over IPv${version}`);
  }
});

Deno.test("Segmenter.cut() gives each datagram another identification", () => {
  const ids = new Set<number>();
  for (let i = 0; i < 1000; i++) {
    lay(udpFrame({ version: 6, payload: filler(2000), checksum: "partial" }));
    assertEquals(cut(1440), 2);
    const [first, second] = take().map((fragment) => viewOf(fragment).getUint32(14 + 40 + 4));
    assertEquals(first, second);
    ids.add(first);
  }
  assertEquals(ids.size, 1000);
});

Deno.test("Segmenter.cut() refuses a corrupt TCP frame, and leaves a finished UDP checksum alone", () => {
  const payload = filler(4000);
  lay(tcpFrame({ payload, checksum: "bad" }));
  assertEquals([cut(1448), lab.gather.frames], [Segmenter.CORRUPT, 0]);
  assertEquals(segmenter.cut(lab.at, 1448, false), 3);
  lay(tcpFrame({ payload }));
  assertEquals(cut(1448), 3);
  for (const checksum of ["full", "bad", "none"] as const) {
    const frame = udpFrame({ payload, checksum });
    lay(frame);
    assertEquals(cut(1480), 3);
    assertEquals(take()[0].subarray(34, 42), frame.subarray(34, 42), checksum);
  }
});

Deno.test("Segmenter.cut() refuses what cannot be cut", () => {
  const refused = (frame: Uint8Array, size: number, gso?: number) => {
    lay(frame);
    assertEquals([cut(size, gso), lab.gather.frames, lab.gather.pieces], [0, 0, 0]);
  };
  const tcp = tcpFrame({ payload: filler(2561) }), udp = udpFrame({ payload: filler(2561) });
  for (const size of [0, -1, -1448]) refused(tcp, size, Gso.TCPV4);
  for (const size of [0, 7, -8]) refused(udp, size, Gso.UDP);
  refused(tcp, 10); // 257 segments
  refused(udp, 10, Gso.UDP_L4);
  refused(udp, 15, Gso.UDP); // of 8 bytes
  refused(udp, 1448, Gso.TCPV4);
  refused(tcp, 1448, Gso.UDP);
  refused(tcp, 1448, Gso.UDP_L4);
  refused(tcpFrame({ payload: [] }), 1448, Gso.TCPV4);
  refused(udpFrame({ payload: [] }), 1448, Gso.UDP_L4);
  refused(udpFrame({ payload: [] }), 8, Gso.UDP);
  refused(tcp.subarray(0, tcp.length - 1), 1448, Gso.TCPV4);
  refused(tcp.map((byte, i) => i === 12 ? 9 : byte), 1448, Gso.TCPV4);
  const extensions = [{ protocol: 0, data: filler(500) }];
  refused(tcpFrame({ version: 6, extensions, payload: filler(3000) }), 1448);
});

Deno.test("Segmenter.cut() makes 256 segments and no more", () => {
  lay(tcpFrame({ payload: filler(2560) }));
  assertEquals(cut(10), 256);
  lay(udpFrame({ payload: filler(2048 - 8) }));
  assertEquals(cut(15), 256);
});

Deno.test("Segmenter.cut() makes no packet longer than its length can say", () => {
  const options = { ipOptions: filler(40), tcpOptions: filler(40) };
  const longest: TcpShape = { ...options, payload: filler(65_535 - 120) };
  lay(tcpFrame(longest));
  assertEquals(cut(65_535), 1);
  const frame = tcpFrame({ ...options, payload: filler(65_535 - 119) });
  layTold(frame, Gso.TCPV4);
  assertEquals([cut(65_535), cut(65_535 - 120)], [0, 2]);
  assertFrames(take(), naiveTcp(frame, 65_535 - 120), "longer than an IP packet");
  layTold(udpFrame({ version: 6, payload: filler(65_535 - 8) }), Gso.UDP);
  assertEquals(cut(1448), 46);
  layTold(udpFrame({ version: 6, payload: filler(65_535 - 7) }), Gso.UDP);
  assertEquals(cut(1448), 0);
});

for (const bytes of [0, 400]) {
  Deno.test(`Segmenter.cut() asks for room when there is none, with ${bytes} bytes more of headers`, () => {
    const extensions = bytes === 0 ? [] : [{ protocol: 60, data: filler(bytes) }];
    const frame = tcpFrame({ version: 6, extensions, payload: filler(40 * 256) });
    for (const lead of LEADS) {
      lay(frame, lead);
      let cuts = 0;
      for (; cut(40) !== Segmenter.NO_ROOM; cuts++) lab.checkMemory();
      assert(cuts >= 1 && lab.gather.frames === cuts * 256, `${cuts} frames were cut`);
      lab.gather.begin(lead.framed, lead.vnet);
      assertEquals(cut(40), 256);
      assertFrames(take(), naiveTcp(frame, 40), "after there was room again");
    }
  });
}

Deno.test("Segmenter.cut() survives hostile frames and writes nowhere else", () => {
  const frames = fc.oneof(
    fc.tuple(tcpShapes, payloads(0, 3000)).map(([shape, payload]) =>
      tcpFrame({ ...shape, payload })
    ),
    fc.tuple(udpShapes, payloads(0, 3000)).map(([shape, payload]) =>
      udpFrame({ ...shape, payload })
    ),
  );
  const changes = fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { maxLength: 4 });
  const gsos = fc.constantFrom(Gso.TCPV4, Gso.TCPV6, Gso.UDP, Gso.UDP_L4);
  const sizes = fc.integer({ min: -10, max: 3000 });
  let made = 0;
  fc.assert(
    fc.property(
      frames,
      changes,
      fc.nat(3100),
      gsos,
      sizes,
      fc.boolean(),
      fc.constantFrom(...LEADS),
      (frame, changes, length, gso, size, verify, lead) => {
        for (const [at, byte] of changes) frame[at] = byte;
        lay(frame.slice(0, length < 300 ? length : undefined), lead);
        state.gso = gso;
        const count = segmenter.cut(lab.at, size, verify);
        assertEquals(take().length, Math.max(count, 0));
        if (count > 0) made++;
      },
    ),
    { numRuns: 5000 },
  );
  assert(made > 500, `only ${made} were cut`);
});
