/**
 * Batches of datagrams on Darwin: which calls are chosen, and what they are offered.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { isTrusted } from "../../src/platform/darwin_datagrams.ts";
import { Errno } from "../../src/platform/errno.ts";
import { SocketType } from "../../src/platform/kernel.ts";
import { MessageTable } from "../../src/platform/vectors.ts";
import { CMemory } from "../support/fake_c_memory.ts";
import { FakeDarwin } from "../support/fake_darwin.ts";
import { fakeLibSystem } from "../support/fake_libsystem.ts";

const { DGRAM } = SocketType;

/** `count` datagrams of `length` bytes in a table. */
function messages(kernel: FakeDarwin, count: number, length: number): MessageTable {
  const table = new MessageTable(kernel.arena, kernel.abi, count, false);
  const memory = kernel.arena.take(count * length);
  for (let i = 0; i < count; i++) {
    kernel.arena.u8.fill(i, memory + i * length, memory + (i + 1) * length);
    table.set(i, memory + i * length, length);
  }
  return table;
}

function pair(kernel: FakeDarwin, bytes: number): [number, number] {
  kernel.socketPair(DGRAM);
  const [a, b] = kernel.pair;
  for (const fd of [a, b]) kernel.setBuffers(fd, bytes);
  return [a, b];
}

Deno.test("DarwinKernel uses the bulk calls from macOS 15.6 on, or when asked, if they work", () => {
  assertEquals(
    ["24.5.0", "24.6.0", "25.0.0", "23.6.0", "0"].map(isTrusted),
    [false, true, true, false, false],
  );
  const BULK = "sendmsg_x/recvmsg_x", EACH = "sendmsg/recvmsg";
  assertEquals(new FakeDarwin().bulk, BULK);
  assertEquals(new FakeDarwin({ release: "24.5.0" }).bulk, EACH);
  assertEquals(new FakeDarwin({ release: "24.5.0" }, "on").bulk, BULK);
  assertEquals(new FakeDarwin({}, "off").bulk, EACH);
  assertEquals(new FakeDarwin({ bulkCalls: false }, "on").bulk, EACH);
});

Deno.test("DarwinKernel looks for itself whether the bulk calls do what it thinks", () => {
  const broken: Record<string, (memory: CMemory, headers: bigint, n: number) => number> = {
    "another count": (_, __, n) => n - 1,
    "lengths elsewhere": (memory, headers, n) => {
      memory.view.setBigUint64(memory.at(headers) + 48, 0n, true);
      return n;
    },
    "other bytes": (memory, headers, n) => {
      memory.message(headers, 1, 56).pieces[0][3] ^= 1;
      return n;
    },
    "only the first time": (memory, headers, n) => {
      const [piece] = memory.message(headers, 0, 56).pieces;
      if (received++ > 0) piece[4] ^= 1;
      return n;
    },
  };
  let received = 0;
  for (const [what, spoil] of Object.entries(broken)) {
    const kernel = new (class extends FakeDarwin {
      constructor() {
        super({}, "on", (machine) => {
          const made = fakeLibSystem(machine), receive = made.libc.recvmsg_x!;
          const recvmsg_x = (fd: number, headers: bigint, count: number, flags: number) =>
            spoil(new CMemory(machine.arena), headers, receive(fd, headers, count, flags));
          return { ...made, libc: { ...made.libc, recvmsg_x } };
        });
      }
    })();
    assertEquals(kernel.bulk, "sendmsg/recvmsg", what);
    assertEquals(kernel.openDescriptors(), [], "the probe's sockets are closed");
  }
});

Deno.test("send() honours the prefix, and offers a full peer fewer messages the next time", () => {
  const kernel = new FakeDarwin();
  const { machine } = kernel;
  const [a, b] = pair(kernel, 65_536);
  const out = messages(kernel, 64, 1500), into = messages(kernel, 64, 2000);
  const first = kernel.send(a, out, 0, 64);
  assertEquals(first, 43, "what fits: 65,536 / 1,516");
  const sent = () => {
    const before = machine.copied;
    const n = kernel.send(a, out, first, 64 - first);
    return [n, (machine.copied - before) / 1500];
  };
  assertEquals([sent(), sent(), sent(), sent(), sent()], [
    [-Errno.ENOBUFS, 21], // all that is left is copied before the first is tried
    [-Errno.ENOBUFS, 16],
    [-Errno.ENOBUFS, 8],
    [-Errno.ENOBUFS, 4],
    [-Errno.ENOBUFS, 4],
  ]);
  assertEquals(kernel.receive(b, into, 64), 43);
  assertEquals(sent(), [4, 4]);
  assertEquals(sent(), [8, 8], "and more again when they go");
  kernel.dispose();
});

