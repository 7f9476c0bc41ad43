/**
 * The contract of datagram sockets: sending and receiving.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SocketType } from "../../../src/platform/kernel.ts";
import { ok, pattern, refused, text } from "./expect.ts";
import type { Case } from "./lab.ts";

const { DGRAM } = SocketType;

/** See the head of this file. */
export const datagrams: readonly Case[] = [
  {
    name: "send() and receive() keep the bounds of datagrams, empty ones included",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      lab.setBuffers([a, b], 65_536);
      const sent = [text("first"), new Uint8Array(), pattern(9014)];
      sent.forEach((bytes, i) => lab.put(i, bytes));
      assertEquals(lab.kernel.send(a, lab.plain, 0, 3), 3);
      for (let i = 0; i < 8; i++) lab.plain.set(i, lab.slot(8 + i), 10_000);
      assertEquals(lab.kernel.receive(b, lab.plain, 8), 3);
      const lengths = [0, 1, 2].map((i) => lab.plain.received(i));
      assertEquals(lengths, [5, 0, 9014]);
      assertEquals(lengths.map((length, i) => lab.bytes(8 + i, length)), sent);
      refused(lab.kernel.receive(b, lab.plain, 8), "EAGAIN");
    },
  },
  {
    name: "send() starts at `from`",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      for (let i = 0; i < 4; i++) lab.put(i, text(`frame ${i}`));
      assertEquals(lab.kernel.send(a, lab.plain, 2, 2), 2);
      assertEquals(lab.receive(b), text("frame 2"));
      assertEquals(lab.receive(b), text("frame 3"));
    },
  },
  {
    name: "receive() takes at most `count`",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      for (let i = 0; i < 3; i++) assertEquals(lab.send(a, text(`${i}`)), 1);
      assertEquals(lab.kernel.receive(b, lab.plain, 2), 2);
      assertEquals(lab.receive(b), text("2"));
    },
  },
  {
    name: "receive() cuts a datagram to its slot and leaves the next one whole",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      lab.send(a, pattern(200));
      lab.send(a, pattern(50, 2));
      lab.plain.set(0, lab.slot(0), 100);
      lab.plain.set(1, lab.slot(1), 100);
      lab.kernel.arena.u8.fill(0xee, lab.slot(0), lab.slot(0) + 200);
      assertEquals(lab.kernel.receive(b, lab.plain, 2), 2);
      assertEquals(lab.plain.received(0), 100);
      assertEquals(lab.bytes(0, 101), Uint8Array.of(...pattern(200).subarray(0, 100), 0xee));
      assertEquals(lab.bytes(1, lab.plain.received(1)), pattern(50, 2));
    },
  },
  {
    name: "send() carries the largest frame of any client, 65,550 bytes",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      lab.setBuffers([a, b], 1 << 20);
      for (let i = 0; i < 3; i++) assertEquals(lab.send(a, pattern(65_550, i)), 1);
      for (let i = 0; i < 3; i++) assertEquals(lab.receive(b), pattern(65_550, i));
    },
  },
  {
    name: "send() refuses a datagram longer than the send buffer, and only that one",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      const granted = ok(lab.kernel.setBuffers(a, 16_384));
      lab.put(0, text("before"));
      lab.put(1, pattern(granted + 1));
      lab.put(2, text("after"));
      assertEquals(lab.kernel.send(a, lab.plain, 0, 3), 1);
      refused(lab.kernel.send(a, lab.plain, 1, 2), "EMSGSIZE");
      assertEquals(lab.kernel.send(a, lab.plain, 2, 1), 1);
      assertEquals([lab.receive(b), lab.receive(b)], [text("before"), text("after")]);
    },
  },
  {
    name: "send() takes a prefix when the buffer is full, and goes on after one was read",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      lab.setBuffers([a, b], 65_536);
      for (let i = 0; i < 16; i++) lab.put(i, pattern(1514, i));
      let sent = 0, last = 16;
      while (last === 16) sent += last = ok(lab.kernel.send(a, lab.plain, 0, 16));
      assert(last > 0, "the last batch should have been cut, not refused");
      refused(lab.kernel.send(a, lab.plain, last, 16 - last), lab.habits.full);
      assertEquals(lab.receive(b), pattern(1514, 0));
      assertEquals(lab.send(a, pattern(1514, last)), 1);
      for (let i = 1; i <= sent; i++) assertEquals(lab.receive(b), pattern(1514, i % 16));
      refused(lab.kernel.receive(b, lab.plain, 1), "EAGAIN");
    },
  },
  {
    name: "setBuffers() grants what the system allows, and more datagrams fit",
    run(lab) {
      const [a, b] = lab.pair(DGRAM), [c, d] = lab.pair(DGRAM);
      const small = lab.setBuffers([a, b], 32_768);
      const large = lab.setBuffers([c, d], 131_072);
      assert(small >= lab.world.leastBuffers(32_768), `granted ${small}`);
      assert(large >= lab.world.leastBuffers(131_072), `granted ${large}`);
      const few = lab.fill(() => lab.send(a, pattern(1514)));
      const many = lab.fill(() => lab.send(c, pattern(1514)));
      assert(many > 3 * few, `${few} in ${small} bytes, ${many} in ${large}`);
      assert(many * 1514 <= large && many * 4096 >= large, `${many} in ${large} bytes`);
    },
  },
  {
    name: "send() is bounded by a count if the receiver is not connected to the sender",
    only: "linux",
    run(lab) {
      const receiver = lab.bound("receiver");
      const sender = lab.socket(DGRAM);
      ok(lab.kernel.connect(sender, lab.address("receiver")));
      assertEquals(lab.fill(() => lab.send(sender, text("x"))), lab.world.datagrams + 1);
      lab.receive(receiver);
      assertEquals(lab.send(sender, text("x")), 1);
    },
  },
  {
    name: "receiveFrom() tells who sent, and cuts to its length",
    run(lab) {
      const receiver = lab.bound("receiver");
      const named = lab.bound("sender"), unnamed = lab.socket(DGRAM);
      for (const fd of [named, unnamed]) {
        ok(lab.kernel.connect(fd, lab.address("receiver")));
        lab.send(fd, pattern(64));
      }
      assertEquals(lab.kernel.receiveFrom(receiver, lab.slot(1), 4096), 64);
      assertEquals(lab.bytes(1, 64), pattern(64));
      assertEquals(lab.kernel.sender, { address: lab.address("sender"), pid: 0, uid: -1 });
      assertEquals(lab.kernel.receiveFrom(receiver, lab.slot(1), 10), 10);
      assertEquals(lab.kernel.sender, { address: new Uint8Array(), pid: 0, uid: -1 });
      refused(lab.kernel.receiveFrom(receiver, lab.slot(1), 10), "EAGAIN");
    },
  },
  {
    name:
      "setCredentials() adds the sender's process and user to receiveFrom(), where there is such a thing",
    run(lab) {
      const receiver = lab.bound("receiver"), sender = lab.bound("sender");
      const { pid, uid } = lab.world;
      const address = lab.address("sender");
      ok(lab.kernel.setCredentials(receiver, true));
      lab.sendTo(sender, "receiver", text("x"));
      assertEquals(lab.kernel.receiveFrom(receiver, lab.slot(1), 10), 1);
      const known = lab.habits.credentials ? { pid, uid } : { pid: 0, uid: -1 };
      assertEquals(lab.kernel.sender, { address, ...known });
      ok(lab.kernel.setCredentials(receiver, false));
      lab.sendTo(sender, "receiver", text("x"));
      assertEquals(lab.kernel.receiveFrom(receiver, lab.slot(1), 10), 1);
      assertEquals(lab.kernel.sender, { address, pid: 0, uid: -1 });
    },
  },
];
