/**
 * Two VMs on one stream path whose buffers never fill, and a parser that knows what one must get of the other.
 *
 * @module
 */
import { MAX_FRAME } from "../../src/port/config.ts";
import type { StreamPeer } from "../support/fake_peers.ts";
import { FakeSwitch } from "../support/fake_switch.ts";
import { BROADCAST, concat, frame } from "../switch/frames.ts";

export const PATH = "/run/lan.sock";
const MOST = { kind: "stream", target: PATH, maxFrame: MAX_FRAME } as const;

/** Two VMs on one path, who know each other, with buffers that never fill. */
export function start(queue = 1 << 20) {
  const lab = new FakeSwitch({ arenaBytes: 256 << 20 }).open({ name: "lan", ...MOST, queue });
  const vm = (n: number): StreamPeer => {
    const peer = lab.kernel.peerStream(PATH);
    peer.socket.sendLimit = 64 << 20;
    peer.sendFrame(frame(n, BROADCAST));
    lab.settle();
    return peer;
  };
  const a = vm(1), b = vm(2);
  a.receive();
  b.receive();
  return { lab, a, b };
}

/** What the switch must deliver of a stream: an independent, simple parser. */
export function expected(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer);
  const out: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + view.getUint32(at);
    if (end > bytes.length) break;
    if (end - at >= 4 + 14) out.push(bytes.subarray(at, end));
    at = end;
  }
  return concat(out);
}
