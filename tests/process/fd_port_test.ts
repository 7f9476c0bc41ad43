import { assert, assertEquals, assertLess } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { DgramVm } from "../support/dgram_vm.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { StreamVm } from "../support/stream_vm.ts";
import { Vswitch } from "../support/vswitch.ts";

for (const type of ["dgram", "stream"] as const) {
  Deno.test(`vswitch serves one end of a ${type} socketpair it inherits`, async () => {
    await using lab = new ProcessLab();
    lab.kernel.socketPair(type === "dgram" ? SocketType.DGRAM : SocketType.STREAM);
    const [fd, far] = lab.kernel.pair;
    const vswitch = await lab.start(
      lab.ports(`vm1=fd:${far}`, "b.sock"),
      { descriptors: [far] },
    );
    lab.kernel.close(far);
    const ready = await vswitch.ready();
    assertEquals([ready.ports[0].kind, ready.ports[0].socket, ready.ports[0].fd], [
      "fd",
      type,
      far,
    ]);
    const vm = type === "dgram"
      ? new DgramVm(lab.kernel, 1, { fd })
      : new StreamVm(lab.kernel, 1, { fd });
    const other = lab.dgram(2, "b.sock");
    await lab.introduce(vm, other);
    await lab.converse(vm, other, 20, 1514);
    await lab.converse(other, vm, 20, 9014);
    for (let i = 0; i < 10; i++) other.send(1); // unread when it ends
    const { code, ms } = await vswitch.stop();
    assertEquals(code, 0, vswitch.log);
    assertLess(ms, 1500);
    vm.poll();
    assertEquals(vm.from(2).at(-1)?.seq, other.sent, "what was sent before the end has arrived");
    if (vm instanceof StreamVm) assertEquals([vm.ended, vm.partial], [true, 0]);
  });
}

Deno.test("vswitch refuses an fd port that is no socket, or not open", async () => {
  await using lab = new ProcessLab();
  for (const [target, why] of [["98", "fd 98 is not open"], ["7", "fd 7 is not a socket"]]) {
    await using vswitch = new Vswitch(lab.ports(`vm1=fd:${target}`), { redirect: "7</dev/null" });
    assertEquals((await vswitch.ended()).code, 2, vswitch.log);
    assert(vswitch.log.includes(`Cannot open port "vm1": ${why}`), vswitch.log);
  }
});
