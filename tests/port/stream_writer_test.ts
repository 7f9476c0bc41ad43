/**
 * Writing gathered frames to a stream: byte for byte, wherever the kernel stops, and however often.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { PIECES, RECORD_BYTES } from "../../src/port/batch.ts";
import { TX_GONE } from "../../src/port/port.ts";
import { StreamWriter } from "../../src/port/stream_writer.ts";
import type { StreamPeer } from "../support/fake_peers.ts";
import type { Strike } from "../support/faults.ts";
import { type Cut, cuts, GatherLab, stream } from "./gather_lab.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);

/** A writer over one end of a stream, with the vnet header of its port. */
class Lab extends GatherLab {
  readonly writer: StreamWriter;

  constructor(vnetHdr: 0 | 10 | 12) {
    super(SocketType.STREAM, { vnetHdr });
    const { engine, kernel } = this.lab, { row } = this.port;
    const tail = kernel.arena.take(RECORD_BYTES);
    this.writer = new StreamWriter(engine, this.fd, row, vnetHdr, tail);
  }

  /** What the VM has read. */
  got(): Uint8Array {
    return (this.peer as StreamPeer).receive();
  }

  /** Send frames, again from the first that was not taken; what must have arrived. */
  sendAll(all: readonly Cut[]): Uint8Array {
    const wires = this.fill(all, true);
    for (let done = 0, calls = 0; done < all.length || this.writer.unfinished > 0; calls++) {
      assert(calls < 10_000, "no progress");
      if (calls > 0) this.fill(all.slice(done), true);
      const taken = this.writer.sendGather(this.gather);
      assert(taken >= 0 && taken <= all.length - done, `${taken} of ${all.length - done}`);
      done += taken;
    }
    return stream(wires);
  }
}

Deno.test("StreamWriter.sendGather() writes frames of many pieces, each behind its length", () => {
  for (const vnetHdr of [0, 10, 12] as const) {
    const lab = new Lab(vnetHdr);
    const all: Cut[] = [
      { prefix: 54, bodies: [1460] },
      { prefix: 14, bodies: [] },
      { prefix: 60, bodies: [1, 2, 3, 4, 5, 0, 7] },
    ];
    const wires = lab.fill(all, true);
    assertEquals(lab.writer.sendGather(lab.gather), 3);
    assertEquals(lab.got(), stream(wires));
    assertEquals(lab.sent(), { frames: 3, bytes: lab.bytesOf(wires) });
    assertEquals(lab.lab.count("p", "txCalls"), 1, "one call for all");
  }
});

Deno.test("StreamWriter.sendGather() sends more pieces than one call takes in several", () => {
  const lab = new Lab(12);
  for (const bodies of [1, 2, 3, 700, 999]) {
    const cut = { prefix: 20, bodies: new Array(bodies).fill(3) };
    const all: Cut[] = new Array(Math.min(1000, Math.ceil(2500 / (bodies + 1)))).fill(cut);
    const wires = lab.fill(all, true), calls = lab.lab.count("p", "txCalls");
    assertEquals(lab.writer.sendGather(lab.gather), all.length);
    assertEquals(lab.got(), stream(wires));
    const perCall = Math.floor(PIECES / (bodies + 1));
    assertEquals(lab.lab.count("p", "txCalls") - calls, Math.ceil(all.length / perCall));
  }
});

Deno.test("StreamWriter.sendGather() goes on at the byte where a write stopped: each byte of three frames", () => {
  const all: Cut[] = [
    { tag: 1, prefix: 14, bodies: [5, 0, 3] },
    { tag: 2, prefix: 20, bodies: [] },
    { tag: 3, prefix: 16, bodies: [1, 7] },
  ];
  for (const vnetHdr of [0, 12] as const) {
    const lab = new Lab(vnetHdr), { faults } = lab.lab.kernel;
    const wires = lab.fill(all, true), length = stream(wires).length;
    let frames = 0;
    for (let short = 1; short <= length; short++) {
      for (const then of [1, 2, 13]) {
        faults.clear();
        faults.on("write", { nth: 1, short });
        faults.on("write", { nth: 2, short: then });
        const expected = lab.sendAll(all);
        assertSame(lab.got(), expected);
        frames += all.length;
        assertEquals(lab.sent(), { frames, bytes: frames / 3 * lab.bytesOf(wires) });
      }
    }
  }
});

