/**
 * Stream ports put frames together again, wherever a read cuts them, and never leave a cut one behind.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RECORD_BYTES, WINDOW_BYTES } from "../../src/port/batch.ts";
import { MAX_FRAME } from "../../src/port/config.ts";
import type { StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { concat, frame, record } from "../switch/frames.ts";
import { expected, PATH, start } from "./wide_stream_lab.ts";

/** Send `bytes` in pieces that end at `cuts`, each read by the switch before the next comes. */
function sendCut(
  lab: FakeSwitch,
  vm: StreamPeer,
  bytes: Uint8Array,
  cuts: readonly number[],
): void {
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (to <= from) continue;
    assertEquals(vm.send(bytes.subarray(from, to)), to - from);
    lab.settle();
    from = to;
  }
}

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 80 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1000, max: 2000 }) },
);
const frames = fc.array(lengths, { minLength: 1, maxLength: 6 });
const cuts = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 8 });

// fault list 14
Deno.test("StreamPort delivers the same frames at every cut: 10000 random partitions", () => {
  const { lab, a, b } = start();
  let tag = 0;
  fc.assert(
    fc.property(frames, cuts, (sizes, at) => {
      const bytes = concat(sizes.map((size) => record(frame(1, 2, ++tag, size))));
      sendCut(
        lab,
        a,
        bytes,
        at.toSorted((x, y) => x - y).map((cut) => cut % (bytes.length + 1)).toSorted((x, y) =>
          x - y
        ),
      );
      assertEquals(b.receive(), expected(bytes));
    }),
    { numRuns: 10_000 },
  );
  lab.stop();
});

// fault list 14
Deno.test("StreamPort delivers the same frames byte by byte", () => {
  const { lab, a, b } = start();
  const bytes = concat(
    [14, 60, 1, 13, 15, 1514, 60].map((size, i) => record(frame(1, 2, i, size))),
  );
  sendCut(lab, a, bytes, Array.from({ length: bytes.length }, (_, i) => i));
  assertEquals(b.receive(), expected(bytes));
  lab.stop();
});

// fault list 14
Deno.test("StreamPort delivers frames over the window's end and the longest there are", () => {
  for (const size of [60, 1514, 9014, 65_550, MAX_FRAME]) {
    const { lab, a, b } = start();
    const count = Math.ceil(3 * WINDOW_BYTES / size);
    const bytes = concat(Array.from({ length: count }, (_, i) => record(frame(1, 2, i, size))));
    a.send(bytes);
    lab.settle();
    assertEquals(b.receive(), bytes, `${size} bytes`);
    lab.assertBalanced();
    lab.stop();
  }
});

// fault list 14
Deno.test("StreamPort delivers a longest frame cut at every interesting place", () => {
  const { lab, a, b } = start();
  const bytes = concat([60, MAX_FRAME, 60].map((size, i) => record(frame(1, 2, i, size))));
  for (const cut of [1, 2, 3, 4, 5, 63, 64, 65, 66, 67, 68, 69, RECORD_BYTES - 1, RECORD_BYTES]) {
    for (const second of [cut + 1, cut + 4, 64 + RECORD_BYTES - 1, 64 + RECORD_BYTES + 3]) {
      sendCut(lab, a, bytes, [cut, second]);
      assertEquals(b.receive(), bytes, `cut at ${cut} and ${second}`);
    }
  }
  lab.stop();
});

// fault list 14
Deno.test("StreamPort keeps the cut frames of several streams apart, and of one that ends", () => {
  const { lab, a, b } = start();
  const piece = fc.record({
    vm: fc.integer({ min: 0, max: 2 }),
    bytes: fc.integer({ min: 1, max: 300 }),
  });
  let tag = 0;
  fc.assert(
    fc.property(
      fc.array(frames, { minLength: 3, maxLength: 3 }),
      fc.array(piece, { maxLength: 40 }),
      (sizes, pieces) => {
        const vms = [a, lab.kernel.peerStream(PATH), lab.kernel.peerStream(PATH)];
        const bytes = sizes.map((list, n) =>
          concat(list.map((size) => record(frame(10 + n, 2, ++tag, size))))
        );
        const sent = [0, 0, 0];
        const send = (vm: number, count: number) => {
          const part = bytes[vm].subarray(sent[vm], sent[vm] + count);
          if (part.length === 0) return;
          sent[vm] += vms[vm].send(part);
          lab.settle();
        };
        for (const { vm, bytes: count } of pieces) send(vm, count);
        send(0, Infinity);
        vms[1].close(); // wherever it was
        lab.settle();
        send(2, Infinity);
        const heard = b.receiveFrames();
        const of = (n: number) => concat(heard.filter((each) => each[11] === 10 + n).map(record));
        assertEquals(of(0), expected(bytes[0]));
        assertEquals(of(1), expected(bytes[1].slice(0, sent[1])));
        assertEquals(of(2), expected(bytes[2]));
        vms[2].close();
        lab.settle();
        for (const vm of vms) vm.receive();
        lab.run(10); // slower than a listener's limit
      },
    ),
    { numRuns: 1500 },
  );
  lab.stop();
});
