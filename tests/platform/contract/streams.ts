/**
 * The contract of stream sockets.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { SocketType } from "../../../src/platform/kernel.ts";
import { ok, pattern, refused, text } from "./expect.ts";
import type { Case, Lab } from "./lab.ts";

const { DGRAM, STREAM } = SocketType;

function connected(lab: Lab, name: string, listener: number): [number, number] {
  const client = lab.socket(STREAM);
  ok(lab.kernel.connect(client, lab.address(name)));
  return [client, lab.track(lab.kernel.accept(listener))];
}

/** See the head of this file. */
export const streams: readonly Case[] = [
  {
    name: "accept() gives each connection once, in order, non-blocking",
    run(lab) {
      const listener = lab.listener("lan", 8);
      refused(lab.kernel.accept(listener), "EAGAIN");
      const clients = [lab.socket(STREAM), lab.socket(STREAM)];
      clients.forEach((fd, i) => {
        ok(lab.kernel.connect(fd, lab.address("lan")));
        assertEquals(lab.write(fd, text(`${i}`)), 1); // before it is accepted
      });
      const accepted = clients.map(() => lab.track(lab.kernel.accept(listener)));
      refused(lab.kernel.accept(listener), "EAGAIN");
      assertEquals(accepted.map((fd) => lab.read(fd)), [text("0"), text("1")]);
      for (const fd of accepted) {
        assertEquals(lab.world.flags(fd), { nonBlocking: true, closeOnExec: true });
      }
    },
  },
  {
    name: "peerOf() tells the process at the other end",
    run(lab) {
      const [client, server] = connected(lab, "lan", lab.listener("lan", 1));
      const { pid, uid } = lab.world;
      for (const fd of [client, server]) {
        const peer = lab.kernel.peerOf(fd);
        assertEquals([peer?.pid, peer?.uid], [pid, uid]);
      }
      assertEquals(lab.kernel.peerOf(-1), undefined);
    },
  },
  {
    name: "socketType(), isListening() and isConnected() tell sockets apart",
    run(lab) {
      const { kernel } = lab;
      const listener = lab.listener("lan", 1);
      const [client, server] = connected(lab, "lan", listener);
      const [a] = lab.pair(DGRAM);
      const facts = (fd: number) => [
        kernel.socketType(fd),
        kernel.isListening(fd),
        kernel.isConnected(fd),
      ];
      assertEquals(facts(listener), [STREAM, 1, 0]);
      assertEquals(facts(client), [STREAM, 0, 1]);
      assertEquals(facts(server), [STREAM, 0, 1]);
      assertEquals(facts(lab.socket(STREAM)), [STREAM, 0, 0]);
      assertEquals(facts(a), [DGRAM, 0, 1]);
      assertEquals(facts(lab.bound("dgram")), [DGRAM, 0, 0]);
    },
  },
  {
    name: "listen() lets as many connections wait as its backlog says, and one more on Linux",
    run(lab) {
      const backlog = 2;
      const listener = lab.listener("lan", backlog);
      const connect = () => lab.kernel.connect(lab.socket(STREAM), lab.address("lan"));
      for (let i = 0; i < backlog + lab.habits.spareBacklog; i++) assertEquals(connect(), 0);
      refused(connect(), lab.habits.backlogFull);
      lab.track(lab.kernel.accept(listener));
      assertEquals(connect(), 0);
    },
  },
  {
    name: "write() gathers pieces and read() takes bytes as they come",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      [pattern(4), new Uint8Array(), pattern(1514, 2)].forEach((bytes, i) => lab.put(i, bytes));
      assertEquals(lab.kernel.write(a, lab.vector, 3), 1518);
      assertEquals(lab.read(b, 10), Uint8Array.of(...pattern(4), ...pattern(1514, 2).slice(0, 6)));
      assertEquals(lab.write(a, text("next")), 4);
      assertEquals(lab.read(b), Uint8Array.of(...pattern(1514, 2).slice(6), ...text("next")));
      refused(lab.kernel.read(b, lab.slot(0), 10), "EAGAIN");
    },
  },
  {
    name: "write() takes part of the bytes when the buffer fills, then EAGAIN, and loses nothing",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      ok(lab.kernel.setBuffers(a, 65_536));
      const bytes = pattern(100_000);
      const taken: number[] = [];
      let n = lab.write(a, bytes);
      for (; n > 0; n = lab.write(a, bytes)) taken.push(n);
      refused(n, "EAGAIN");
      const cut = taken[taken.length - 1];
      assert(cut > 0 && cut < bytes.length, `the last write should be cut, it took ${cut}`);
      const sent = taken.flatMap((length) => [...bytes.subarray(0, length)]);
      const got: number[] = [];
      while (got.length < sent.length) got.push(...lab.read(b, 30_000));
      assertEquals(Uint8Array.from(got), Uint8Array.from(sent));
      refused(lab.kernel.read(b, lab.slot(0), 1), "EAGAIN");
      assert(lab.write(a, bytes) > 0);
    },
  },
  {
    name: "read() is 0 at the end of the stream, after what was sent before; write() is EPIPE",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      lab.write(b, text("last words"));
      lab.close(b);
      refused(lab.write(a, text("x")), "EPIPE");
      assertEquals(lab.read(a, 4), text("last"));
      assertEquals(lab.read(a), text(" words"));
      assertEquals(lab.kernel.read(a, lab.slot(0), 10), 0);
      assertEquals(lab.kernel.read(a, lab.slot(0), 10), 0);
      assertEquals(lab.kernel.isConnected(a), 1);
    },
  },
  {
    name:
      "read() is ECONNRESET once if the peer closed with unread bytes, where the system says so",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      lab.write(a, text("never read"));
      lab.write(b, text("last words"));
      lab.close(b);
      assertEquals(lab.read(a), text("last words"));
      if (lab.habits.resets) refused(lab.kernel.read(a, lab.slot(0), 10), "ECONNRESET");
      assertEquals(lab.kernel.read(a, lab.slot(0), 10), 0);
    },
  },
  {
    name: "close() of a listener ends connections it has not accepted",
    run(lab) {
      const listener = lab.listener("lan", 1);
      const client = lab.socket(STREAM);
      ok(lab.kernel.connect(client, lab.address("lan")));
      lab.close(listener);
      if (lab.habits.resets) refused(lab.kernel.read(client, lab.slot(0), 10), "ECONNRESET");
      assertEquals(lab.kernel.read(client, lab.slot(0), 10), 0);
      refused(lab.kernel.connect(lab.socket(STREAM), lab.address("lan")), "ECONNREFUSED");
    },
  },
  {
    name: "calls in the wrong state are refused",
    run(lab) {
      const { kernel } = lab;
      const idle = lab.socket(STREAM), dgram = lab.bound("dgram");
      refused(lab.write(idle, text("x")), "ENOTCONN");
      refused(kernel.read(idle, lab.slot(0), 10), lab.habits.idleRead);
      refused(kernel.accept(idle), "EINVAL");
      refused(kernel.listen(idle, 1), "EINVAL");
      refused(kernel.accept(dgram), "EOPNOTSUPP");
      refused(kernel.listen(dgram, 1), "EOPNOTSUPP");
      ok(kernel.bind(idle, lab.path("not-listening"), 0o600));
      refused(
        kernel.connect(lab.socket(STREAM), lab.address("not-listening")),
        "ECONNREFUSED",
      );
      const [client] = connected(lab, "lan", lab.listener("lan", 1));
      refused(kernel.connect(client, lab.address("lan")), "EISCONN");
    },
  },
];