Deno.test("StreamWriter.sendGather() keeps the end of a cut frame, and nothing goes in between", () => {
  const lab = new Lab(0), all: Cut[] = [{ prefix: 30, bodies: [200, 100] }];
  const [wire] = lab.fill(all, true);
  lab.lab.kernel.faults.on("write", { nth: 1, short: 100 });
  lab.lab.kernel.faults.on("write", { nth: 2, error: Errno.EAGAIN });
  assertEquals(lab.writer.sendGather(lab.gather), 1, "the frame is the writer's now");
  assert(lab.writer.unfinished > 0);
  // The gather and all it points at is somebody else's meanwhile.
  const other = lab.fill([{ prefix: 50, bodies: [9] }], true);
  assertEquals(lab.writer.sendGather(lab.gather), 0);
  assertEquals(lab.got(), stream([wire]).subarray(0, 100));
  assertEquals(lab.writer.sendGather(lab.gather), 1);
  assertEquals([lab.got(), lab.writer.unfinished > 0], [
    stream([wire, ...other]).subarray(100),
    false,
  ]);
});

Deno.test("StreamWriter.sendGather() loses no byte, whatever the kernel does: random frames and faults", () => {
  const strikes: fc.Arbitrary<Strike> = fc.oneof(
    fc.integer({ min: 1, max: 3000 }).map((short) => ({ short })),
    fc.constantFrom(Errno.EAGAIN, Errno.EINTR, Errno.ENOBUFS, 999).map((error) => ({ error })),
  );
  const vnets = fc.constantFrom(0 as const, 10 as const, 12 as const);
  const labs = { 0: new Lab(0), 10: new Lab(10), 12: new Lab(12) };
  fc.assert(
    fc.property(
      vnets,
      cuts,
      fc.array(strikes, { maxLength: 40, size: "max" }),
      (vnetHdr, all, list) => {
        const lab = labs[vnetHdr], { faults } = lab.lab.kernel;
        const before = lab.sent(), size = lab.bytesOf(lab.fill(all, true));
        faults.clear();
        list.forEach((strike, i) => faults.on("write", { nth: i + 1, ...strike }));
        const expected = lab.sendAll(all);
        assertSame(lab.got(), expected);
        const { frames, bytes } = lab.sent();
        assertEquals([frames - before.frames, bytes - before.bytes], [
          all.length,
          size,
        ]);
      },
    ),
    { seed: SEED, numRuns: 200 },
  );
});

Deno.test("StreamWriter.sendGather() tells that the VM is gone once nothing was sent any more", () => {
  const all: Cut[] = new Array(40).fill({ prefix: 20, bodies: new Array(99).fill(2) }); // ten in a call
  for (const error of [Errno.EPIPE, Errno.ECONNRESET, Errno.EBADF]) {
    for (const nth of [1, 2, 4]) {
      const lab = new Lab(0), { faults } = lab.lab.kernel;
      for (let n = nth; n < nth + 3; n++) faults.on("write", { nth: n, error });
      lab.fill(all, true);
      const sent = 10 * (nth - 1);
      assertEquals(lab.writer.sendGather(lab.gather), sent === 0 ? TX_GONE : sent);
      assertEquals(lab.sent().frames, sent);
      assertEquals(lab.writer.sendGather(lab.gather), TX_GONE);
    }
    const cut = new Lab(0), { faults } = cut.lab.kernel;
    faults.on("write", { nth: 1, short: 10 });
    faults.on("write", { nth: 2, error });
    cut.fill(all, true);
    assertEquals([cut.writer.sendGather(cut.gather), cut.writer.unfinished > 0], [1, true]);
    assertEquals(cut.writer.sendGather(cut.gather), TX_GONE, "in the middle of a frame");
  }
});

/** As assertEquals, without a look at half a megabyte when they are the same. */
function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  assertEquals(
    [actual.length, at],
    [expected.length, -1],
    "length, and the first byte that differs",
  );
}
