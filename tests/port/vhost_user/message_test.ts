/**
 * Messages on the wire: put together at every cut, one at a time, with the descriptors that are theirs.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Kernel, SocketType } from "../../../src/platform/kernel.ts";
import {
  MAX_DESCRIPTORS,
  MAX_PAYLOAD,
  MessageReader,
  Next,
} from "../../../src/port/vhost_user/message.ts";
import { descriptors, longs, message, withKernel, words } from "./session_lab.ts";

/** Both ends of a connection, and a reader on one of them. */
class Wire {
  readonly reader: MessageReader;
  readonly near: number;
  readonly far: number;
  readonly #kernel: Kernel;
  readonly #at: number;
  #gone = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.socketPair(SocketType.STREAM);
    [this.near, this.far] = kernel.pair;
    this.#at = kernel.arena.take(8192);
    this.reader = new MessageReader(kernel, kernel.sharing!, this.near, this);
  }

  send(bytes: Uint8Array, fds: readonly number[] = []): void {
    this.#kernel.arena.u8.set(bytes, this.#at);
    const sent = this.#kernel.sharing!.sendMessage(this.far, this.#at, bytes.length, fds);
    assertEquals(sent, bytes.length);
  }

  receive(): Uint8Array {
    const n = this.#kernel.sharing!.receiveMessage(this.far, this.#at, 8192);
    return this.#kernel.arena.u8.slice(this.#at, this.#at + Math.max(0, n));
  }

  /** The front-end goes. */
  hangUp(): void {
    if (!this.#gone) this.#kernel.close(this.far);
    this.#gone = true;
  }

  end(): void {
    this.hangUp();
    this.reader.close();
    this.#kernel.arena.give(this.#at);
    this.#kernel.close(this.near);
  }
}

function wireTest(name: string, run: (wire: Wire, kernel: Kernel) => void): void {
  Deno.test(name, () =>
    withKernel((kernel) => {
      const wire = new Wire(kernel);
      run(wire, kernel);
      wire.end();
    }));
}

wireTest(
  "MessageReader puts a message together at every pair of cuts, descriptors with any piece",
  (wire, kernel) => {
    const { reader } = wire, bytes = message(77, longs(0x1_2345_6789, 5), 9);
    const fd = kernel.openWake(), before = descriptors();
    for (let first = 1; first < bytes.length; first++) {
      for (let second = first; second < bytes.length; second++) {
        const pieces = [[0, first], [first, second], [second, bytes.length]];
        for (const [i, [from, to]] of pieces.entries()) {
          if (from === to) continue;
          wire.send(bytes.subarray(from, to), i === (first + second) % 3 ? [fd, fd] : [fd]);
          assertEquals(reader.next(), to < bytes.length ? Next.NONE : Next.MESSAGE);
        }
        assertEquals([reader.request, reader.flags, reader.size], [77, 9, 16]);
        assertEquals([reader.long(0), reader.word(0), reader.word(1), reader.word(2)], [
          0x1_2345_6789,
          0x2345_6789,
          1,
          5,
        ]);
        const middle = first === second ? 0 : 1;
        assert(reader.descriptors.length >= 2 + middle);
        const taken = reader.take();
        reader.drop();
        assertEquals(descriptors(), before + 1, "one was taken, the others are closed");
        kernel.close(taken);
      }
    }
    kernel.close(fd);
  },
);

wireTest("MessageReader reads one message at a time, however many have come", (wire, kernel) => {
  const { reader } = wire, fd = kernel.openWake();
  wire.send(new Uint8Array([...message(1, new Uint8Array(), 1), ...message(2, longs(7), 1)]));
  wire.send(message(3, longs(8), 1), [fd]);
  const seen: number[][] = [];
  while (reader.next() === Next.MESSAGE) {
    seen.push([reader.request, reader.size, reader.descriptors.length]);
    assertEquals(reader.next(), Next.MESSAGE, "it stays until it is dropped");
    reader.drop();
  }
  assertEquals(seen, [[1, 0, 0], [2, 8, 0], [3, 8, 1]]);
  assertEquals([reader.take(), reader.reason], [-1, ""]);
  kernel.close(fd);
});

wireTest("MessageReader takes the longest message and none longer", (wire) => {
  wire.send(message(5, new Uint8Array(MAX_PAYLOAD).fill(0xab), 1));
  assertEquals(wire.reader.next(), Next.MESSAGE);
  assertEquals(wire.reader.word(MAX_PAYLOAD / 4 - 1), 0xabab_abab);
  wire.reader.drop();
  wire.send(words(5, 1, MAX_PAYLOAD + 1));
  assertEquals(wire.reader.next(), Next.OVER);
  assertEquals(wire.reader.reason, "it sent a message of 2049 bytes, of at most 2048");
  assertEquals(wire.reader.next(), Next.OVER, "for good");
});

