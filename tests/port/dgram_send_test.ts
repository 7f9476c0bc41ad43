/**
 * Sending datagrams: what the kernel may answer, and what becomes of the frames.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

const A = "/run/a.sock", B = "/run/b.sock";

function start(bufferLimit = 4 << 20) {
  const lab = new FakeSwitch({ bufferLimit })
    .open({ name: "a", target: A, maxFrame: 69_632 }, { name: "b", target: B, maxFrame: 69_632 });
  const a = lab.kernel.peerDgram(A, { bind: "/run/vm-a" });
  const b = lab.kernel.peerDgram(B, { bind: "/run/vm-b" });
  a.send(frame(1, BROADCAST));
  b.send(frame(2, BROADCAST));
  lab.settle();
  a.receive();
  b.receive();
  return { lab, kernel: lab.kernel, a, b };
}

// fault list 29
Deno.test("sendDatagrams() drops exactly the frame the kernel finds too long and goes on", () => {
  const { lab, b } = start(20_000); // doubled: datagrams up to 39,968 bytes
  const lengths = [60, 39_968, 39_969, 60, 60_000, 60];
  // The sender's own buffer has the same limit, so long frames come from a stream.
  lab.open({ name: "s", kind: "stream", target: "/run/s.sock", maxFrame: 69_632 });
  const s = lab.kernel.peerStream("/run/s.sock");
  lab.settle();
  s.socket.sendLimit = 4 << 20;
  lengths.forEach((length, i) => s.sendFrame(frame(3, 2, i, length)));
  lab.run(50);
  assertEquals(tagsOf(b.receive()), [0, 1, 3, 5]);
  assertEquals(lab.count("b", "refused"), 2);
  lab.assertBalanced();
  lab.stop();
});

// fault list 24, 30
Deno.test("sendDatagrams() tries again at once when interrupted or told an impossible errno", () => {
  for (const error of [Errno.EINTR, 999]) {
    const { lab, kernel, a, b } = start();
    kernel.faults.on("send", { nth: 1, error });
    a.send(frame(1, 2, 1));
    const before = kernel.now();
    lab.settle();
    assertEquals(tagsOf(b.receive()), [1]);
    assert(kernel.now() - before < 0.05, "without waiting for the timer");
    assertEquals(kernel.faults.struck.get("send"), 1);
    assertEquals(lab.count("b", "retries"), 0);
    lab.stop();
  }
});

// fault list 25, 26
Deno.test("sendDatagrams() keeps frames for later when there is no room, in order, and never longer than 1 ms", () => {
  for (const error of [Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM]) {
    const { lab, kernel, a, b } = start();
    kernel.faults.on("writable", {}); // events get lost: the timer alone must do
    for (let nth = 1; nth <= 20; nth++) kernel.faults.on("send", { nth, error });
    for (let i = 0; i < 10; i++) a.send(frame(1, 2, i));
    lab.settle();
    assertEquals(b.receive(), []);
    assertEquals(lab.count("b", "queued"), 10);
    let seen: number[] = [];
    const took = lab.until(() => (seen = [...seen, ...tagsOf(b.receive())]).length === 10, 40);
    assertEquals(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert(took < 21, `20 refusals took ${took} ms`);
    assertEquals(lab.count("b", "queued"), 0);
    lab.stop();
  }
});

// fault list 31
Deno.test("sendDatagrams() goes on after a short count, whatever it is", () => {
  for (const short of [1, 2, 5, 63]) {
    const { lab, kernel, a, b } = start();
    kernel.faults.on("send", { short });
    kernel.faults.on("receive", { every: 2, short });
    const sent = Array.from({ length: 100 }, (_, i) => i);
    for (const i of sent) a.send(frame(1, 2, i));
    lab.settle();
    assertEquals(tagsOf(b.receive()), sent, `short ${short}`);
    lab.stop();
  }
});

// fault list 27, 30
Deno.test("sendDatagrams() loses the VM on errors that mean it is gone, and counts each frame once", () => {
  const errors = [
    Errno.ECONNREFUSED,
    Errno.ENOTCONN,
    Errno.ECONNRESET,
    Errno.EPIPE,
    Errno.EPERM,
    Errno.EIO,
    Errno.EBADF,
    Errno.EFAULT,
    Errno.ENOTSOCK,
    Errno.EINVAL,
  ];
  for (const error of errors) {
    for (const nth of [1, 2, 3]) {
      const { lab, kernel, a, b } = start();
      for (let n = nth; n < nth + 5; n++) kernel.faults.on("send", { nth: n, error });
      kernel.faults.on("send", { short: 2 });
      for (let i = 0; i < 8; i++) a.send(frame(1, 2, i));
      lab.settle();
      lab.run(1);
      assertEquals(lab.states.at(-1), "b waiting", `errno ${error} at call ${nth}`);
      assertEquals(tagsOf(b.receive()), Array.from({ length: 2 * (nth - 1) }, (_, i) => i));
      lab.assertBalanced();
      kernel.faults.clear();
      b.send(frame(2, BROADCAST, 1));
      lab.settle();
      assertEquals(lab.states.at(-1), "b up", "and it may come again");
      lab.stop();
    }
  }
});
