/**
 * VMs on one stream path that know each other.
 *
 * @module
 */
import type { StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";
import { BROADCAST, frame, tagsOf } from "./frames.ts";

export const LAN = "/run/lan";

/** VMs 1 .. n on one stream path, known to the switch. */
export function start(n: number, spec: Partial<Spec> = {}) {
  const lab = new FakeSwitch().open({ name: "lan", kind: "stream", target: LAN, ...spec });
  const vms = Array.from({ length: n }, (_, i): StreamPeer => {
    const vm = lab.kernel.peerStream(LAN);
    vm.socket.sendLimit = 16 << 20;
    vm.sendFrame(frame(i + 1, BROADCAST));
    lab.settle();
    return vm;
  });
  const heard = () => vms.map((vm) => tagsOf(vm.receiveFrames()));
  heard();
  return { lab, vms, heard };
}
