/**
 * A flow from one host to the other, as fast as the switch takes it.
 *
 * The sender keeps a window under way, as TCP does: wide enough that the switch always has work, narrow
 * enough that its queue (1 MiB a port by default) never has to drop. So everything is expected to arrive.
 *
 * @module
 */
import type { Lab } from "./lab.ts";

/** Time without any progress after which what is under way is lost, in milliseconds: a busy machine may halt a thread for 100. */
const STALL_MS = 1000;
/** Longest sleep for want of frames, in milliseconds. */
const SLEEP_MS = 1;

/** Who sends; frames or bytes, as its {@linkcode Sink} counts. */
export interface Source {
  /** Put on the way so far. */
  readonly count: number;
  /** Send at most `limit` more; returns how much was put on the way. */
  send(limit: number): number;
}

/** Who receives. */
export interface Sink {
  /** What comes next, if nothing is lost: all before it has arrived, or will not. */
  readonly next: number;
  /** Take a batch; returns how many frames it had. */
  receive(): number;
}

/** Let it flow for a time and wait for the rest; returns how many seconds passed until the last progress. */
export async function flow(
  lab: Lab,
  source: Source,
  sink: Sink,
  window: number,
  milliseconds: number,
): Promise<number> {
  const start = lab.kernel.now();
  const end = start + milliseconds;
  let last = start;
  for (let now = start; now < last + STALL_MS; now = lab.kernel.now()) {
    await lab.breathe();
    const open = now < end ? window - (source.count - sink.next) : 0;
    const progress = source.send(open) + sink.receive();
    if (progress > 0) last = now;
    else if (now >= end && sink.next === source.count) break;
    else lab.kernel.wait(SLEEP_MS * 1000);
  }
  return (last - start) / 1000;
}
