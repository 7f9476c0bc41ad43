/**
 * A krunkit-like VM in a process of its own, see krunkit.ts for who starts it: a datagram client as
 * libkrun's, which binds a path of its own, connects and says `VFKT`, with a {@linkcode TcpHost} inside.
 *
 * It tells of every connection that ended as a JSON line on stdout, and runs until a signal ends it.
 *
 * @module
 */
import { Ready } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { DgramVm } from "../support/dgram_vm.ts";
import type { KrunkitReport, KrunkitTask } from "./krunkit.ts";
import { TcpHost } from "./tcp_host.ts";

const ARENA_BYTES = 16 << 20;
/** Longest sleep in microseconds: idle, and with frames the switch has not taken yet. */
const IDLE_US = 20_000, BUSY_US = 200;

function run(task: KrunkitTask): never {
  const kernel = openKernel(ARENA_BYTES);
  const vm = new DgramVm(kernel, task.number, { path: task.path, own: task.own, like: "vfkit" });
  const host = new TcpHost(
    task.number,
    task.offload,
    task.bytes,
    (frame) => vm.sendBytes(frame),
  );
  vm.onFrame = (frame) => host.take(frame, kernel.now());
  kernel.watch(vm.fd, 0, Ready.READ);
  tell({ event: "up", census: host.census });
  for (;;) {
    kernel.wait(host.busy ? BUSY_US : IDLE_US);
    vm.poll();
    for (const outcome of host.turn(kernel.now())) {
      tell({ event: "ended", outcome, census: host.census });
    }
  }
}

function tell(report: KrunkitReport): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report) + "\n"));
}

run(JSON.parse(Deno.args[0]));
