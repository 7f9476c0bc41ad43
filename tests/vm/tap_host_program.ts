/**
 * A Linux host on a port of the switch, in a network namespace of its own; tap_host.ts starts it there.
 *
 * Its kernel has a tap for a network card, with checksum and segmentation offload, and a pump between the tap
 * and a datagram socket stands for the VM monitor: the 12-byte vnet header and the frame go through as they
 * are. `iperf3 -s` listens. What the switch delivers is captured with its checksums finished as the header
 * asks, so that a wrong header or seed shows.
 *
 * @module
 */
import { CaptureFile } from "../capture/pcap.ts";
import { Takes, Tap } from "../kernel/tap.ts";
import { type Kernel, Ready } from "../../src/platform/kernel.ts";
import { openKernel } from "../../src/platform/mod.ts";
import { DgramVm } from "../support/dgram_vm.ts";
import { addresses } from "../support/packet.ts";
import { finishChecksum, GSO_TCPV4, GSO_TCPV6, splitVnet } from "../support/vnet_header.ts";
import type { TapHostReport, TapHostTask } from "./tap_host.ts";

const ARENA_BYTES = 16 << 20;
/** What is captured: one frame of so many, and bytes of them. */
const SAMPLE = 17, CAPTURE_BYTES = 32 << 20;
const TELL_MS = 200;
/** Longest sleep in microseconds: idle, and with a frame the switch has not taken yet. */
const IDLE_US = 100_000, BUSY_US = 100;

/** See the head of this file. */
class Pump {
  readonly report = { sent: 0, sentLarge: 0, received: 0, receivedLarge: 0, refused: 0 };
  readonly #vm: DgramVm;
  readonly #tap: Tap;
  readonly #capture: CaptureFile;
  /** Read from the tap, and not taken by the switch yet: the tap is not read until it is. */
  #waiting: Uint8Array | undefined;

  constructor(kernel: Kernel, task: TapHostTask, tap: Tap) {
    this.#tap = tap;
    this.#vm = new DgramVm(kernel, task.number, { path: task.path, own: task.own, like: "vfkit" });
    this.#vm.onFrame = (frame) => this.#deliver(frame);
    this.#capture = new CaptureFile(task.capture, CAPTURE_BYTES);
    kernel.watch(this.#vm.fd, 0, Ready.READ);
    kernel.watch(tap.fd, 1, Ready.READ);
  }

  /** Move what is there; false when the switch takes no more. */
  turn(): boolean {
    this.#vm.poll();
    for (;;) {
      this.#waiting ??= this.#tap.read();
      if (this.#waiting === undefined) return true;
      if (!this.#vm.sendBytes(this.#waiting)) return false;
      this.report.sent++;
      if (isLarge(this.#waiting)) this.report.sentLarge++;
      this.#waiting = undefined;
    }
  }

  #deliver(bytes: Uint8Array): void {
    this.report.received++;
    if (isLarge(bytes)) this.report.receivedLarge++;
    if (this.#tap.write(bytes) !== 0) this.report.refused++;
    if (this.report.received % SAMPLE !== 0 || !this.#capture.hasRoom) return;
    const { header, frame } = splitVnet(bytes);
    finishChecksum(header, frame);
    this.#capture.add(frame);
  }
}

/** Whether it is to be cut. */
function isLarge(bytes: Uint8Array): boolean {
  const { gsoType } = splitVnet(bytes).header;
  return gsoType === GSO_TCPV4 || gsoType === GSO_TCPV6;
}

function run(task: TapHostTask): never {
  const tap = new Tap("eth0", { takes: Takes.CSUM | Takes.TSO4 | Takes.TSO6 });
  const mac = addresses(task.number).mac.toHex().match(/../g)!.join(":");
  shell(
    `ip link set lo up; ip link set eth0 address ${mac} txqueuelen 1000 up && ` +
      `ip addr add 10.0.0.${task.number}/24 dev eth0 && ` +
      `ip -6 addr add fd00::${task.number}/64 dev eth0 nodad`,
  );
  const kernel = openKernel(ARENA_BYTES);
  const pump = new Pump(kernel, task, tap);
  new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", "iperf3", "-s"],
    stdin: "null",
    stdout: "null",
  }).spawn();
  for (let told = -Infinity, busy = false;;) {
    kernel.wait(busy ? BUSY_US : IDLE_US);
    busy = !pump.turn();
    if (kernel.now() - told < TELL_MS) continue;
    told = kernel.now();
    tell(pump.report);
  }
}

function shell(script: string): void {
  const { success, stderr } = new Deno.Command("sh", { args: ["-c", script] }).outputSync();
  if (!success) throw new Error(`Cannot run ${script}: ${new TextDecoder().decode(stderr)}`);
}

function tell(report: TapHostReport): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report) + "\n"));
}

run(JSON.parse(Deno.args[0]));
