/**
 * A VM in a process of its own, that can be killed and stopped: see vm_process.ts for who starts it.
 *
 * It runs until a signal ends it and tells what it did as JSON lines on stdout, ten times a second.
 *
 * @module
 */
import { type Kernel, Ready } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { DgramVm } from "./dgram_vm.ts";
import { StreamVm } from "./stream_vm.ts";
import { makeFrame, SHORTEST } from "./test_frame.ts";
import type { Vm } from "./vm.ts";
import type { VmReport, VmTask } from "./vm_process.ts";

const ARENA_BYTES = 16 << 20;
const REPORT_MS = 100;
/** Frames a blaster sends between two looks at what has arrived. */
const BURST = 32;

function connect(kernel: Kernel, task: VmTask): Vm {
  const { path, own, like } = task;
  if (like === "stream") return new StreamVm(kernel, task.station, { path });
  return new DgramVm(kernel, task.station, { path, own: own!, like });
}

/** The first part of a frame, so that the switch waits for the rest. */
function sendHalf(vm: StreamVm, task: VmTask): void {
  const frame = makeFrame({ from: task.station, to: task.to, seq: 9999, length: 1000 });
  const record = new Uint8Array(504);
  new DataView(record.buffer).setUint32(0, 1000);
  record.set(frame.subarray(0, 500), 4);
  vm.sendRaw(record);
}

function run(task: VmTask): never {
  const kernel = openKernel(ARENA_BYTES);
  const vm = connect(kernel, task);
  kernel.watch(vm.fd, 0, Ready.READ);
  vm.send(task.to);
  if (task.role === "half") sendHalf(vm as StreamVm, task);
  let got = 0, reported = -Infinity;
  for (;;) {
    kernel.wait(task.role === "blast" ? 200 : 20_000);
    vm.poll();
    got += vm.got.length;
    if (task.role === "echo") { for (const { from, length } of vm.got) vm.send(from, length); }
    vm.got.length = 0;
    if (task.role === "blast") {
      for (let i = 0; i < BURST && vm.send(task.to, task.length ?? SHORTEST); i++);
    }
    if (kernel.now() - reported < REPORT_MS) continue;
    reported = kernel.now();
    const report: VmReport = { sent: vm.sent, got };
    Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report) + "\n"));
  }
}

run(JSON.parse(Deno.args[0]));
