/**
 * Probe: is the error number that we read the one the call left?
 *
 * errno is read after the call has returned, and the runtime may have run code of its own in between. The switch
 * lives with a number that a call cannot have (it tries again), and cannot live with one that
 * means something else. So calls that must fail in a known way are made very often.
 *
 * @module
 */
import { Errno, errnoName, Fault, judge } from "../platform/errno.ts";
import { SocketType } from "../platform/kernel.ts";
import { Slots } from "./datagrams.ts";
import { type Bench, connect, type Probe, ProbeError, Sockets } from "./probe.ts";

const REPEATS = 20_000;
/** A descriptor that cannot be open: above every limit. */
const NOWHERE = 0x3fff_ffff;
/** Numbers the runtime overwrote, in so many calls, are the most we have ever seen a hundred times over. */
const TOLERATED = 2000;

/** A call and how it may fail; more than one number where systems differ. */
interface Case {
  readonly what: string;
  readonly expected: readonly number[];
  readonly call: () => number;
}

/** See the head of this file. */
export const errors: Probe = {
  name: "errno",
  label: "calls that must fail leave the right error number",
  run(bench) {
    using sockets = new Sockets(bench.kernel);
    const all = cases(bench, sockets);
    const others: string[] = [];
    for (const { what, expected, call } of all) {
      for (let i = 0; i < REPEATS; i++) {
        const result = call();
        if (result < 0 && expected.includes(-result)) continue;
        const told = wrong(what, expected, result);
        if (result >= 0 || judge(result) !== Fault.RETRY) throw new ProbeError(told);
        others.push(told);
      }
    }
    const calls = all.length * REPEATS;
    if (others.length * TOLERATED > calls) {
      throw new ProbeError(`${others[0]}; so did ${others.length} of ${calls} calls`);
    }
    const kinds = [...new Set(all.flatMap(({ expected }) => expected))].map(errnoName).join(" ");
    return {
      details: `${calls.toLocaleString("en")} calls, ${others.length} numbers overwritten`,
      figures: { calls, overwritten: others.length, kinds },
    };
  },
};

function wrong(what: string, expected: readonly number[], result: number): string {
  const names = expected.map(errnoName).join(" or ");
  return `${what} gave ${result < 0 ? errnoName(result) : result} instead of ${names}`;
}

function cases(bench: Bench, sockets: Sockets): Case[] {
  const { kernel, folder } = bench;
  const [dgram] = sockets.pair(SocketType.DGRAM), [stream] = sockets.pair(SocketType.STREAM);
  const lone = sockets.datagram(), path = `${folder}/none`;
  const slots = new Slots(bench, 1, 64), { table } = slots, at = slots.start(0);
  return [
    {
      what: "closing a descriptor that is not open",
      expected: [Errno.EBADF],
      call: () => kernel.close(NOWHERE),
    },
    {
      what: "receiving where nothing waits",
      expected: [Errno.EAGAIN],
      call: () => kernel.receive(dgram, table, 1),
    },
    {
      what: "reading a stream where nothing waits",
      expected: [Errno.EAGAIN],
      call: () => kernel.read(stream, at, 64),
    },
    {
      what: "sending from a socket that is not connected",
      expected: [Errno.ENOTCONN, Errno.EDESTADDRREQ],
      call: () => kernel.send(lone, table, 0, 1),
    },
    {
      what: "connecting to a path that is not there",
      expected: [Errno.ENOENT],
      call: () => connect(kernel, lone, path),
    },
    {
      what: "removing a file that is not there",
      expected: [Errno.ENOENT],
      call: () => kernel.unlink(path),
    },
  ];
}
