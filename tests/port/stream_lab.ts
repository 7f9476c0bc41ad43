/**
 * Three VMs on one stream path.
 *
 * @module
 */
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";
import { BROADCAST, frame } from "../switch/frames.ts";

export const PATH = "/run/lan.sock";

/** VMs 1, 2 and 3 on one path, their addresses learned. */
export function start(spec: Partial<Spec> = {}) {
  const lab = new FakeSwitch().open({ name: "lan", kind: "stream", target: PATH, ...spec });
  const vm = (n: number) => {
    const peer = lab.kernel.peerStream(PATH);
    peer.sendFrame(frame(n, BROADCAST));
    lab.settle();
    return peer;
  };
  const [a, b, c] = [vm(1), vm(2), vm(3)];
  for (const each of [a, b, c]) each.receive();
  return { lab, kernel: lab.kernel, vm, a, b, c };
}

export const u32 = (n: number) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
