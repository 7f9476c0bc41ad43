/**
 * Sending gathered frames as datagrams: each is one message of several pieces.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LINUX } from "../../src/platform/abi.ts";
import { Arena } from "../../src/platform/arena.ts";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { MessageTable } from "../../src/platform/vectors.ts";
import { MESSAGES, PIECES } from "../../src/port/batch.ts";
import { DgramSender } from "../../src/port/dgram_send.ts";
import { TX_GONE } from "../../src/port/port.ts";
import type { DgramPeer } from "../support/fake_peers.ts";
import type { Strike } from "../support/faults.ts";
import { type Cut, cuts, GatherLab } from "./gather_lab.ts";

const SEED = Number(Deno.env.get("VSWITCH_SEED") ?? 20261121);

/** A sender over one end of a datagram socketpair. */
class Lab extends GatherLab {
  readonly sender: DgramSender;

  constructor(vnetHdr: 0 | 10 | 12) {
    super(SocketType.DGRAM, { vnetHdr });
    this.sender = new DgramSender(this.lab.engine, this.port);
  }

  /** Send the gather; how many frames were taken. */
  send(): number {
    return this.sender.sendGather(this.fd, this.lab.engine.memory.txGather, this.gather);
  }

  got(): Uint8Array[] {
    return (this.peer as DgramPeer).receive();
  }
}

Deno.test("DgramSender.sendGather() sends each frame as one datagram, vnet header included", () => {
  for (const vnetHdr of [0, 10, 12] as const) {
    const lab = new Lab(vnetHdr);
    const all: Cut[] = [
      { tag: 1, prefix: 54, bodies: [1460] },
      { tag: 2, prefix: 14, bodies: [] },
      { tag: 3, prefix: 60, bodies: [1, 2, 3, 4, 5, 0, 7] },
    ];
    const wires = lab.fill(all, false);
    assertEquals(lab.send(), 3);
    assertEquals(lab.got(), wires);
    assertEquals(lab.sent(), { frames: 3, bytes: lab.bytesOf(wires) });
  }
});

Deno.test("DgramSender.sendGather() sends frames of different pieces in one call", () => {
  const lab = new Lab(0);
  lab.fill(
    [1, 0, 3].map((bodies, tag) => ({ tag, prefix: 20, bodies: Array(bodies).fill(9) })),
    false,
  );
  assertEquals(lab.send(), 3);
  assertEquals(lab.lab.count("p", "txCalls"), 1);
});

Deno.test("DgramSender.sendGather() sends as many in a call as the tables hold, and not one more", () => {
  const lab = new Lab(12);
  for (const bodies of [0, 1, 14, 15, 16, 99, 131, 999]) {
    const frames = Math.min(300, Math.floor(4000 / (bodies + 1)));
    const all = Array.from(
      { length: frames },
      (_, tag): Cut => ({ tag: tag & 255, prefix: 20, bodies: new Array(bodies).fill(3) }),
    );
    const wires = lab.fill(all, false), calls = lab.lab.count("p", "txCalls");
    assertEquals(lab.send(), frames);
    assertEquals(lab.got(), wires, `${bodies} bodies`);
    const perCall = Math.min(MESSAGES, Math.floor(PIECES / (bodies + 1)));
    assertEquals(lab.lab.count("p", "txCalls") - calls, Math.ceil(frames / perCall));
  }
});

Deno.test("DgramSender.sendGather() takes up where a call stopped: every frame of several calls", () => {
  const all = Array.from(
    { length: 150 },
    (_, tag): Cut => ({ tag, prefix: 20, bodies: new Array(tag % 20).fill(2) }),
  );
  const lab = new Lab(10), { faults } = lab.lab.kernel;
  for (let stop = 0; stop < all.length; stop++) {
    const wires = lab.fill(all, false);
    faults.clear();
    // Calls are short by the frames that are to be left over, then the VM is full.
    faults.on("send", { nth: 1, short: Math.min(stop, 20) || 1 });
    faults.on("send", { nth: 2, short: Math.max(1, stop - 20) });
    faults.on("send", { nth: 3, error: Errno.EAGAIN });
    const taken = lab.send();
    assert(taken > 0 && taken < all.length);
    assertEquals(lab.got(), wires.slice(0, taken));
    const rest = lab.fill(all.slice(taken), false);
    faults.clear();
    assertEquals(lab.send(), rest.length);
    assertEquals(lab.got(), rest);
  }
});

