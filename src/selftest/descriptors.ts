/**
 * Probe: do descriptors that a peer sends along stay with us?
 *
 * Whoever may connect may send descriptors with its bytes (SCM_RIGHTS). The switch asks for none where it only reads
 * frames, and they must be closed again by the kernel: kept, they would fill our table until nobody can connect.
 * Where a socket can refuse them, they must be refused. Only a kernel object that can send some can be asked.
 *
 * @module
 */
import { Errno } from "../platform/errno.ts";
import { type Kernel, SocketType } from "../platform/kernel.ts";
import type { Sharing } from "../platform/sharing.ts";
import { type Bench, patiently, type Probe, ProbeError, same, Sockets } from "./probe.ts";

/** Messages, and descriptors of each. */
const MESSAGES = 32, PASSED = 4;
const LENGTH = 60;
/** Other threads may open some meanwhile; fewer than one of each message. */
const SLACK = 8;
/** Numbers looked at; the lowest free one is given out, so what came is among them. */
const NUMBERS = 1024;

/** See the head of this file. */
export const descriptors: Probe = {
  name: "descriptors",
  label: "descriptors that a peer sends along do not stay open in us",
  run(bench) {
    const { sharing } = bench.kernel;
    if (sharing === undefined) {
      const details = "not asked: there is no way here to send descriptors";
      return { details, figures: { asked: false } };
    }
    using sockets = new Sockets(bench.kernel);
    const counter = sockets.add(bench.kernel.openWake(), "make a wake counter");
    const along = Array.from({ length: PASSED }, () => counter);
    const grown = pass(bench, sharing, sockets, along);
    const refused = refuse(bench, sharing, sockets, along);
    return {
      details: `${MESSAGES * PASSED} came and were closed; a socket can ${
        refused ? "" : "not "
      }refuse them`,
      figures: { asked: true, passed: MESSAGES * PASSED, grown, refused },
    };
  },
};

/** Read frames that come with descriptors; how many more are open then. */
function pass(bench: Bench, sharing: Sharing, sockets: Sockets, along: number[]): number {
  const { kernel } = bench;
  const [from, to] = sockets.pair(SocketType.STREAM);
  const at = kernel.arena.take(LENGTH), before = countOpen(kernel);
  for (let i = 0; i < MESSAGES; i++) {
    const sent = patiently(() => sharing.sendMessage(from, at, LENGTH, along));
    same(sent, LENGTH, "sending a message with descriptors");
    const got = patiently(() => kernel.read(to, at, LENGTH));
    same(got, LENGTH, "reading a message with descriptors");
  }
  const grown = countOpen(kernel) - before;
  if (grown <= SLACK) return Math.max(0, grown);
  throw new ProbeError(
    `${grown} of ${MESSAGES * PASSED} descriptors that a peer sent along are still open`,
  );
}

/** Whether a socket can refuse them; then it has to. */
function refuse(bench: Bench, sharing: Sharing, sockets: Sockets, along: number[]): boolean {
  const { kernel } = bench;
  const [from, to] = sockets.pair(SocketType.STREAM);
  const result = kernel.refuseDescriptors(to);
  if (result === -Errno.ENOPROTOOPT) return false;
  same(result, 0, "asking to refuse descriptors");
  const at = kernel.arena.take(LENGTH);
  const sent = patiently(() => sharing.sendMessage(from, at, LENGTH, along));
  same(sent, -Errno.EPERM, "sending descriptors to a socket that refuses them");
  return true;
}

function countOpen(kernel: Kernel): number {
  let count = 0;
  for (let fd = 0; fd < NUMBERS; fd++) if (kernel.isInherited(fd) >= 0) count++;
  return count;
}
