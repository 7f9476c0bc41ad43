/**
 * Two VMs behind vnet headers, on ports of any kind.
 *
 * Station `n` of tests/offload/frames.ts is VM `n`, and both are known to the switch.
 *
 * @module
 */
import { assert } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { udpWire } from "../offload/wire.ts";
import type { DgramPeer, StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";

/** Ways of reaching a VM. */
export const WAYS = ["dgram", "hub", "dgram fd", "stream", "stream fd"] as const;
/** One of the {@linkcode WAYS}. */
export type Way = typeof WAYS[number];

/** A VM: what it sends and gets are frames behind its vnet header. */
export interface VnetVm {
  readonly port: string;
  send(wire: Uint8Array): void;
  receive(): Uint8Array[];
  /** The process dies. */
  kill(): void;
}

/** A switch with ports "a" and "b" and their VMs. */
export function start(
  way: Way | readonly [Way, Way],
  a: Partial<PortConfig>,
  b: Partial<PortConfig> = a,
): { lab: FakeSwitch; a: VnetVm; b: VnetVm } {
  const lab = new FakeSwitch(), [wayOfA, wayOfB] = typeof way === "string" ? [way, way] : way;
  const vms = [connect(lab, wayOfA, "a", a), connect(lab, wayOfB, "b", b)];
  vms.forEach((vm, i) => {
    const { vnetHdr = 0 } = [a, b][i];
    vm.send(udpWire({ from: i + 1, to: 200, payload: [1] }, vnetHdr));
    lab.settle();
  });
  for (const vm of vms) vm.receive();
  return { lab, a: vms[0], b: vms[1] };
}

function connect(lab: FakeSwitch, way: Way, name: string, options: Partial<PortConfig>): VnetVm {
  const { kernel } = lab, target = `/run/${name}`, bind = `/run/vm-${name}`;
  const open = (spec: Partial<Spec>) => lab.open({ name, target, ...options, ...spec });
  if (way === "dgram" || way === "hub") {
    open(way === "hub" ? { clients: "many" } : {});
    const vm = kernel.peerDgram(target, { bind });
    return dgramVm(lab, vm, way === "hub" ? `${name}.1` : name);
  }
  if (way === "stream") {
    open({ kind: "stream", clients: "replace" });
    return streamVm(lab, kernel.peerStream(target), name);
  }
  if (way === "stream fd") {
    const { fd, vm } = kernel.inherit(SocketType.STREAM);
    open({ kind: "fd", target: `${fd}` });
    return streamVm(lab, vm, name);
  }
  const { fd, vm } = kernel.inherit(SocketType.DGRAM);
  open({ kind: "fd", target: `${fd}` });
  return dgramVm(lab, vm as DgramPeer, name);
}

function dgramVm(lab: FakeSwitch, vm: DgramPeer, port: string): VnetVm {
  return vmOf(lab, vm, port, (wire) => vm.send(wire), () => vm.receive());
}

function streamVm(lab: FakeSwitch, vm: StreamPeer, port: string): VnetVm {
  return vmOf(lab, vm, port, (wire) => vm.sendFrame(wire), () => vm.receiveFrames());
}

/** A VM whose frames are all taken: the switch reads those before, when there is no more room. */
function vmOf(
  lab: FakeSwitch,
  vm: DgramPeer | StreamPeer,
  port: string,
  send: (wire: Uint8Array) => number,
  receive: () => Uint8Array[],
): VnetVm {
  vm.socket.sendLimit = 16 << 20;
  return {
    port,
    receive,
    send(wire) {
      if (send(wire) >= 0) return;
      lab.settle();
      assert(send(wire) >= 0, "the switch has read what was before");
    },
    kill: () => vm.kill(),
  };
}
