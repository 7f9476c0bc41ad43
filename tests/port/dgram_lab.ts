/**
 * Two datagram ports with a VM each, for the tests of what becomes of them.
 *
 * @module
 */
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, frame } from "../switch/frames.ts";

export const A = "/run/a.sock", B = "/run/b.sock";

/** Ports "a" and "b", each with its VM; addresses 1 and 2 are learned. */
export function start(spec: { clients?: "replace" | "refuse" } = {}) {
  const lab = new FakeSwitch()
    .open({ name: "a", target: A, ...spec }, { name: "b", target: B, ...spec });
  const a = lab.kernel.peerDgram(A, { bind: "/run/vm-a" });
  const b = lab.kernel.peerDgram(B, { bind: "/run/vm-b" });
  a.send(frame(1, BROADCAST));
  b.send(frame(2, BROADCAST));
  lab.settle();
  b.receive();
  return { lab, kernel: lab.kernel, a, b };
}
