import { assertLess } from "@std/assert";
import { DgramVm } from "../support/dgram_vm.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { figure, until } from "../support/time.ts";

for (const like of ["vfkit", "qemu"] as const) {
  Deno.test(`vswitch serves a ${like} that is killed and started again at once`, async () => {
    await using lab = new ProcessLab();
    const vswitch = await lab.start(lab.ports("a.sock", "b.sock"));
    const other = lab.dgram(1, "b.sock");
    const gaps: number[] = [];
    for (let round = 0; round < 5; round++) {
      const own = lab.ownPath();
      const task = { like, name: "a.sock", own, station: 2, to: 1, role: "echo" } as const;
      const old = await lab.process(task);
      await until("the first VM to answer", () => {
        other.send(2);
        return other.poll() > 0;
      });
      other.got.length = 0;
      const killed = performance.now();
      await old.kill();
      // vfkit takes a path of its own each time, QEMU the same one again.
      if (like === "qemu") Deno.removeSync(own);
      const vm = await comeBack(lab, like === "qemu" ? own : lab.ownPath(), like);
      await until("the new VM's frame", () => {
        if (other.from(2).length > 0) return true;
        vm.send(1);
        other.poll();
        return false;
      });
      gaps.push(performance.now() - killed);
      await lab.converse(other, vm, 5);
      vm.close();
      await vswitch.statsWhen("the VM to be missed", ({ ports }) => {
        other.send(2);
        return ports[0].state === "waiting";
      });
      other.got.length = 0;
    }
    gaps.sort((a, b) => a - b);
    figure(
      `${like} killed and back: frames pass ${gaps[2].toFixed(1)} ms after the kill ` +
        `(median of 5, longest ${gaps[4].toFixed(1)})`,
    );
    assertLess(gaps[2], 100);
  });
}

/** Connect as soon as the switch lets us: EPERM while it still holds on to the VM that was killed. */
async function comeBack(lab: ProcessLab, own: string, like: "vfkit" | "qemu"): Promise<DgramVm> {
  let vm: DgramVm | undefined;
  await until("the path to be free", () => {
    try {
      vm = lab.keep(new DgramVm(lab.kernel, 2, { path: lab.path("a.sock"), own, like }));
      return true;
    } catch {
      lab.kernel.unlink(own);
      return false;
    }
  });
  return vm!;
}
