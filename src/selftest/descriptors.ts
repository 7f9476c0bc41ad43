/**
 * Probe: do descriptors that a peer sends along stay with us?
 *
 * Whoever may connect may send descriptors with its bytes (SCM_RIGHTS). The switch asks for none where it only reads
 * frames. Linux closes them; Darwin opens them in whoever reads the message, and then we have to close them: kept, they
 * would fill our table until nobody can connect. Where a socket can refuse them, they must be refused.
 *
 * @module
 */
import { Errno } from "../platform/errno.ts";
import { type Kernel, SocketType } from "../platform/kernel.ts";
import { rightsBytes, storeRights } from "../platform/rights.ts";
import { Slots } from "./datagrams.ts";
import { type Bench, patiently, type Probe, ProbeError, same, Sockets } from "./probe.ts";

/** Messages on each type of socket, and descriptors of each. */
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
    using sockets = new Sockets(bench.kernel);
    // A socket: not everything that has a number can be sent (a kqueue cannot).
    const passed = sockets.add(bench.kernel.socket(SocketType.DGRAM), "make a socket");
    const sender = new Sender(bench, passed);
    const before = countOpen(bench.kernel);
    passDatagrams(bench, sender, sockets);
    const streamsGo = passStreams(bench, sender, sockets);
    const sent = 2 * MESSAGES * PASSED, open = Math.max(0, countOpen(bench.kernel) - before);
    // Besides the two pairs.
    const grown = open - 4;
    if (grown > SLACK) {
      throw new ProbeError(`${grown} of ${sent} descriptors that a peer sent along are still open`);
    }
    const refused = refuse(bench, sender, sockets);
    return {
      details: `${sent} came and were closed; a socket can ${refused ? "" : "not "}refuse them`,
      figures: { passed: sent, grown: Math.max(0, grown), streamsGo, refused },
    };
  },
};

/** Sends bytes with descriptors. */
class Sender {
  readonly #kernel: Kernel;
  readonly #slots: Slots;

  /** @param fd the descriptor it sends, again and again */
  constructor(bench: Bench, fd: number) {
    const { arena, abi } = this.#kernel = bench.kernel;
    this.#slots = new Slots(bench, 1, LENGTH);
    const control = arena.take(rightsBytes(abi, PASSED));
    const along = Array.from({ length: PASSED }, () => fd);
    this.#slots.table.setControl(0, control, storeRights(arena.view, control, abi, along));
  }

  send(fd: number): number {
    return patiently(() => this.#kernel.send(fd, this.#slots.table, 0, 1));
  }
}

function passDatagrams(bench: Bench, sender: Sender, sockets: Sockets): void {
  const { kernel } = bench, [from, to] = sockets.pair(SocketType.DGRAM);
  const { table } = new Slots(bench, 1, LENGTH);
  for (let i = 0; i < MESSAGES; i++) {
    same(sender.send(from), 1, "sending a datagram with descriptors");
    const got = patiently(() => kernel.receive(to, table, 1));
    same(got, 1, "receiving a datagram with descriptors");
    same(table.received(0), LENGTH, "the length of a datagram with descriptors");
  }
}

/** Returns whether such a stream has to end, where nobody can keep a peer from sending descriptors. */
function passStreams(bench: Bench, sender: Sender, sockets: Sockets): boolean {
  const { kernel } = bench, [from, to] = sockets.pair(SocketType.STREAM);
  const at = kernel.arena.take(LENGTH);
  let ends = 0;
  for (let i = 0; i < MESSAGES; i++) {
    same(sender.send(from), 1, "sending bytes with descriptors");
    const got = patiently(() => kernel.read(to, at, LENGTH));
    if (got === -Errno.EPROTO) ends++;
    else same(got, LENGTH, "reading bytes with descriptors");
  }
  if (ends > 0) same(ends, MESSAGES, "the number of messages with descriptors that were refused");
  return ends > 0;
}

/** Whether a socket can refuse them; then it has to. */
function refuse(bench: Bench, sender: Sender, sockets: Sockets): boolean {
  const { kernel } = bench;
  let refused = true;
  for (const type of [SocketType.STREAM, SocketType.DGRAM]) {
    const [from, to] = sockets.pair(type);
    const result = kernel.refuseDescriptors(to);
    refused &&= result !== -Errno.ENOPROTOOPT;
    if (!refused) continue;
    same(result, 0, "asking to refuse descriptors");
    same(sender.send(from), -Errno.EPERM, "sending descriptors to a socket that refuses them");
  }
  return refused;
}

function countOpen(kernel: Kernel): number {
  let count = 0;
  for (let fd = 0; fd < NUMBERS; fd++) if (kernel.isInherited(fd) >= 0) count++;
  return count;
}
