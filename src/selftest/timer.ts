/**
 * Probe: how long is a short sleep?
 *
 * A VM that was full is tried again after 50 us, 100 us and so on up to 1 ms. A system that rounds these up, or lets
 * timers of a process in the background drift together, shows here. Only sleeps that end too early (now and then a
 * signal ends one) or never are a failure: the rest is for the reader.
 *
 * @module
 */
import { type Figures, type Probe, ProbeError, spread } from "./probe.ts";

/** Microseconds asked for, and how often. */
const SLEEPS = [50, 250, 1000], REPEATS = 100;
/** Sleeps of as many that a signal may end. */
const INTERRUPTED = 10;
/** What a clock may be off by, in microseconds. */
const SLACK_US = 20;

/** See the head of this file. */
export const timer: Probe = {
  name: "timer",
  label: "short sleeps are short, and never shorter than asked",
  run({ kernel }) {
    let figures: Figures = {};
    const words: string[] = [];
    for (const asked of SLEEPS) {
      const times: number[] = [];
      let early = 0;
      for (let i = 0; i < REPEATS; i++) {
        const start = kernel.now();
        const ready = kernel.wait(asked);
        const slept = (kernel.now() - start) * 1000;
        if (ready !== 0) throw new ProbeError("a sleep with nothing to wait for found something");
        if (slept + SLACK_US < asked && ++early > INTERRUPTED) {
          throw new ProbeError(`a sleep of ${asked} us ended after ${Math.round(slept)} us`);
        }
        times.push(slept);
      }
      figures = { ...figures, ...spread(`sleep${asked}`, times) };
      words.push(`${asked} us took ${figures[`sleep${asked}P50Us`]}`);
    }
    return { details: `${words.join(", ")} (p50)`, figures };
  },
};
