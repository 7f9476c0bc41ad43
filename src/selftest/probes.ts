/**
 * Every probe, in the order in which one makes sense of the next. A new one is a file, a line here, and its
 * name in cli/options.ts (`--only`).
 *
 * @module
 */
import { bulk } from "./bulk.ts";
import { descriptors } from "./descriptors.ts";
import { end } from "./end.ts";
import { errors } from "./errors.ts";
import { exit } from "./exit.ts";
import { full } from "./full.ts";
import { hangup } from "./hangup.ts";
import { layouts } from "./layouts.ts";
import { lengths } from "./lengths.ts";
import { memory } from "./memory.ts";
import { nonblocking } from "./nonblocking.ts";
import { paths } from "./paths.ts";
import type { Probe } from "./probe.ts";
import { strangers } from "./strangers.ts";
import { stream } from "./stream.ts";
import { timer } from "./timer.ts";
import { wake } from "./wake.ts";

/** See the head of this file. */
export const PROBES: readonly Probe[] = [
  ...[layouts, memory, nonblocking, errors, paths], // structures, and what never waits
  ...[bulk, lengths, full, stream], // data
  ...[strangers, end, hangup, exit, descriptors], // peers
  ...[timer, wake],
];
