/**
 * The contract of messages with descriptors on streams (unix(7), SCM_RIGHTS).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Errno } from "../../../src/platform/errno.ts";
import type { Sharing } from "../../../src/platform/sharing.ts";
import { Ready, SocketType } from "../../../src/platform/kernel.ts";
import { until } from "../../support/time.ts";
import { ok, pattern, refused, text } from "./expect.ts";
import type { Case, Lab } from "./lab.ts";

const { DGRAM, STREAM } = SocketType;

function sharingOf(lab: Lab): Sharing {
  return lab.kernel.sharing!;
}

function send(lab: Lab, fd: number, bytes: Uint8Array, descriptors: readonly number[]): number {
  lab.put(0, bytes);
  return sharingOf(lab).sendMessage(fd, lab.slot(0), bytes.length, descriptors);
}

/** Receive at most `length` bytes: the bytes, and the descriptors that came. */
function receive(lab: Lab, fd: number, length = 1000): { bytes: Uint8Array; fds: number[] } {
  const sharing = sharingOf(lab);
  const n = ok(sharing.receiveMessage(fd, lab.slot(1), length));
  return { bytes: lab.bytes(1, n), fds: sharing.descriptors.map((each) => lab.track(each)) };
}

/** A descriptor that stands for the same counter as `wake`. */
function assertSame(lab: Lab, wake: number, other: number): void {
  assertEquals([lab.kernel.takeWakes(wake), lab.kernel.wake(other)], [0, 0]);
  assertEquals(lab.kernel.takeWakes(wake), 1);
}

