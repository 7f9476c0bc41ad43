/**
 * A running switch with a busy pair and bystanders, for the benches that ask what the bystanders cost.
 *
 * @module
 */
import type { Programs } from "./build.ts";
import type { Child } from "./child.ts";
import { joinIdle, Pair } from "./load.ts";
import type { Pinning } from "./machine.ts";
import { insistGood } from "./measure.ts";
import type { BenchOptions } from "./options.ts";
import { schedule } from "./process.ts";
import { type Port, startOurs, type Subject } from "./subject.ts";

/** A switch with a busy pair and VMs that only read. */
export interface Stage {
  subject: Subject;
  pair: Pair;
  idle?: Child;
}

/** One turn. */
export interface Turn {
  framesPerSecond: number;
  /** CPU of the switch, in microseconds per frame of the busy pair. */
  usPerFrame: number;
  /** Part of the turn in which the switch was ready and something else had its CPU. */
  waited: number;
  loss: number;
}

export interface Setup extends BenchOptions {
  programs: Programs;
  pinning: Pinning;
  room: string;
  size: number;
}

/** A switch with these ports: the first two get the busy pair, the others idle VMs. */
export async function raise(setup: Setup, ports: Port[], first?: number): Promise<Stage> {
  const subject = await startOurs(setup.command, ports, setup.pinning.subject);
  const { load } = setup.programs;
  const others = subject.ends.slice(2);
  const idle = others.length ? await joinIdle(load, others, setup.pinning, first) : undefined;
  const pair = await Pair.join(load, subject.ends, setup.pinning);
  return idle ? { subject, pair, idle } : { subject, pair };
}

/** Take a stage down. */
export async function strike({ subject, pair, idle }: Stage): Promise<void> {
  await pair.leave();
  await idle?.finish();
  await subject.stop();
}

/** Let the pair run once; `side` see load.ts, `warm` is a short run for the JIT. */
export async function turn(setup: Setup, stage: Stage, side: number, warm = false): Promise<Turn> {
  const seconds = warm ? Math.min(0.5, setup.seconds) : setup.seconds;
  const before = schedule(stage.subject.pid);
  const run = await stage.pair.throughput({ size: setup.size, seconds, side });
  const after = schedule(stage.subject.pid);
  insistGood(stage.subject, `${stage.subject.ends.length} ports`, run);
  return {
    framesPerSecond: run.framesPerSecond,
    usPerFrame: (after.ran - before.ran) / run.received / 1e3,
    waited: (after.waited - before.waited) / 1e9 / run.seconds,
    loss: run.lost / run.sent,
  };
}
