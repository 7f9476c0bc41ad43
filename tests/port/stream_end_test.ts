/**
 * Streams that end: in the wrong place, by an error, or because the switch closes them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { concat, frame, record, tagsOf } from "../switch/frames.ts";
import { start } from "./stream_lab.ts";

// fault list 15
Deno.test("StreamPort delivers every whole frame before an end inside the next, and counts that one", () => {
  const whole = concat([1, 2, 3].map((tag) => record(frame(1, 2, tag))));
  const next = record(frame(1, 2, 4));
  for (const kept of [0, 1, 3, 4, 5, 17, 63]) {
    const { lab, a, b } = start();
    a.send(concat([whole, next.subarray(0, kept)]));
    a.close();
    lab.settle();
    assertEquals(tagsOf(b.receiveFrames()), [1, 2, 3], `${kept} bytes of the fourth`);
    assertEquals(lab.count("lan", "cut"), kept > 0 ? 1 : 0);
    assertEquals(lab.ports, ["lan", "lan.2", "lan.3"]);
    lab.assertBalanced();
    lab.stop();
  }
});

// fault list 19, 28
Deno.test("StreamPort drops the rest when its VM dies in the middle of a frame we write", () => {
  const { lab, a, b, c } = start();
  b.stopReading();
  for (let i = 0; i < 200 && !lab.engine.unfinished; i++) {
    a.sendFrame(frame(1, 2, i, 40_000 + 100 * i));
    lab.settle();
  }
  for (let i = 0; i < 5; i++) a.sendFrame(frame(1, 2, i));
  lab.settle();
  assert(lab.engine.unfinished, "a frame is partly written");
  b.kill();
  lab.run(5);
  assertEquals(lab.ports, ["lan", "lan.1", "lan.3"]);
  assertEquals(lab.engine.unfinished, false);
  assert(lab.count("lan", "peer-gone") > 0);
  lab.assertBalanced();
  a.sendFrame(frame(1, 3, 7));
  lab.settle();
  assertEquals(tagsOf(c.receiveFrames()), [7]);
  lab.stop();
});

// fault list 19, 21
Deno.test("StreamPort killed 1000 times in the middle of frames, both ways, leaves nothing behind", () => {
  const { lab, kernel, a, vm } = start();
  const before = [kernel.openDescriptors().length, lab.arenaTaken];
  for (let i = 0; i < 1000; i++) {
    const victim = vm(9);
    victim.stopReading();
    victim.socket.peer!.sendLimit = 4608; // the switch's end is full at once
    a.sendFrame(frame(1, 9, i, 9014));
    victim.send(record(frame(9, 1, i, 9014)).subarray(0, i));
    lab.settle();
    victim.kill();
    lab.run(5); // slower than a listener's limit
  }
  lab.run(20);
  assertEquals([kernel.openDescriptors().length, lab.arenaTaken], before);
  assertEquals(lab.sum("clients"), 1003);
  lab.stop();
});

// fault list 28
Deno.test("StreamPort ends only the connection an error belongs to", () => {
  for (const error of [Errno.EPIPE, Errno.ECONNRESET, Errno.EIO, Errno.EBADF]) {
    for (const call of ["read", "write"] as const) {
      const { lab, kernel, a, b, c } = start();
      kernel.faults.on(call, { nth: 1, error });
      a.sendFrame(frame(1, 2, 5));
      lab.settle();
      lab.run(2);
      const gone = call === "read" ? "lan.1" : "lan.2";
      assertEquals(lab.ports.includes(gone), false, `${call} errno ${error}`);
      assertEquals(lab.ports.length, 3);
      lab.assertBalanced();
      const [from, n] = call === "read" ? [b, 2] : [a, 1];
      from.sendFrame(frame(n, 3, 6));
      lab.settle();
      assertEquals(tagsOf(c.receiveFrames()).at(-1), 6);
      lab.stop();
    }
  }
});

// fault list 28, 31
Deno.test("StreamPort that fails after part of a batch counts each frame once", () => {
  const { lab, kernel, a, b } = start();
  kernel.faults.on("write", { nth: 1, short: 2 * 64 });
  for (let nth = 2; nth < 9; nth++) kernel.faults.on("write", { nth, error: Errno.EPIPE });
  a.send(concat([1, 2, 3, 4, 5].map((tag) => record(frame(1, 2, tag)))));
  lab.settle();
  lab.run(2);
  assertEquals(tagsOf(b.receiveFrames()), [1, 2]);
  assertEquals(lab.sum("peer-gone"), 3);
  lab.assertBalanced();
  lab.stop();
});

// fault list 20
Deno.test("StreamPort reads what its VM still has for us before it closes", () => {
  const { lab, a, b } = start({ clients: "replace" });
  // Of three that came to one place the last is there now.
  assertEquals([a.ended, b.ended], [true, true]);
  lab.stop();
  const many = start();
  many.a.stopReading();
  for (let i = 0; i < 50; i++) many.a.sendFrame(frame(1, 2, i, 1514));
  many.lab.stop();
  // An end that leaves something unread behind would come as a reset.
  assertEquals(many.a.socket.error, 0);
  assertEquals(many.b.ended, true);
});
