/**
 * Frames in memory that is really shared, above 4 GiB and above 1 TiB, out by the system calls of a kernel,
 * and by way of a queue.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameQueue } from "../../src/engine/queue.ts";
import { GATHER_SCRATCH } from "../../src/offload/gather.ts";
import { Feature } from "../../src/offload/features.ts";
import { Planner } from "../../src/offload/plan.ts";
import { needs, NO_OFFLOAD, type Policy } from "../../src/offload/policy.ts";
import { GUEST_BASE } from "../../src/platform/arena.ts";
import { type Kernel, SocketType } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { Memory } from "../../src/port/batch.ts";
import { Guest } from "../frame/guest.ts";
import { filler, tcpFrame } from "../offload/frames.ts";
import { wireOf } from "../offload/plan_lab.ts";
import { tcpWire } from "../offload/wire.ts";

const linux = Deno.build.os === "linux";
const GIB = 2 ** 30, TIB = 2 ** 40;
const GUEST: Policy = {
  ...NO_OFFLOAD,
  sends: Feature.CSUM | Feature.TSO4,
  accepts: Feature.CSUM | Feature.TSO4,
  vnetHdr: 12,
};
const PLAIN: Policy = NO_OFFLOAD;
/** What the guest sends: short, in several pieces, to be cut. */
const SHAPES = [60, 1400, 9000].map((bytes, id) => ({ id, payload: filler(bytes, id) }));
const SENT = SHAPES.map((shape) =>
  tcpWire({ ...shape, checksum: "partial" }, 12, shape.payload.length > 1448 ? 1448 : 0)
);
const LIES = [[], [100, 500], [4000]].map((cuts) => ({ cuts, head: 0 }));

/** A planner for a guest whose frames are at these offsets. */
class Lab {
  readonly kernel: Kernel = openKernel(64 << 20, 2 * TIB);
  readonly memory = new Memory(this.kernel.arena, this.kernel.abi);
  readonly planner = new Planner(
    this.kernel.arena.view,
    this.kernel.arena.take(GATHER_SCRATCH),
    SENT.length,
    this.memory.scatter,
  );
  readonly #at = new Int32Array(SENT.length);
  readonly #length = Int32Array.from(SENT, ({ length }) => length - 12);

  /** Have a guest show its frames `from` bytes into its memory. */
  show(from: number): void {
    const { kernel: { arena, sharing }, memory: { scatter } } = this;
    const fd = sharing!.createMemory(from + GIB, true), at = sharing!.map(fd, 0, from + GIB);
    assert(at >= GUEST_BASE);
    this.kernel.close(fd);
    const guest = new Guest(arena.view, arena.u8, scatter, at + from);
    guest.begin();
    SENT.forEach((wire, i) => {
      assertEquals(guest.show(i, wire, GUEST, LIES[i]), 0);
      this.#at[i] = scatter.at(i);
    });
    assert(scatter.pieceAt[0] >= 2 ** 32);
  }

  /** Plan all frames for a port with `egress`; they fit into one gather. */
  plan(egress: Policy, framed: boolean): void {
    const { planner } = this, need = needs(GUEST, egress);
    planner.begin(GUEST, egress, need, this.#at, this.#length, 0, SENT.length);
    assertEquals(planner.fill(framed), false);
  }

  /** What is on the wires of `read` ends of sockets that the gather is sent by. */
  send(type: SocketType): Uint8Array[] {
    const { kernel, memory, planner: { gather } } = this, { arena } = kernel;
    const into = arena.take(1 << 20), got: Uint8Array[] = [];
    assertEquals(kernel.socketPair(type), 0);
    const [ours, theirs] = kernel.pair;
    const { first, pieceAt, pieceLength } = gather;
    for (let i = 0; i < gather.frames; i++) {
      const vector = type === SocketType.STREAM ? memory.pieces : memory.txGather.vector;
      const pieces = first[i + 1] - first[i];
      for (let k = 0; k < pieces; k++) {
        vector.setFar(k, pieceAt[first[i] + k], pieceLength[first[i] + k]);
      }
      memory.txGather.setPieces(0, 0, pieces);
      if (type === SocketType.STREAM) assert(kernel.write(ours, vector, pieces) > 0);
      else assertEquals(kernel.send(ours, memory.txGather, 0, 1), 1);
      const bytes = kernel.read(theirs, into, 1 << 20);
      got.push(arena.u8.slice(into + (gather.framed ? 4 : 0), into + bytes));
    }
    arena.give(into);
    for (const fd of [ours, theirs]) kernel.close(fd);
    return got;
  }
}

function test(name: string, run: (lab: Lab) => void): void {
  Deno.test({
    name: name + (linux ? "" : ` [SKIPPED: ${Deno.build.os} is not Linux]`),
    ignore: !linux,
    fn: () => {
      const lab = new Lab();
      try {
        run(lab);
      } finally {
        lab.kernel.dispose();
      }
    },
  });
}

test("frames in shared memory leave by the calls of a real kernel, as they are and cut", (lab) => {
  const canonical = SENT.map((wire) => wire.with(10, 1));
  for (const from of [3 * GIB, TIB + 3]) {
    lab.show(from);
    for (const type of [SocketType.DGRAM, SocketType.STREAM]) {
      lab.plan(GUEST, type === SocketType.STREAM);
      assertEquals(lab.send(type), canonical);
    }
    lab.plan(PLAIN, false);
    const cut = lab.send(SocketType.DGRAM);
    assertEquals(cut.length, 2 + 7);
    assertEquals(cut.slice(0, 2), SHAPES.slice(0, 2).map((shape) => tcpFrame(shape)));
  }
});

test("frames in shared memory are copied to a queue, from a slot and from a gather", (lab) => {
  const { kernel: { arena }, memory: { scatter }, planner: { gather } } = lab;
  const at = new Int32Array(9), length = new Int32Array(9);
  lab.show(5 * GIB);
  for (const framed of [false, true]) {
    const queue = new FrameQueue(arena, 1 << 20, 12, scatter);
    lab.plan(GUEST, framed);
    const expected: Uint8Array[] = [];
    SENT.forEach((wire, i) => {
      assert(queue.put(scatter.at(i), wire.length - 12) && queue.putGathered(gather, i));
      expected.push(wire.with(10, 1), wireOf(arena.u8, gather, i));
    });
    assertEquals(queue.peek(at, length, 9), 2 * SENT.length);
    assertEquals(expected.map((_, i) => arena.u8.slice(at[i] - 12, at[i] + length[i])), expected);
    queue.dispose();
  }
});
