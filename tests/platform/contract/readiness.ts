/**
 * The contract of waiting.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../src/platform/errno.ts";
import { Ready, SocketType } from "../../../src/platform/kernel.ts";
import { ok, pattern, refused, text } from "./expect.ts";
import type { Case } from "./lab.ts";

const { DGRAM, STREAM } = SocketType;
const { READ, WRITE, GONE, EDGE } = Ready;

/** See the head of this file. */
export const readiness: readonly Case[] = [
  {
    name: "wait() reports a descriptor by its token, as long as it is ready",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      ok(lab.kernel.watch(b, 0x7fff_ffff, READ));
      assertEquals(lab.ready(), {});
      lab.send(a, text("1"));
      lab.send(a, text("2"));
      assertEquals(lab.ready(), { 0x7fff_ffff: READ });
      lab.receive(b);
      assertEquals(lab.ready(-1), { 0x7fff_ffff: READ });
      lab.receive(b);
      assertEquals(lab.ready(), {});
    },
  },
  {
    name: "wait() reports only what was asked for; rewatch() changes it and the token",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      lab.write(a, text("x"));
      ok(lab.kernel.watch(b, 1, WRITE));
      assertEquals(lab.ready(), { 1: WRITE });
      ok(lab.kernel.rewatch(b, 2, READ | WRITE));
      assertEquals(lab.ready(), { 2: READ | WRITE });
      ok(lab.kernel.rewatch(b, 2, READ));
      assertEquals(lab.ready(), { 2: READ });
      ok(lab.kernel.rewatch(b, 2, 0));
      assertEquals(lab.ready(), {});
      ok(lab.kernel.unwatch(b));
      assertEquals(lab.ready(), {});
    },
  },
  {
    name: "watch(), rewatch() and unwatch() know what is watched",
    run(lab) {
      const { kernel } = lab;
      const [a] = lab.pair(DGRAM);
      refused(kernel.rewatch(a, 1, READ), "ENOENT");
      refused(kernel.unwatch(a), "ENOENT");
      ok(kernel.watch(a, 1, READ));
      refused(kernel.watch(a, 2, READ), "EEXIST");
      ok(kernel.unwatch(a));
      ok(kernel.watch(a, 1, READ));
    },
  },
  {
    name: "close() ends the watch of a descriptor",
    run(lab) {
      const [a, b] = lab.pair(STREAM);
      lab.write(a, text("x"));
      ok(lab.kernel.watch(b, 1, READ));
      lab.close(b);
      assertEquals(lab.ready(), {});
    },
  },
  {
    name:
      "wait() reports the end of a stream as GONE, asked for or not, with READ for what is left",
    run(lab) {
      const [a, b] = lab.pair(STREAM), [c, d] = lab.pair(STREAM);
      ok(lab.kernel.watch(a, 1, READ | WRITE));
      ok(lab.kernel.watch(c, 2, 0));
      lab.write(b, text("x"));
      lab.close(b);
      lab.close(d);
      const unasked = lab.habits.goneUnasked ? { 2: GONE } : {};
      assertEquals(lab.ready(), { 1: READ | WRITE | GONE, ...unasked });
      lab.read(a);
      assertEquals(lab.ready(), { 1: READ | WRITE | GONE, ...unasked });
    },
  },
  {
    name: "wait() reports a listener while connections wait",
    run(lab) {
      const listener = lab.listener("lan", 4);
      ok(lab.kernel.watch(listener, 5, READ));
      assertEquals(lab.ready(), {});
      ok(lab.kernel.connect(lab.socket(STREAM), lab.address("lan")));
      assertEquals(lab.ready(), { 5: READ });
      lab.track(lab.kernel.accept(listener));
      assertEquals(lab.ready(), {});
    },
  },
  {
    name:
      "wait() reports WRITE of datagrams at the first free byte, once each time there is more room",
    only: "darwin",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      lab.setBuffers([a, b], 65_536);
      ok(lab.kernel.watch(a, 1, WRITE));
      assertEquals(lab.ready(), { 1: WRITE });
      assertEquals(lab.ready(), {}, "told before");
      lab.fill(() => lab.send(a, pattern(1514)));
      assertEquals(lab.ready(), {});
      lab.receive(b);
      assertEquals(lab.ready(), { 1: WRITE });
      lab.fill(() => lab.send(a, pattern(1514)));
      ok(lab.kernel.rewatch(a, 2, WRITE));
      assertEquals(lab.ready(), { 2: WRITE }, "a byte is free, and no frame fits");
      assertEquals(lab.ready(), {});
    },
  },
  {
    name: "wait() reports WRITE only below a quarter of the buffer, though send() works before",
    only: "linux",
    run(lab) {
      const [a, b] = lab.pair(DGRAM);
      ok(lab.kernel.watch(a, 1, WRITE));
      assertEquals(lab.ready(), { 1: WRITE });
      const depth = lab.fill(() => lab.send(a, pattern(1514)));
      assertEquals(lab.ready(), {});
      for (let i = 0; i < depth / 2; i++) lab.receive(b);
      assertEquals(lab.ready(), {}, "half full");
      assertEquals(lab.send(a, pattern(1514)), 1);
      for (let i = 0; i < depth / 3; i++) lab.receive(b);
      assertEquals(lab.ready(), { 1: WRITE }, "a sixth full");
    },
  },
  {
    name: "wait() withholds WRITE while a one-sided receiver is full by count",
    only: "linux",
    run(lab) {
      const receiver = lab.bound("receiver"), sender = lab.socket(DGRAM);
      ok(lab.kernel.connect(sender, lab.address("receiver")));
      ok(lab.kernel.watch(sender, 1, WRITE));
      lab.fill(() => lab.send(sender, text("x")));
      assertEquals(lab.ready(), {});
      lab.receive(receiver);
      assertEquals(lab.ready(), { 1: WRITE });
    },
  },
  {
    name: "wait() reports more descriptors than fit in one turn, each in its turn",
    run(lab) {
      const { kernel } = lab;
      const count = kernel.readyToken.length + 20;
      for (let token = 0; token < count; token++) {
        const fd = lab.track(kernel.openWake());
        ok(kernel.watch(fd, token, READ));
        ok(kernel.wake(fd));
      }
      const seen = new Set<number>();
      for (let turn = 0; turn < 2; turn++) {
        assertEquals(kernel.wait(0), kernel.readyToken.length);
        for (const token of kernel.readyToken) seen.add(token);
      }
      assertEquals(seen.size, count, "a ready descriptor starved");
    },
  },
  // fault list 53
  {
    name: "with EDGE a counter nobody reads is reported once for what it holds and once for more",
    only: "linux",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.track(kernel.openWake());
      ok(kernel.watch(fd, 4, READ | EDGE));
      assertEquals(lab.ready(), {});
      for (let round = 0; round < 3; round++) {
        ok(kernel.wake(fd));
        assertEquals(lab.ready(-1), { 4: READ });
        assertEquals(lab.ready(), {});
      }
      ok(kernel.wake(fd));
      ok(kernel.wake(fd));
      assertEquals([lab.ready(), lab.ready()], [{ 4: READ }, {}]);
      assertEquals(kernel.takeWakes(fd), 5, "nothing was taken");
      assertEquals(lab.ready(), {});
      ok(kernel.wake(fd));
      assertEquals([lab.ready(), lab.ready()], [{ 4: READ }, {}]);
    },
  },
  {
    name: "with EDGE the last of many additions is reported, whenever the waits are",
    only: "linux",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.track(kernel.openWake());
      ok(kernel.watch(fd, 4, READ | EDGE));
      for (let added = 1; added <= 1000; added++) {
        ok(kernel.wake(fd));
        if (added % 7 === 0) assertEquals([lab.ready(), lab.ready()], [{ 4: READ }, {}]);
      }
      assertEquals([lab.ready(), lab.ready()], [{ 4: READ }, {}]);
    },
  },
  {
    name: "watch() and rewatch() report a counter that holds something as if it were new",
    only: "linux",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.track(kernel.openWake());
      ok(kernel.wake(fd));
      ok(kernel.watch(fd, 4, READ | EDGE));
      assertEquals([lab.ready(), lab.ready()], [{ 4: READ }, {}]);
      ok(kernel.rewatch(fd, 5, READ | EDGE));
      assertEquals([lab.ready(), lab.ready()], [{ 5: READ }, {}]);
      ok(kernel.rewatch(fd, 5, 0));
      ok(kernel.wake(fd));
      assertEquals(lab.ready(), {});
      ok(kernel.rewatch(fd, 5, READ));
      assertEquals([lab.ready(), lab.ready()], [{ 5: READ }, { 5: READ }]);
      ok(kernel.rewatch(fd, 6, READ | EDGE));
      assertEquals([lab.ready(), lab.ready()], [{ 6: READ }, {}]);
      ok(kernel.unwatch(fd));
      ok(kernel.watch(fd, 7, READ | EDGE));
      assertEquals([lab.ready(), lab.ready()], [{ 7: READ }, {}]);
      assertEquals(kernel.takeWakes(fd), 2);
      ok(kernel.rewatch(fd, 7, READ | EDGE));
      assertEquals(lab.ready(), {});
    },
  },
  {
    name: "with EDGE no addition is lost when more are ready than fit in one turn",
    only: "linux",
    run(lab) {
      const { kernel } = lab;
      const count = kernel.readyToken.length + 20;
      const fds = Array.from({ length: count }, (_, token) => {
        const fd = lab.track(kernel.openWake());
        ok(kernel.watch(fd, token, READ | EDGE));
        return fd;
      });
      for (let round = 0; round < 2; round++) {
        for (const fd of fds) ok(kernel.wake(fd));
        const tokens = [lab.ready(), lab.ready(), lab.ready()].flatMap((each) => Object.keys(each));
        assertEquals([tokens.length, new Set(tokens).size], [count, count]);
      }
    },
  },
  {
    name: "close() forgets what was watched: the number is free for another socket",
    run(lab) {
      const { kernel } = lab, [a] = lab.pair(DGRAM);
      ok(kernel.watch(a, 4, READ | WRITE));
      lab.close(a);
      const [fd, other] = lab.pair(DGRAM);
      assertEquals(fd, a, "the lowest free number is given out");
      assertEquals(lab.ready(), {});
      ok(kernel.watch(fd, 5, READ));
      assertEquals(lab.send(other, text("x")), 1);
      assertEquals(lab.ready(), { 5: READ });
    },
  },
  {
    name: "EDGE is refused where no memory is shared, and leaves the descriptor as it was",
    only: "darwin",
    run(lab) {
      const { kernel } = lab, fd = lab.track(kernel.openWake());
      assertEquals(kernel.watch(fd, 4, READ | EDGE), -Errno.EOPNOTSUPP);
      ok(kernel.watch(fd, 4, READ));
      assertEquals(kernel.rewatch(fd, 4, READ | EDGE), -Errno.EOPNOTSUPP);
      ok(kernel.wake(fd));
      assertEquals([lab.ready(), lab.ready()], [{ 4: READ }, { 4: READ }]);
    },
  },
  {
    name: "wait() sleeps at least as long as asked, to a fraction of a millisecond",
    run(lab) {
      const { kernel } = lab;
      const timed = (microseconds: number) => {
        const start = kernel.now();
        assertEquals(kernel.wait(microseconds), 0);
        return kernel.now() - start;
      };
      assert(timed(0) < 50, "wait(0) only looks");
      const two = timed(2000);
      assert(two >= 2, `wait(2000) took ${two} ms`);
      const short = [timed(200), timed(200), timed(200), timed(200), timed(200)];
      const best = Math.min(...short);
      assert(best >= 0.2, `wait(200) took ${short} ms`);
      assert(
        best < lab.world.shortWait,
        `wait(200) took ${short} ms: rounded up to a millisecond?`,
      );
      const second = timed(1_000_200);
      assert(second >= 1000.2 && second < 1500, `wait(1000200) took ${second} ms`);
    },
  },
];
