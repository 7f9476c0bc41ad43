/**
 * Probe: what is left of a datagram peer that has gone?
 *
 * Nobody is told when it goes; the next send is. It has to fail with an error that means gone, and so has every send
 * after it: one that says "not now" would be tried again for ever, and the port would never be free for the next
 * VM. What the peer had sent before can still be read, and then the loop rests. Then another takes its path.
 *
 * @module
 */
import { errnoName, Fault, judge } from "../platform/errno.ts";
import { Ready, SocketType } from "../platform/kernel.ts";
import { Numbered } from "./datagrams.ts";
import {
  type Bench,
  connect,
  judged,
  must,
  type Probe,
  ProbeError,
  same,
  Sockets,
  told,
  watching,
} from "./probe.ts";
import { mustRest } from "./rest.ts";

const LENGTH = 60;
/** Datagrams that lie unread when the peer goes. */
const UNREAD = 3;
/** Sends to a peer that has gone. */
const SENDS = 10;
const TOKEN = 17;

/** See the head of this file. */
export const end: Probe = {
  name: "end",
  label: "a datagram peer that goes is told by every send, and another takes its place",
  run(bench) {
    const { kernel } = bench, port = `${bench.folder}/port`, vm = `${bench.folder}/vm`;
    using sockets = new Sockets(kernel);
    try {
      const pair = sockets.pair(SocketType.DGRAM);
      const paired = gone(bench, sockets, pair[0], pair[1], "the other end of a pair");
      const fd = sockets.datagram(port), peer = sockets.datagram(vm);
      join(bench, [fd, vm], [peer, port]);
      const named = gone(bench, sockets, fd, peer, "a peer");
      must(kernel.unlink(vm), "remove a socket file");
      succeed(bench, sockets, fd, port, vm);
      const [first, then] = named.errors;
      return {
        details: `${first}, then ${then}; of a pair ${paired.errors.join(", then ")}`,
        figures: {
          ...{ first, then, pairedFirst: paired.errors[0], pairedThen: paired.errors[1] },
          ...{ connectedBefore: named.connected, eventsIdle: named.events },
        },
      };
    } finally {
      kernel.unlink(port);
      kernel.unlink(vm);
    }
  },
};

/** What a peer's end looked like. */
interface Gone {
  /** Names of the errors of the first and of the second send. */
  readonly errors: readonly [string, string];
  /** isConnected() before anything was sent. */
  readonly connected: number;
  /** Reports of the socket while nothing came. */
  readonly events: number;
}

/** Close `peer`, which has sent something, and look at `fd`. */
function gone(bench: Bench, sockets: Sockets, fd: number, peer: number, who: string): Gone {
  const { kernel } = bench, datagrams = new Numbered(bench, LENGTH);
  for (let i = 0; i < UNREAD; i++) same(datagrams.send(peer, i), 1, "sending a datagram");
  sockets.close(peer);
  const connected = kernel.isConnected(fd);
  // Where strangers are heard as well, the switch looks by this whether anybody is left.
  if (!kernel.turnsAway) same(connected, 0, `getpeername when ${who} had gone`);
  for (let i = 0; i < UNREAD; i++) {
    same(datagrams.receive(fd), i, `receiving what ${who} had sent before it went`);
  }
  const silence = () => {
    const result = datagrams.receive(fd);
    if (result >= 0) throw new ProbeError(`${who} that had gone has sent something`);
    if (judge(result) !== Fault.BROKEN) return;
    throw new ProbeError(`receiving when ${who} had gone gave ${errnoName(result)}`);
  };
  const events = rest(bench, fd, silence, who);
  const errors = Array.from({ length: SENDS }, (_, i) => {
    const result = datagrams.send(fd, i);
    judged(result, Fault.PEER, "an error that means gone", `send ${i + 1} to ${who} that had gone`);
    return told(result);
  });
  same(kernel.isConnected(fd), 0, `getpeername when sending had told that ${who} had gone`);
  silence();
  return { errors: [errors[0], errors[1]], connected, events };
}

function rest(bench: Bench, fd: number, retry: () => void, who: string): number {
  using _watch = watching(bench.kernel, fd, TOKEN, Ready.READ, "a socket");
  return mustRest(bench, retry, `a socket was told as readable, when ${who} had gone,`);
}

/** Another peer at the same path: heard, and reached as soon as it is connected to. */
function succeed(bench: Bench, sockets: Sockets, fd: number, port: string, vm: string): void {
  const datagrams = new Numbered(bench, LENGTH), peer = sockets.datagram(vm);
  join(bench, [fd, vm], [peer, port]);
  datagrams.pass(fd, peer, 100, "a datagram to the successor of a peer that had gone");
  datagrams.pass(peer, fd, 101, "a datagram of the successor of a peer that had gone");
}

/** Connect each socket to the path beside it. */
function join({ kernel }: Bench, ...ends: readonly (readonly [number, string])[]): void {
  for (const [fd, path] of ends) {
    must(connect(kernel, fd, path), "connect to a path");
  }
}