const NO_VHOST_USER = "it speaks no vhost-user; for -netdev stream use kind stream";
const nonsense: [string, Uint8Array, string][] = [
  ["a size of 2^32 - 1", words(1, 1, 0xffff_ffff), "it sent a message of 4294967295 bytes"],
  ["version 0", words(1, 0, 0), NO_VHOST_USER],
  ["version 2", words(1, 2, 0), NO_VHOST_USER],
  ["a reply", words(11, 5, 8), "it replied to a request 11 that we never made"],
  ["a stream of frames", words(0x2e05_0000, 0x3412_0054, 0), NO_VHOST_USER],
];
for (const [what, bytes, reason] of nonsense) {
  wireTest(`MessageReader ends the connection of ${what}`, (wire) => {
    wire.send(bytes);
    assertEquals(wire.reader.next(), Next.OVER);
    assert(wire.reader.reason.startsWith(reason), wire.reader.reason);
  });
}

wireTest(
  "MessageReader ends a connection with too many descriptors, at once or bit by bit, and keeps none",
  (wire, kernel) => {
    const fd = kernel.openWake(), before = descriptors();
    const too = "it sent more than 8 descriptors with one message";
    wire.send(message(5, longs(0), 1), Array(MAX_DESCRIPTORS).fill(fd));
    assertEquals(wire.reader.next(), Next.MESSAGE);
    assertEquals(descriptors(), before + MAX_DESCRIPTORS);
    wire.reader.drop();
    assertEquals(descriptors(), before);
    for (const count of [9, 17, 32]) {
      const other = new Wire(kernel);
      other.send(message(5, longs(0), 1), Array(count).fill(fd));
      assertEquals([other.reader.next(), other.reader.reason], [Next.OVER, too]);
      other.end();
      assertEquals(descriptors(), before, `${count} at once`);
    }
    for (let i = 0; i < 9; i++) wire.send(words(5).subarray(0, 1), [fd]);
    assertEquals([wire.reader.next(), wire.reader.reason], [Next.OVER, too]);
    kernel.close(fd);
  },
);

wireTest("MessageReader.close() closes the descriptors of half a message", (wire, kernel) => {
  const fd = kernel.openWake(), before = descriptors();
  const other = new Wire(kernel);
  other.send(words(5, 1), [fd, fd]);
  assertEquals([other.reader.next(), descriptors()], [Next.NONE, before + 4]);
  other.end();
  assertEquals(descriptors(), before);
  kernel.close(fd);
  assertEquals(wire.reader.next(), Next.NONE);
});

wireTest("MessageReader says when the front-end has gone, also in the middle", (wire) => {
  wire.send(words(5, 1));
  wire.hangUp();
  assertEquals(wire.reader.next(), Next.OVER);
  assertEquals(wire.reader.reason, "it closed the connection");
});

wireTest("MessageReader.long() takes 53 bits and calls the others Infinity", (wire) => {
  const most = Number.MAX_SAFE_INTEGER;
  wire.send(message(1, longs(most, BigInt(most) + 1n, 2n ** 64n - 1n, 2 ** 52), 1));
  wire.reader.next();
  assertEquals([0, 2, 4, 6].map((i) => wire.reader.long(i)), [most, Infinity, Infinity, 2 ** 52]);
});

wireTest(
  "MessageReader.reply() has the request, version and reply flags, 8 bytes and two words",
  (wire) => {
    wire.send(message(11, words(1, 2), 9));
    wire.reader.next();
    assert(wire.reader.reply(3, 0xffff_ffff));
    assertEquals(wire.receive(), new Uint8Array([...words(11, 5, 8, 3, 0xffff_ffff)]));
    assertEquals([wire.reader.word(0), wire.reader.word(1)], [1, 2], "the message is still there");
  },
);

wireTest(
  "MessageReader.reply() gives up on a front-end that does not read, and on one that has gone",
  (wire, kernel) => {
    wire.send(message(1, new Uint8Array(), 1));
    wire.reader.next();
    let replies = 0;
    while (wire.reader.reply(0, 0)) assert(++replies < 100_000);
    assertEquals(wire.reader.reason, "it does not read our replies");
    assertEquals(wire.reader.next(), Next.OVER);
    const gone = new Wire(kernel);
    gone.hangUp();
    assertEquals([gone.reader.reply(0, 0), gone.reader.reason], [false, "the connection broke"]);
    gone.end();
  },
);
