/**
 * Probe: does a thread that sleeps in the kernel wake when another calls it, and how soon?
 *
 * Commands reach the engine in no other way, SIGTERM's among them. Two threads call each other in turn; each
 * call has to be heard, once. Half of a round trip is one wake, measured by one clock.
 *
 * @module
 */
import { Ready } from "../platform/kernel.ts";
import {
  type Bench,
  must,
  type Probe,
  ProbeError,
  same,
  Sockets,
  spread,
  watching,
} from "./probe.ts";

const ROUNDS = 2000;
/** A round trip that takes longer was lost, and so was the start of the other thread. */
const LOST_US = 1_000_000, START_US = 5_000_000;
/** The probe ends after so many milliseconds, however many rounds were made. */
const ENOUGH_MS = 3000;
const TOKEN = 9;

/** See the head of this file. */
export const wake: Probe = {
  name: "wake",
  label: "a sleeping thread wakes when another calls",
  run(bench) {
    const { kernel } = bench;
    using sockets = new Sockets(kernel);
    const call = sockets.add(kernel.openWake(), "make a wake counter");
    const back = sockets.add(kernel.openWake(), "make a wake counter");
    using _watch = watching(kernel, back, TOKEN, Ready.READ, "a wake counter");
    return talk(bench, call, back);
  },
};

function talk(bench: Bench, call: number, back: number): ReturnType<Probe["run"]> {
  const { kernel } = bench;
  bench.echo(call, back, ROUNDS);
  hear(bench, back, START_US, "the start of the other thread");
  const times: number[] = [], start = kernel.now();
  while (times.length < ROUNDS && kernel.now() - start < ENOUGH_MS) {
    const asked = kernel.now();
    must(kernel.wake(call), "wake another thread");
    hear(bench, back, LOST_US, `call ${times.length + 1}`);
    times.push((kernel.now() - asked) * 1000 / 2);
  }
  const figures = { rounds: times.length, ...spread("wake", times) };
  const { wakeP50Us, wakeP99Us } = figures as Record<string, number>;
  return { details: `p50 ${wakeP50Us} us, p99 ${wakeP99Us} us (half a round trip)`, figures };
}

/** Sleep until we are called. A signal or the runtime may end a sleep early; the time goes on. */
function hear({ kernel }: Bench, back: number, microseconds: number, what: string): void {
  const end = kernel.now() + microseconds / 1000;
  for (let left = microseconds; left > 0; left = (end - kernel.now()) * 1000) {
    if (kernel.wait(left) === 0) continue;
    same(kernel.readyToken[0], TOKEN, "the token of a wake counter");
    return same(kernel.takeWakes(back), 1, "the count of a wake counter that was called once");
  }
  throw new ProbeError(`${what} was not heard within ${microseconds / 1e6} s`);
}
