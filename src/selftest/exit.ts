/**
 * Probe: is the end of a process told?
 *
 * Nobody is told when a datagram peer goes away, so the switch watches the process behind it. That
 * must be silent while the process lives, come when it ends, and be refused for one that is not there.
 *
 * @module
 */
import { Errno } from "../platform/errno.ts";
import { Ready } from "../platform/kernel.ts";
import { type Bench, type Probe, ProbeError, type Process, same, Sockets, told } from "./probe.ts";

/** Above every process id there can be: 4,194,304 on Linux, 99,999 on Darwin. */
const NOBODY = 5_000_000;
/** How long a living process is looked at, and how long its end may take to be told, in milliseconds. */
const LOOK_MS = 5, PATIENCE_MS = 2000;
const TOKEN = 13, LATE_TOKEN = 14;

/** See the head of this file. */
export const exit: Probe = {
  name: "exit",
  label: "the end of a process is told, and nothing while it lives",
  run(bench) {
    using sockets = new Sockets(bench.kernel);
    same(
      bench.kernel.watchExit(NOBODY, TOKEN),
      -Errno.ESRCH,
      "watching a process that is not there",
    );
    const process = bench.startProcess();
    if (process === undefined) {
      return {
        details: "not asked: there is no program here that sleeps",
        figures: { asked: false },
      };
    }
    try {
      return watch(bench, sockets, process);
    } finally {
      process.end();
    }
  },
};

function watch(bench: Bench, sockets: Sockets, process: Process): ReturnType<Probe["run"]> {
  const { kernel } = bench;
  const fd = sockets.add(kernel.watchExit(process.pid, TOKEN), "watch a process");
  if (isTold(bench, TOKEN, LOOK_MS)) throw new ProbeError("a process that lives is told as ended");
  const start = kernel.now();
  process.end();
  mustBeTold(bench, TOKEN, "the end of a process");
  const took = Math.round((kernel.now() - start) * 1000);
  kernel.unwatch(fd);
  // Until somebody asks how it ended it is half there: told at once, or nobody.
  const late = kernel.watchExit(process.pid, LATE_TOKEN);
  if (late < 0) same(late, -Errno.ESRCH, "watching a process that has ended");
  else {
    sockets.add(late, "watch a process");
    mustBeTold(bench, LATE_TOKEN, "the end of a process that had ended before");
  }
  return {
    details: `told after ${took} us; watching it later gave ${late < 0 ? told(late) : "the same"}`,
    figures: { asked: true, exitUs: took, watchedLate: late < 0 ? told(late) : "told" },
  };
}

function mustBeTold(bench: Bench, token: number, what: string): void {
  if (isTold(bench, token, PATIENCE_MS)) return;
  throw new ProbeError(`${what} was not told within ${PATIENCE_MS} ms`);
}

/** Whether READ is reported within a time. A signal (our child's end is one) may end a sleep. */
function isTold({ kernel }: Bench, token: number, milliseconds: number): boolean {
  const end = kernel.now() + milliseconds;
  for (let left = milliseconds; left > 0; left = end - kernel.now()) {
    if (kernel.wait(left * 1000) === 0) continue;
    same(kernel.readyToken[0], token, "the token of a process");
    return (kernel.readyBits[0] & Ready.READ) !== 0;
  }
  return false;
}
