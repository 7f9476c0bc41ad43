/**
 * Stream ports: impossible lengths, ends in the wrong place, and closing without harm to the VM.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { concat, frame, record, tagsOf } from "../switch/frames.ts";
import { start, u32 } from "./stream_lab.ts";

// fault list 13
Deno.test("StreamPort closes a connection that sends an impossible length, says why, and no other", () => {
  const cases: [Uint8Array, string][] = [
    [u32(0), "it sent the frame length 0, which no frame has"],
    [u32(69_633), "it sent the frame length 69633, which no frame has"],
    [u32(0x8000_0000), "it sent the frame length 2147483648, which no frame has"],
    [u32(0xffff_ffff), "it sent the frame length 4294967295, which no frame has"],
    [
      new TextEncoder().encode("VFKT"),
      'it says "VFKT": this is a datagram client, use kind dgram for it',
    ],
    [new Uint8Array([1, 0, 0, 0, 1, 0, 0, 0]), "it speaks vhost-user: use kind vhost-user for it"],
    [u32(45 * 2 ** 24), "it speaks vhost-user: use kind vhost-user for it"],
    [u32(64 * 2 ** 24), "it sent the frame length 1073741824, which no frame has"],
    [u32(2 ** 24 + 1), "it sent the frame length 16777217, which no frame has"],
    [
      new TextEncoder().encode("GET / HTTP/1.1\r\n"),
      'it sent "GET " where a frame length belongs',
    ],
  ];
  for (const [bytes, reason] of cases) {
    for (const cut of [0, 1, 2, 3]) {
      const { lab, a, b, c } = start();
      const before = lab.arenaTaken;
      a.send(concat([record(frame(1, 2, 9)), bytes.subarray(0, cut)]));
      lab.settle();
      a.send(concat([bytes.subarray(cut), new Uint8Array(1000)]));
      lab.settle();
      assert(a.ended, reason);
      assertEquals(lab.ports, ["lan", "lan.2", "lan.3"]);
      assertMatch(lab.text("lan.1"), new RegExp(`VM disconnected: ${reason}`));
      assertEquals(tagsOf(b.receiveFrames()), [9], "what came before counts");
      assert(lab.arenaTaken < before, "nothing was taken by that length");
      b.sendFrame(frame(2, 3, 5));
      lab.settle();
      assertEquals(tagsOf(c.receiveFrames()), [5]);
      lab.stop();
    }
  }
});

// fault list 10
Deno.test("StreamPort drops runts of 1 to 13 bytes and keeps the connection", () => {
  const { lab, a, b } = start();
  for (let size = 1; size <= 70; size++) a.sendFrame(frame(1, 2, 5, size));
  lab.settle();
  assertEquals(
    b.receiveFrames().map(({ length }) => length),
    [...Array(57).keys()].map((i) => 14 + i),
  );
  assertEquals(lab.count("lan.1", "runt"), 13);
  lab.assertBalanced();
  lab.stop();
});

// fault list 12
Deno.test("StreamPort drops frames above max-frame, up to the longest possible, and keeps the connection", () => {
  const { lab, a, b } = start({ maxFrame: 1518 });
  for (const size of [1518, 1519, 65_550, 69_632, 60]) a.sendFrame(frame(1, 2, size, size));
  lab.settle();
  assertEquals(tagsOf(b.receiveFrames()), [1518, 60]);
  assertEquals(lab.count("lan.1", "oversize"), 3);
  lab.assertBalanced();
  lab.stop();
});

// fault list 16
Deno.test("StreamPort holds a half frame for ever at no further cost", () => {
  const { lab, a, b } = start();
  a.send(record(frame(1, 2, 4)).subarray(0, 40));
  lab.settle();
  const taken = lab.arenaTaken, waits = lab.kernel.callsOf("wait");
  lab.run(60_000);
  assertEquals(lab.arenaTaken, taken);
  assert(lab.kernel.callsOf("wait") - waits < 200);
  a.send(record(frame(1, 2, 4)).subarray(40));
  lab.settle();
  assertEquals(tagsOf(b.receiveFrames()), [4]);
  lab.stop();
});

// fault list 24, 30
Deno.test("StreamPort goes on after interruptions and impossible errnos", () => {
  for (const error of [Errno.EINTR, Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM, 999]) {
    const { lab, kernel, a, b } = start();
    for (const nth of [1, 2, 3, 5]) {
      kernel.faults.on("read", { nth, error });
      kernel.faults.on("write", { nth, error });
    }
    for (let i = 0; i < 10; i++) {
      a.sendFrame(frame(1, 2, i));
      lab.run(3);
    }
    assertEquals(tagsOf(b.receiveFrames()), [...Array(10).keys()], `errno ${error}`);
    assertEquals(lab.ports.length, 4);
    lab.stop();
  }
});
