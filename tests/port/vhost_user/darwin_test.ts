/**
 * vhost-user ports where the system shares no memory with VMs: over the Darwin kernel and a fake libSystem.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Errno } from "../../../src/platform/errno.ts";
import { SocketType } from "../../../src/platform/kernel.ts";
import { asCountingKernel, FakeDarwin } from "../../support/fake_darwin.ts";
import { FakeSwitch } from "../../support/fake_switch.ts";

Deno.test("a vhost-user port is refused on Darwin before anything is opened", () => {
  for (const kind of ["vhost-user", "vhost-user-client"]) {
    const kernel = new FakeDarwin();
    const lab = new FakeSwitch({}, asCountingKernel(kernel));
    assertEquals(lab.tryOpen({ name: "vm", kind, target: "/run/vm" }), {
      kind: "failed",
      message: `Cannot open port "vm": ${kind} needs Linux; use dgram or stream`,
      usage: true,
    });
    assertEquals([kernel.openDescriptors(), kernel.stat("/run/vm")], [[], undefined]);
  }
});

Deno.test("DarwinKernel shares no memory, and says that it cannot refuse descriptors", () => {
  const kernel = new FakeDarwin();
  assertEquals(kernel.sharing, undefined);
  const fd = kernel.socket(SocketType.STREAM);
  assertEquals(kernel.refuseDescriptors(fd), -Errno.ENOPROTOOPT);
  kernel.close(fd);
  kernel.assertNothingLeft();
});
