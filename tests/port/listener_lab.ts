/**
 * A listening path with no VM yet.
 *
 * @module
 */
import type { StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";

export const LAN = "/run/lan.sock";

export function start(spec: Partial<Spec> = {}, arenaBytes = 192 << 20) {
  const lab = new FakeSwitch({ arenaBytes })
    .open({ name: "lan", kind: "stream", target: LAN, ...spec });
  const vm = (): StreamPeer => {
    const peer = lab.kernel.peerStream(LAN);
    lab.settle();
    return peer;
  };
  return { lab, kernel: lab.kernel, vm };
}
