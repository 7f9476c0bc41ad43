/**
 * Every probe, in the order in which one makes sense of the next. A new one is a file and a line.
 *
 * @module
 */
import { bulk } from "./bulk.ts";
import { errors } from "./errors.ts";
import { full } from "./full.ts";
import { layouts } from "./layouts.ts";
import { nonblocking } from "./nonblocking.ts";
import type { Probe } from "./probe.ts";
import { timer } from "./timer.ts";
import { wake } from "./wake.ts";

/** See the head of this file. */
export const PROBES: readonly Probe[] = [layouts, nonblocking, errors, bulk, full, timer, wake];
