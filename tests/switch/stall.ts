/**
 * Senders, and one VM that has hung.
 *
 * @module
 */
import type { StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch, type Spec } from "../support/fake_switch.ts";
import { BROADCAST, frame, record } from "./frames.ts";

export const OUT = "/run/out.sock", IN = "/run/in.sock";

/** Senders 1, 2, ... on "in", and "out" with VM 99, which has hung. */
export function start(spec: Partial<Spec> = {}, senders = 1) {
  const lab = new FakeSwitch().open(
    { name: "in", kind: "stream", target: IN },
    { name: "out", kind: "stream", target: OUT, queue: 128 << 10, ...spec },
  );
  const join = (path: string, n: number): StreamPeer => {
    const vm = lab.kernel.peerStream(path);
    vm.sendFrame(frame(n, BROADCAST));
    lab.settle();
    return vm;
  };
  const vms = Array.from({ length: senders }, (_, i) => join(IN, i + 1));
  const out = join(OUT, 99);
  for (const vm of [...vms, out]) vm.receive();
  out.stopReading();
  return { lab, kernel: lab.kernel, vms, out, join };
}

/** Send frames of 9014 bytes to VM 99 until the switch reads this VM no more; returns how many were taken. */
export function fill(lab: FakeSwitch, vm: StreamPeer, from: number, most = 5000): number {
  let sent = 0;
  while (sent < most && vm.socket.used === 0) {
    if (vm.send(record(frame(from, 99, sent, 9014))) < 0) break;
    sent++;
    lab.settle();
  }
  return sent;
}