Deno.test("send() never passes a flag that sendmsg_x refuses, and stops at a message that is too long", () => {
  const kernel = new FakeDarwin();
  const [a] = pair(kernel, 4096);
  const out = messages(kernel, 3, 100);
  out.set(1, 4096, 5000);
  assertEquals(kernel.send(a, out, 0, 3), 1);
  assertEquals(kernel.send(a, out, 1, 2), -Errno.EMSGSIZE);
  assertEquals(kernel.send(a, out, 2, 1), 1);
  kernel.dispose();
});

/** A table of datagrams of 10 bytes, number i in `pieces[i]` pieces and full of the number i. */
function inPieces(kernel: FakeDarwin, pieces: readonly number[]): MessageTable {
  const { length } = pieces, { arena } = kernel;
  const table = new MessageTable(arena, kernel.abi, length, false, 16 * length);
  const memory = arena.take(length * 10);
  for (let i = 0; i < length; i++) {
    const at = memory + i * 10, last = pieces[i] - 1;
    arena.u8.fill(i, at, at + 10);
    table.setPieces(i, 16 * i, pieces[i]);
    for (let p = 0; p < last; p++) table.vector.set(16 * i + p, at + p, 1);
    table.vector.set(16 * i + last, at + last, 10 - last);
  }
  return table;
}

Deno.test("send() offers messages of as many pieces at once, and the rest is sent by the next calls", () => {
  const kernel = new FakeDarwin(), [a, b] = pair(kernel, 65_536);
  const pieces = [1, 1, 2, 2, 2, 3, 1, 4, 4], out = inPieces(kernel, pieces);
  const sent: number[] = [];
  for (let from = 0; from < pieces.length; from += sent.at(-1)!) {
    sent.push(kernel.send(a, out, from, pieces.length - from));
    assert(sent.at(-1)! > 0);
  }
  assertEquals(sent, [2, 3, 1, 1, 2]);
  const into = messages(kernel, 16, 100);
  assertEquals(kernel.receive(b, into, 16), pieces.length);
  for (let i = 0; i < pieces.length; i++) {
    assertEquals(into.received(i), 10);
    const at = into.vector.start(i);
    assertEquals(kernel.arena.u8.slice(at, at + 10), new Uint8Array(10).fill(i));
  }
  kernel.dispose();
});

Deno.test("send() offers a peer no less because a batch is of different pieces", () => {
  const kernel = new FakeDarwin(), [a] = pair(kernel, 65_536);
  const out = inPieces(kernel, [1, ...Array(63).fill(2)]);
  for (let round = 0; round < 4; round++) assertEquals(kernel.send(a, out, 0, 64), 1);
  assertEquals(kernel.send(a, out, 1, 63), 63);
  kernel.dispose();
});

Deno.test("the fake libSystem refuses a bulk call with messages of different pieces", () => {
  const kernel = new FakeDarwin(), [a, b] = pair(kernel, 65_536);
  const { libc } = fakeLibSystem(kernel.machine), mixed = inPieces(kernel, [1, 2]);
  const message = "messages of 1,2 pieces";
  assertThrows(() => libc.sendmsg_x!(a, mixed.address(0), 2, 0x80), Error, message);
  assertThrows(() => libc.recvmsg_x!(b, mixed.address(0), 2, 0x80), Error, message);
  kernel.dispose();
});

Deno.test("send() goes on by single messages where a batch is refused for its sum, or for an empty one", () => {
  const kernel = new FakeDarwin(), [a, b] = pair(kernel, 64 << 10);
  const table = messages(kernel, 8, 10_000);
  kernel.machine.sumsUp = true;
  let sent = 0;
  while (sent < 6) {
    const n = kernel.send(a, table, sent, 8 - sent);
    assert(n > 0, `${n}`);
    sent += n;
  }
  assertEquals(kernel.receive(b, table, 8), sent);
  table.set(1, table.vector.start(1), 0);
  assertEquals(kernel.send(a, table, 0, 2), 2);
});

Deno.test("send() offers a new socket all it has, whatever the one of the same number was", () => {
  const kernel = new FakeDarwin(), [a, b] = pair(kernel, 16 << 10);
  const table = messages(kernel, 64, 1000);
  for (let i = 0; i < 10; i++) kernel.send(a, table, 0, 64);
  for (const fd of [a, b]) kernel.close(fd);
  const [again] = pair(kernel, 1 << 20);
  assertEquals([again, kernel.send(again, table, 0, 64)], [a, 64]);
});
