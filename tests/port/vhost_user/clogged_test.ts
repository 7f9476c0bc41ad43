/**
 * A front-end whose descriptors do not get closed: it is listened to no longer, and its port waits.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Kernel, SocketType } from "../../../src/platform/kernel.ts";
import { CLOSING_MAX } from "../../../src/platform/sharing.ts";
import { MessageReader, Next } from "../../../src/port/vhost_user/message.ts";
import { FakeKernel } from "../../support/fake_kernel.ts";
import { LAN, start } from "../listener_lab.ts";
import { message } from "./session_lab.ts";

/** Send a message that has no payload, with a descriptor. */
function send(kernel: Kernel, fd: number): void {
  const bytes = message(3, new Uint8Array(), 1), at = kernel.arena.take(64);
  const descriptor = kernel.openWake();
  kernel.arena.u8.set(bytes, at);
  assertEquals(kernel.sharing!.sendMessage(fd, at, bytes.length, [descriptor]), bytes.length);
  kernel.close(descriptor);
  kernel.arena.give(at);
}

// fault list 51
Deno.test("MessageReader is over when too many of its descriptors are not closed, and another is not", () => {
  const kernel = new FakeKernel(), { sharing } = kernel;
  sharing.lingers = true;
  const readers = ["one", "other"].map((name) => {
    kernel.socketPair(SocketType.STREAM);
    const [near, far] = kernel.pair;
    return { near, far, reader: new MessageReader(kernel, sharing, near, { name }) };
  });
  const [one, other] = readers;
  for (let i = 0; i <= CLOSING_MAX; i++) {
    send(kernel, one.far);
    assertEquals(one.reader.next(), Next.MESSAGE);
    one.reader.drop();
  }
  for (const { far } of readers) send(kernel, far);
  assertEquals([one.reader.next(), other.reader.next()], [Next.OVER, Next.MESSAGE]);
  assertEquals(one.reader.reason, "the descriptors it sends take long to close");
  for (const { reader, near, far } of readers) {
    reader.close();
    kernel.close(near);
    kernel.close(far);
  }
  kernel.assertNothingLeft();
  kernel.dispose();
});

// fault list 51
Deno.test("a vhost-user port takes nobody while too many descriptors are not closed, and sleeps", () => {
  const { lab, kernel } = start({ kind: "vhost-user", clients: "replace" });
  let closing = CLOSING_MAX + 1;
  kernel.sharing.closing = () => closing;
  const vm = kernel.peerStream(LAN);
  const before = kernel.callsOf("wait");
  lab.run(10_000);
  assertEquals(kernel.callsOf("accept"), 0);
  assert(kernel.callsOf("wait") - before < 100, `${kernel.callsOf("wait") - before} turns`);
  closing = 0;
  assert(lab.until(() => lab.text("lan").includes("VM connected"), 1000) < 1000);
  vm.close();
  lab.stop();
});