/** See the head of this file. */
export const descriptors: readonly Case[] = [
  {
    name: "receiveMessage() brings bytes and descriptors in order, close-on-exec",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      const wakes = [0, 1, 2].map(() => lab.track(lab.kernel.openWake()));
      assertEquals(send(lab, a, text("take these"), wakes), 10);
      const { bytes, fds } = receive(lab, b);
      assertEquals(bytes, text("take these"));
      assertEquals(fds.length, 3);
      fds.forEach((fd, i) => assertSame(lab, wakes[i], fd));
      for (const fd of fds) assertEquals(lab.world.flags(fd).closeOnExec, true);
      wakes.forEach((wake) => lab.close(wake));
      assertEquals(
        fds.map((fd) => lab.kernel.wake(fd)),
        [0, 0, 0],
        "they live on without the others",
      );
    },
  },
  {
    name: "receiveMessage() without descriptors brings none, nor those of the message before",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      send(lab, a, text("one"), [lab.track(lab.kernel.openWake())]);
      send(lab, a, text("none"), []);
      assertEquals(receive(lab, b).fds.length, 1);
      assertEquals(receive(lab, b), { bytes: text("none"), fds: [] });
      refused(sharingOf(lab).receiveMessage(b, lab.slot(1), 10), "EAGAIN");
      assertEquals(sharingOf(lab).descriptors, []);
      lab.write(a, text("written"));
      assertEquals(receive(lab, b), { bytes: text("written"), fds: [] });
    },
  },
  {
    name:
      "descriptors come with the first byte of their message, and nothing from behind it with them",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      const wake = lab.track(lab.kernel.openWake());
      send(lab, a, text("before"), []);
      send(lab, a, text("with"), [wake]);
      send(lab, a, text("behind"), []);
      assertEquals(receive(lab, b, 6), { bytes: text("before"), fds: [] });
      const first = receive(lab, b, 1);
      assertEquals([first.bytes, first.fds.length], [text("w"), 1]);
      assertEquals(receive(lab, b, 2), { bytes: text("it"), fds: [] });
      assertEquals(receive(lab, b, 100).bytes, text("hbehind"));

      send(lab, a, text("with"), [wake]);
      send(lab, a, text("behind"), []);
      assertEquals(receive(lab, b).bytes, text("with"));
      assertEquals(receive(lab, b).bytes, text("behind"));

      send(lab, a, text("before"), []);
      send(lab, a, text("with"), [wake]);
      const both = receive(lab, b);
      assertEquals([both.bytes, both.fds.length], [text("beforewith"), 1]);
    },
  },
  {
    name: "descriptors of a large message come once",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      const bytes = pattern(100_000);
      assertEquals(send(lab, a, bytes, [lab.track(lab.kernel.openWake())]), bytes.length);
      const got: number[] = [];
      let fds = 0;
      while (got.length < bytes.length) {
        const part = receive(lab, b, 1 << 17);
        got.push(...part.bytes);
        fds += part.fds.length;
      }
      assertEquals(Uint8Array.from(got), bytes);
      assertEquals(fds, 1);
    },
  },
  {
    name: "read() throws descriptors away and leaves none open",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      send(lab, a, text("with"), [lab.track(lab.kernel.openWake())]);
      assertEquals(lab.read(b), text("with"));
      send(lab, a, text("next"), []);
      assertEquals(receive(lab, b), { bytes: text("next"), fds: [] });
    },
  },
  {
    name: "receiveMessage() takes 16 descriptors and refuses 17, which are the caller's to close",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      const wake = lab.track(lab.kernel.openWake());
      send(lab, a, text("many"), new Array(16).fill(wake));
      assertEquals(receive(lab, b).fds.length, 16);
      for (const count of [17, 32]) {
        assertEquals(send(lab, a, text("more"), new Array(count).fill(wake)), 4);
        refused(sharingOf(lab).receiveMessage(b, lab.slot(1), 1000), "EPROTO");
        assertEquals(sharingOf(lab).descriptors.length, count);
        for (const each of sharingOf(lab).descriptors) lab.close(each);
      }
      refused(send(lab, a, text("most"), new Array(33).fill(wake)), "EINVAL");
      send(lab, a, text("next"), [wake]);
      assertEquals(receive(lab, b).fds.length, 1);
    },
  },
  {
    name: "closeElsewhere() closes, counted for the giver until then",
    async run(lab) {
      const sharing = sharingOf(lab), giver = {}, other = {};
      const wakes = Array.from({ length: 300 }, () => ok(lab.kernel.openWake()));
      for (const wake of wakes) sharing.closeElsewhere(wake, giver);
      assertEquals(sharing.closing(other), 0);
      await until("all to be closed", () => sharing.closing(giver) === 0);
      assertEquals(sharing.closing(), 0);
      for (const wake of wakes) refused(lab.kernel.close(wake), "EBADF");
    },
  },
  {
    name:
      "refuseDescriptors() makes messages with descriptors fail, of those who connect later, too",
    run(lab) {
      const [a, b] = lab.pair(STREAM), listener = lab.listener("l.sock", 1);
      const wake = lab.track(lab.kernel.openWake()), client = lab.socket(STREAM);
      const refuses = lab.kernel.refuseDescriptors(b);
      if (refuses === -Errno.ENOPROTOOPT) return; // Linux before 6.16
      assertEquals([refuses, lab.kernel.refuseDescriptors(listener)], [0, 0]);
      refused(send(lab, a, text("with"), [wake]), "EPERM");
      assertEquals(send(lab, a, text("without"), []), 7);
      assertEquals(receive(lab, b), { bytes: text("without"), fds: [] });
      assertEquals(send(lab, b, text("with"), [wake]), 4, "it may send some itself");
      assertEquals(receive(lab, a).fds.length, 1);

      ok(lab.kernel.connect(client, lab.address("l.sock")));
      refused(send(lab, client, text("with"), [wake]), "EPERM");
      const server = lab.track(lab.kernel.accept(listener));
      refused(send(lab, client, text("with"), [wake]), "EPERM");
      assertEquals(send(lab, server, text("with"), [wake]), 4);
    },
  },
  {
    name: "receiveMessage() is 0 at the end of the stream; sendMessage() is EPIPE",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      const wake = lab.track(lab.kernel.openWake());
      send(lab, a, text("last"), [wake]);
      lab.close(a);
      const last = receive(lab, b);
      assertEquals([last.bytes, last.fds.length], [text("last"), 1]);
      assertEquals(receive(lab, b), { bytes: text(""), fds: [] });
      refused(send(lab, b, text("x"), [wake]), "EPIPE");
      refused(send(lab, b, text("x"), []), "EPIPE");
    },
  },
  {
    name: "what is wrong with a descriptor of a message is EBADF, and nothing is sent",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      const wake = lab.kernel.openWake();
      ok(lab.kernel.close(wake));
      refused(send(lab, a, text("x"), [wake]), "EBADF");
      refused(send(lab, -1, text("x"), []), "EBADF");
      refused(sharingOf(lab).receiveMessage(-1, lab.slot(1), 10), "EBADF");
      refused(sharingOf(lab).receiveMessage(b, lab.slot(1), 10), "EAGAIN");
    },
  },
  {
    name: "adoptWake() takes a counter, makes it non-blocking, and refuses everything else",
    run(lab) {
      const { kernel, world } = lab;
      const sharing = sharingOf(lab);
      const wake = lab.track(kernel.openWake());
      assertEquals(sharing.adoptWake(wake), 1);
      assertEquals(world.flags(wake), { nonBlocking: true, closeOnExec: true });
      assertEquals([kernel.wake(wake), kernel.takeWakes(wake)], [0, 1]);
      const memory = lab.track(sharing.createMemory(4096, true));
      const others = [memory, lab.track(world.pipe().fd), lab.socket(DGRAM), lab.socket(STREAM)];
      assertEquals(others.map((fd) => sharing.adoptWake(fd)), [0, 0, 0, 0]);
      const closed = kernel.openWake();
      ok(kernel.close(closed));
      refused(sharing.adoptWake(closed), "EBADF");
      refused(sharing.adoptWake(-1), "EBADF");
    },
  },
  {
    name: "signal() adds one to a counter, also to another's, and wakes who waits for it",
    run(lab) {
      const { kernel } = lab;
      const sharing = sharingOf(lab);
      const [a, b] = lab.pair(STREAM);
      const wake = lab.track(kernel.openWake()), still = lab.track(kernel.openWake());
      ok(send(lab, a, text("x"), [wake]));
      const [theirs] = receive(lab, b).fds;
      ok(kernel.watch(wake, 1, Ready.READ));
      ok(kernel.watch(still, 2, Ready.READ));
      assertEquals(lab.ready(), {});
      for (let count = 1; count <= 300; count++) {
        assertEquals(sharing.signal(theirs), 0);
        if (count % 100 === 0) assertEquals([lab.ready(), kernel.takeWakes(wake)], [{ 1: 1 }, 100]);
      }
      assertEquals([lab.ready(), kernel.takeWakes(still)], [{}, 0]);
      ok(kernel.rewatch(wake, 1, Ready.READ | Ready.EDGE));
      for (let round = 0; round < 2; round++) {
        ok(sharing.signal(theirs));
        assertEquals([lab.ready(), lab.ready()], [{ 1: Ready.READ }, {}]);
      }
      assertEquals(sharing.signalsMayWait, false);
    },
  },
  {
    name: "signal() refuses what is no counter, and goes on",
    run(lab) {
      const { kernel } = lab;
      const sharing = sharingOf(lab);
      const wake = lab.track(kernel.openWake()), socket = lab.socket(STREAM);
      const closed = kernel.openWake();
      ok(sharing.signal(closed)); // the first may open something
      ok(kernel.close(closed));
      for (let round = 0; round < 100; round++) {
        refused(sharing.signal(closed), "EBADF");
        refused(sharing.signal(-1), "EBADF");
        refused(sharing.signal(socket), "EINVAL");
        ok(sharing.signal(wake));
      }
      assertEquals(kernel.takeWakes(wake), 100);
    },
  },
];
