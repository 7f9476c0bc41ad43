/**
 * The contract of descriptors, wakes and processes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Ready, SocketType } from "../../../src/platform/kernel.ts";
import { ok, refused, text } from "./expect.ts";
import type { Case } from "./lab.ts";

const { DGRAM, STREAM } = SocketType;

/** See the head of this file. */
export const processes: readonly Case[] = [
  {
    name: "socket(), socketPair() and openWake() are non-blocking and closed on exec",
    run(lab) {
      const wake = lab.track(lab.kernel.openWake());
      const fds = [lab.socket(DGRAM), lab.socket(STREAM), ...lab.pair(DGRAM), ...lab.pair(STREAM)];
      assertEquals(new Set([wake, ...fds]).size, 1 + fds.length);
      for (const fd of fds) {
        assertEquals(lab.world.flags(fd), { nonBlocking: true, closeOnExec: true });
      }
      const { wakesHaveMode } = lab.habits;
      assertEquals(lab.world.flags(wake), { nonBlocking: wakesHaveMode, closeOnExec: true });
    },
  },
  {
    name:
      "isInherited() knows what a launcher left open; adopt() makes it non-blocking and closed on exec",
    run(lab) {
      for (const type of [DGRAM, STREAM]) {
        const fd = lab.track(lab.world.inherit(type));
        assertEquals(lab.world.flags(fd), { nonBlocking: false, closeOnExec: false });
        assertEquals(lab.kernel.isInherited(fd), 1);
        assertEquals(lab.kernel.adopt(fd), 0);
        assertEquals(lab.kernel.isInherited(fd), 0);
        assertEquals(lab.world.flags(fd), { nonBlocking: true, closeOnExec: true });
        assertEquals(lab.kernel.socketType(fd), type);
        assertEquals(lab.kernel.isConnected(fd), 1);
      }
    },
  },
  {
    name: "takeWakes() takes the count of all wake() calls",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.track(kernel.openWake());
      ok(kernel.watch(fd, 3, Ready.READ));
      assertEquals(kernel.takeWakes(fd), 0);
      assertEquals(lab.ready(), {});
      for (let i = 0; i < 3; i++) ok(kernel.wake(fd));
      assertEquals(lab.ready(), { 3: Ready.READ });
      assertEquals(kernel.takeWakes(fd), 3);
      assertEquals(kernel.takeWakes(fd), 0);
      assertEquals(lab.ready(), {});
      ok(kernel.wake(fd));
      assertEquals(kernel.takeWakes(fd), 1);
    },
  },
  {
    name: "watchExit() reports READ when the process ends",
    async run(lab) {
      const process = lab.world.startProcess();
      const fd = lab.track(lab.kernel.watchExit(process.pid, 9));
      const early = lab.ready(1000);
      await process.end();
      assertEquals(early, {});
      assertEquals(lab.ready(2_000_000)[9] & Ready.READ, Ready.READ); // GONE too once it is reaped
      lab.close(fd);
      assertEquals(lab.ready(), {});
      refused(lab.kernel.watchExit(2 ** 22 + 5, 9), "ESRCH"); // above every possible id
    },
  },
  {
    name: "writeBytes() writes to a pipe",
    run(lab) {
      const pipe = lab.world.pipe();
      lab.track(pipe.fd);
      assertEquals(lab.kernel.writeBytes(pipe.fd, text("ready\n")), 6);
      assertEquals(pipe.read(), text("ready\n"));
    },
  },
  {
    name: "raiseDescriptorLimit() does not lower the limit",
    run(lab) {
      const before = lab.world.descriptorLimit();
      assert(lab.kernel.raiseDescriptorLimit() >= before);
      assert(lab.world.descriptorLimit() >= before);
    },
  },
  {
    name: "now() is monotonic",
    run(lab) {
      const times = Array.from({ length: 50 }, () => lab.kernel.now());
      assertEquals(times, times.toSorted((a, b) => a - b));
    },
  },
  {
    name: "every call refuses a descriptor that is not open with EBADF",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.socket(DGRAM);
      lab.close(fd);
      lab.put(0, text("x"));
      const calls: Record<string, () => number> = {
        bind: () => kernel.bind(fd, lab.path("a"), 0o600),
        listen: () => kernel.listen(fd, 1),
        accept: () => kernel.accept(fd),
        connect: () => kernel.connect(fd, lab.address("a")),
        disconnect: () => kernel.disconnect(fd),
        socketType: () => kernel.socketType(fd),
        isListening: () => kernel.isListening(fd),
        isConnected: () => kernel.isConnected(fd),
        adopt: () => kernel.adopt(fd),
        setBuffers: () => kernel.setBuffers(fd, 4096),
        setCredentials: () => kernel.setCredentials(fd, true),
        receiveFrom: () => kernel.receiveFrom(fd, lab.slot(0), 10),
        receive: () => kernel.receive(fd, lab.plain, 1),
        send: () => kernel.send(fd, lab.plain, 0, 1),
        read: () => kernel.read(fd, lab.slot(0), 10),
        write: () => kernel.write(fd, lab.vector, 1),
        watch: () => kernel.watch(fd, 1, Ready.READ),
        rewatch: () => kernel.rewatch(fd, 1, Ready.READ),
        unwatch: () => kernel.unwatch(fd),
        wake: () => kernel.wake(fd),
        writeBytes: () => kernel.writeBytes(fd, text("x")),
        close: () => kernel.close(fd),
      };
      const wrong = Object.entries(calls).map(([name, call]) => [name, call()]);
      assertEquals(wrong, Object.keys(calls).map((name) => [name, -9]));
    },
  },
  {
    name: "socket calls refuse a descriptor that is no socket with ENOTSOCK",
    run(lab) {
      const { kernel } = lab;
      const fd = lab.track(kernel.openWake());
      refused(kernel.socketType(fd), "ENOTSOCK");
      refused(kernel.accept(fd), "ENOTSOCK");
      refused(kernel.receive(fd, lab.plain, 1), "ENOTSOCK");
      refused(kernel.write(fd, lab.vector, 1), "ENOTSOCK");
    },
  },
];
