/**
 * One egress and frames that are not sent as they came: what the VM does not take waits in the form it has.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { GATHER_FRAMES } from "../../src/offload/gather.ts";
import { TX_GONE } from "../../src/port/port.ts";
import { tcpFrame, type TcpShape } from "../offload/frames.ts";
import {
  assertTaken,
  drain,
  large,
  openOffload,
  segmentsOf,
  sent,
  TSO,
  TSO_VNET,
} from "./offload_lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

/** Segments of a frame of {@linkcode BYTES} bytes of payload. */
const SEGMENTS = 6, BYTES = 5 * 1460 + 100;
const SENDERS = [TSO, TSO_VNET];

/** The VM is gone after it was offered frames `offers` times. */
function goneAfter(port: ScriptedPort, offers: number): void {
  const txGather = port.txGather.bind(port);
  port.txGather = (gather) => port.offers.length < offers ? txGather(gather) : TX_GONE;
}

Deno.test("Egress counts in which way it has dealt with each frame", () => {
  const { lab, p } = openOffload({}, TSO);
  const small = { from: 1, to: 0, payload: [1, 2, 3] };
  const frames = [large(1, 0, BYTES), { ...small, checksum: "partial" as const }, small];
  lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
  assertTaken(p[0], [...segmentsOf(frames[0]), tcpFrame(small), tcpFrame(small)]);
  const columns = ["segmented", "segments", "filled", "passed", "txFrames"] as const;
  assertEquals(columns.map((column) => lab.count(p[0], column)), [1, SEGMENTS, 1, 1, 8]);
  lab.checkBalance();
});

Deno.test("Egress cuts what is longer than its wire, and counts why it drops what cannot be cut", () => {
  const { lab, p } = openOffload({ mtu: 1500, maxFrame: 1514 }, TSO);
  const whole = large(1, 0, BYTES);
  lab.ingress(p[1], [sent(whole, p[1])]);
  assertTaken(p[0], segmentsOf(whole));
  const drops = (frames: TcpShape[]) => {
    lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
    lab.checkBalance();
    return lab.drops(p[0]);
  };
  assertEquals(drops([{ ...whole, checksum: "bad" }]), { "bad-checksum": 1 });
  const tiny = openOffload({ mtu: 60 }, TSO); // 20 bytes a segment: more of them than a frame may become
  tiny.lab.ingress(tiny.p[1], [sent(whole, tiny.p[1]), sent(whole, tiny.p[1])]);
  assertEquals(tiny.lab.drops(tiny.p[0]), { unsegmentable: 2 });
  tiny.lab.checkBalance();
  const fragment = sent({ ...whole, df: false }, p[1]);
  fragment[20] = 0x20; // more of them follow
  lab.ingress(p[1], [fragment, fragment, fragment]);
  assertEquals(lab.drops(p[0]), { "bad-checksum": 1, oversize: 3 });
  lab.checkBalance();
});

Deno.test("Egress keeps the segments its VM has no room for, after each of them, in order", () => {
  for (const sender of SENDERS) {
    for (const receiver of [{}, { vnetHdr: 10 }, { vnetHdr: 12 }] as const) {
      for (let room = 0; room <= 2 * SEGMENTS; room++) {
        const { lab, p } = openOffload(receiver, sender);
        p[0].framed = room % 2 === 0;
        p[0].room = room;
        const frames = [large(1, 0, BYTES), large(1, 0, BYTES, 1)];
        const waits = 2 * SEGMENTS - room;
        lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
        assertEquals([lab.egressOf(p[0]).queued, lab.count(p[0], "queued")], [waits, waits]);
        assertEquals([lab.egressOf(p[0]).isBlocked, p[0].writeWanted], [waits > 0, waits > 0]);
        lab.checkBalance();
        lab.ingress(p[1], [sent(large(1, 0, 3000, 2), p[1])]);
        lab.checkBalance();
        drain(lab, p[0]);
        const all = [...frames, large(1, 0, 3000, 2)];
        assertTaken(p[0], all.flatMap((shape) => segmentsOf(shape, 1460, receiver.vnetHdr)));
        assertEquals(lab.count(p[0], "queued"), 0);
        lab.checkBalance();
      }
    }
  }
});

Deno.test("Egress takes credit for the headers that cutting adds", () => {
  for (const vnetHdr of [0, 12] as const) {
    const frame = 54 + BYTES, needed = 4 + vnetHdr + frame + Math.floor(frame / 8);
    for (const queue of [needed, needed - 1]) {
      const { lab, p } = openOffload({ queue, vnetHdr }, TSO);
      p[0].room = 0;
      lab.ingress(p[1], [sent(large(1, 0, BYTES), p[1])]);
      const fits = queue === needed;
      assertEquals(lab.egressOf(p[0]).queued, fits ? SEGMENTS : 0);
      assertEquals(lab.drops(p[0]), fits ? {} : { "queue-full": 1 });
      lab.checkBalance();
      drain(lab, p[0]);
      assertTaken(p[0], fits ? segmentsOf(large(1, 0, BYTES), 1460, vnetHdr) : []);
    }
  }
});

