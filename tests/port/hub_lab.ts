/**
 * A datagram path with many VMs, for the tests of it.
 *
 * @module
 */
import type { DgramPeer } from "../support/fake_peers.ts";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";
import { BROADCAST, frame } from "../switch/frames.ts";

export const LAN = "/run/lan.sock";
export const HELLO = new TextEncoder().encode("VFKT");

export function start(spec: Partial<Spec> = {}) {
  const lab = new FakeSwitch().open({ name: "lan", target: LAN, clients: "many", ...spec });
  /** A VM that has spoken; its address is `n`. */
  const vm = (n: number, bind = `/run/vm${n}`, connect = true): DgramPeer => {
    const peer = lab.kernel.peerDgram(LAN, { bind, connect });
    peer.send(frame(n, BROADCAST, n));
    lab.settle();
    return peer;
  };
  return { lab, kernel: lab.kernel, vm };
}
