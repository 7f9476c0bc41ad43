/**
 * Watching descriptors when the kernel has no memory to do so, and not watching what nobody asks for.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/platform/errno.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "../switch/frames.ts";

const LAN = "/run/lan";

// fault list 23, 30
Deno.test("Watched tries again when the kernel cannot watch: the VM is heard all the same", () => {
  for (const error of [Errno.ENOMEM, Errno.ENOBUFS]) {
    const lab = new FakeSwitch().open({ name: "lan", kind: "stream", target: LAN });
    const { kernel } = lab;
    const hearer = kernel.peerStream(LAN);
    lab.settle();
    for (let nth = 1; nth < 20; nth++) kernel.faults.on("watch", { nth, error });
    const late = kernel.peerStream(LAN);
    late.sendFrame(frame(9, BROADCAST, 5));
    lab.run(150);
    assertEquals(tagsOf(hearer.receiveFrames()), []);
    lab.run(150);
    assertEquals(tagsOf(hearer.receiveFrames()), [5]);
    late.close();
    lab.settle();
    lab.stop();
  }
});

Deno.test("Watched.stop() ends the tries of a port that was closed meanwhile", () => {
  const lab = new FakeSwitch().open({
    name: "lan",
    kind: "stream",
    clients: "replace",
    target: LAN,
  });
  const { kernel } = lab;
  kernel.faults.on("watch", { nth: 1, error: Errno.ENOMEM });
  kernel.peerStream(LAN);
  lab.settle();
  const next = kernel.peerStream(LAN); // takes the place before the first was ever watched
  lab.settle();
  const watches = kernel.callsOf("watch");
  lab.run(1000);
  assertEquals(kernel.callsOf("watch"), watches);
  assert(!next.ended);
  lab.stop();
});