Deno.test("Egress drops the segments that its queue has no room for, and counts each", () => {
  // 74 segments of 100 bytes at most: they need much more than the credit of the frame.
  const bytes = 73 * 100 + 50, mtu = 140;
  for (const vnetHdr of [0, 12] as const) {
    const whole = 4 + vnetHdr + 54 + 100, last = whole - 50;
    for (
      const [queue, hasLast] of [[60 * whole - 1, true], [60 * whole + last - 1, false]] as const
    ) {
      const { lab, p } = openOffload({ queue, vnetHdr, mtu }, TSO);
      p[0].room = 0;
      lab.ingress(p[1], [sent(large(1, 0, bytes), p[1])]);
      // The last one is shorter, and may fit where one before it did not.
      const segments = segmentsOf(large(1, 0, bytes), 100, vnetHdr);
      const kept = hasLast ? [...segments.slice(0, 59), segments[73]] : segments.slice(0, 60);
      assertEquals(lab.egressOf(p[0]).queued, 60, `${queue} bytes`);
      assertEquals(lab.count(p[0], "queue-full"), 14);
      lab.checkBalance();
      drain(lab, p[0]);
      assertTaken(p[0], kept);
      lab.checkBalance();
    }
  }
});

Deno.test("Egress sends more segments than the gather holds, one gather after the other", () => {
  const frames = Array.from({ length: 20 }, (_, i) => large(1, 0, 60_000, i));
  const segments = frames.flatMap((shape) => segmentsOf(shape, 536));
  assert(segments.length > 2 * GATHER_FRAMES);
  for (const room of [Infinity, 10, GATHER_FRAMES, GATHER_FRAMES + 500]) {
    const { lab, p } = openOffload({ mtu: 576, queue: 4 << 20 }, TSO);
    p[0].room = room;
    lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
    assert(p[0].offers.every((offer) => offer <= GATHER_FRAMES));
    lab.checkBalance();
    drain(lab, p[0]);
    assertTaken(p[0], segments);
    lab.checkBalance();
  }
});

Deno.test("Egress accounts for every frame when its VM is gone between two gathers", () => {
  const frames = Array.from({ length: 20 }, (_, i) => large(1, 0, 60_000, i));
  for (const offers of [0, 1, 2]) {
    const { lab, p } = openOffload({ mtu: 576, queue: 4 << 20 }, TSO);
    goneAfter(p[0], offers);
    lab.ingress(p[1], frames.map((shape) => sent(shape, p[1])));
    assertEquals([lab.goneOnes, lab.egressOf(p[0]).closed], [[p[0]], true]);
    assertEquals(p[0].taken.length > 0, offers > 0);
    lab.checkBalance();
    lab.leave(p[0]);
    lab.checkBalance();
  }
});

Deno.test("Egress accounts for segments that wait when their VM is gone", () => {
  for (const room of [0, 1, 5]) {
    const { lab, p } = openOffload({}, TSO);
    p[0].room = room;
    lab.ingress(p[1], [sent(large(1, 0, BYTES), p[1])]);
    p[0].gone = true;
    lab.egressOf(p[0]).retry();
    assertEquals([lab.goneOnes, lab.count(p[0], "peer-gone")], [[p[0]], SEGMENTS - room]);
    assertEquals(lab.count(p[0], "queued"), 0);
    lab.checkBalance();
  }
});

Deno.test("Egress.close() and abandon() count the segments that wait", () => {
  for (const end of ["close", "abandon"] as const) {
    const { lab, p } = openOffload({ vnetHdr: 12 }, TSO);
    p[0].room = 2;
    lab.ingress(p[1], [sent(large(1, 0, BYTES), p[1])]);
    lab.load([sent(large(1, 0, BYTES, 1), p[1])], p[1].config);
    assertEquals(lab.forwarder.forward(p[1], 0), 1); // not sent yet: one frame, not cut
    lab.egressOf(p[0])[end]();
    const reason = end === "close" ? "peer-gone" : "closing";
    assertEquals(lab.count(p[0], reason), SEGMENTS - 2 + 1);
    assertEquals(lab.count(p[0], "queued"), 0);
    lab.checkBalance();
  }
});

Deno.test("Egress makes frames right by the policy of the port each has come by", () => {
  const { lab, p } = openOffload({}, TSO, TSO_VNET, {});
  const expected: Uint8Array[] = [];
  for (let round = 0; round < 6; round++) {
    for (const from of [1, 2, 3, 1, 3, 2]) {
      const shape = { ...large(from, 0, from === 3 ? 1000 : BYTES, round) };
      // A VM without offload sends what it sends, a checksum that looks unfinished, too.
      lab.ingress(p[from], [sent(shape, p[from])]);
      expected.push(...(from === 3 ? [tcpFrame(shape)] : segmentsOf(shape)));
    }
  }
  assertTaken(p[0], expected);
  assertEquals([lab.count(p[0], "segmented"), lab.count(p[0], "passed")], [24, 12]);
  lab.checkBalance();
});

Deno.test("Egress keeps frames with their vnet headers, as they came and as they were made", () => {
  const { lab, p } = openOffload(TSO_VNET, TSO_VNET, { ...TSO, vnetHdr: 10 }, {});
  const whole: Uint8Array[] = [];
  p[0].room = 0;
  for (let i = 0; i < 12; i++) {
    const shape = large(1 + i % 3, 0, i % 3 === 2 ? 1000 : BYTES, i);
    const finished = { ...shape, checksum: i % 3 === 2 ? "full" as const : "partial" as const };
    lab.ingress(p[1 + i % 3], [sent(finished, p[1 + i % 3])]);
    const wire = sent(finished, p[0]);
    wire[10] = 1; // buffers
    whole.push(wire);
  }
  assertEquals(lab.egressOf(p[0]).queued, 12);
  lab.checkBalance();
  drain(lab, p[0]);
  assertTaken(p[0], whole);
  lab.checkBalance();
});
