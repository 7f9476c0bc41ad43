/**
 * What the self-test asks: every probe, and at the end the traffic.
 *
 * Each is asked in a process of its own. So a question is what the asking process has to know of it, and no code.
 *
 * @module
 */
import { PROBES } from "./probes.ts";

/** Longest time of a probe, in milliseconds: ten times what the slowest takes on a busy machine. */
const PROBE_MS = 20_000;
/** The same of the traffic, each step of which has a deadline of its own. */
const TRAFFIC_MS = 60_000;

/** The one question that is no probe: it needs a whole switch. */
export const TRAFFIC = "traffic";

/** One question. */
export interface Question {
  /** What a report and `--only` call it. */
  readonly name: string;
  /** What it finds out, in words. */
  readonly label: string;
  /** Longest time until its process is ended, in milliseconds. */
  readonly limitMs: number;
}

/** Every question, in the order in which they are asked. */
export const QUESTIONS: readonly Question[] = [
  ...PROBES.map(({ name, label }) => ({ name, label, limitMs: PROBE_MS })),
  {
    name: TRAFFIC,
    label: "two hosts reach each other through a real switch",
    limitMs: TRAFFIC_MS,
  },
];