Deno.test("DgramSender.sendGather() drops a frame the kernel finds too long, and no other", () => {
  const lab = new Lab(0), { kernel } = lab.lab;
  kernel.setBuffers(lab.fd, 10_000); // doubled: datagrams up to 19,968 bytes
  const of = (tag: number, bodies: number): Cut => ({
    ...{ tag, prefix: 20 },
    bodies: new Array(bodies).fill(60_000 >> 4),
  });
  const all = [of(0, 1), of(1, 6), of(2, 0), of(3, 7), of(4, 6), of(5, 2)];
  const wires = lab.fill(all, false);
  assertEquals(lab.send(), all.length);
  assertEquals(lab.got().map((wire) => wire[0]), [0, 2, 5]);
  assertEquals(lab.lab.count("p", "refused"), 3);
  const sent = [0, 2, 5].map((i) => wires[i]);
  assertEquals(lab.sent(), { frames: 3, bytes: lab.bytesOf(sent) });
});

Deno.test("DgramSender.sendGather() tells that the VM is gone once nothing was sent any more", () => {
  const all: Cut[] = new Array(40).fill({ prefix: 20, bodies: new Array(99).fill(2) }); // ten in a call
  for (const error of [Errno.ECONNREFUSED, Errno.ENOTCONN, Errno.EPERM, Errno.EBADF]) {
    for (const [nth, short] of [[1, 0], [2, 0], [4, 0], [2, 3]]) {
      const lab = new Lab(12), { faults } = lab.lab.kernel;
      if (short > 0) faults.on("send", { nth: 1, short });
      for (let n = nth; n < nth + 3; n++) faults.on("send", { nth: n, error });
      lab.fill(all, false);
      const sent = short > 0 ? short : 10 * (nth - 1);
      assertEquals(lab.send(), sent === 0 ? TX_GONE : sent, `errno ${error} at call ${nth}`);
      assertEquals([lab.sent().frames, lab.got().length], [sent, sent]);
      lab.fill(all.slice(sent), false);
      assertEquals(lab.send(), TX_GONE);
    }
  }
});

Deno.test("DgramSender.sendGather() loses no frame, whatever the kernel does: random frames and faults", () => {
  const strikes: fc.Arbitrary<Strike> = fc.oneof(
    fc.integer({ min: 1, max: 30 }).map((short) => ({ short })),
    fc.constantFrom(Errno.EAGAIN, Errno.EINTR, Errno.ENOBUFS, 999).map((error) => ({ error })),
  );
  const faulty = fc.array(strikes, { maxLength: 20, size: "max" });
  const labs = { 0: new Lab(0), 10: new Lab(10), 12: new Lab(12) };
  fc.assert(
    fc.property(fc.constantFrom(0, 10, 12), cuts, faulty, (vnetHdr, all, list) => {
      const lab = labs[vnetHdr as 0 | 10 | 12], { faults } = lab.lab.kernel;
      const before = lab.sent(), wires = lab.fill(all, false);
      faults.clear();
      list.forEach((strike, i) => faults.on("send", { nth: i + 1, ...strike }));
      for (let done = 0, calls = 0; done < all.length; calls++) {
        assert(calls < 1000, "no progress");
        if (calls > 0) lab.fill(all.slice(done), false);
        done += lab.send();
      }
      assertEquals(lab.got(), wires);
      const { frames, bytes } = lab.sent();
      assertEquals([frames - before.frames, bytes - before.bytes], [
        all.length,
        lab.bytesOf(wires),
      ]);
    }),
    { seed: SEED, numRuns: 150 },
  );
});

Deno.test("MessageTable.setPieces() gives a message its pieces, and the others keep theirs", () => {
  const arena = new Arena(new ArrayBuffer(1 << 20), -5, () => {});
  for (const named of [false, true]) {
    const table = new MessageTable(arena, LINUX, 4, named, 20);
    assertEquals([0, 1, 2, 3].map((i) => [table.firstPiece(i), table.pieces(i)]), [
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    table.setPieces(1, 7, 13);
    table.setPieces(3, 0, 0);
    table.setPieces(2, 5, 2);
    table.set(0, 4096, 99);
    assertEquals([0, 1, 2, 3].map((i) => [table.firstPiece(i), table.pieces(i)]), [
      [0, 1],
      [7, 13],
      [5, 2],
      [0, 0],
    ]);
    // As the kernel sees it: msg_iov is an address of the arena's upper half, msg_iovlen a number of 64 bits.
    const { view } = arena, { vector, vectorCount } = LINUX.message;
    const header = table.at + LINUX.bulkMessage.size;
    assertEquals(view.getInt32(header + vector, true), table.vector.at + 7 * 16);
    assertEquals(view.getInt32(header + vector + 4, true), -5);
    assertEquals(view.getBigUint64(header + vectorCount, true), 13n);
    assertEquals([table.vector.start(0), table.vector.length(0)], [4096, 99]);
  }
});
