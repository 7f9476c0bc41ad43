/**
 * The whole configuration: plain data, made by the command line.
 *
 * @module
 */
import { MIN_FRAME, type PortConfig } from "../port/config.ts";

/** Longest frame that an IP packet can need, its Ethernet header included: nothing is gained by more room. */
export const LONGEST_NEEDED = 65_535 + MIN_FRAME;

/** Least severe log record that is shown. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** What one run of the switch is asked to do. */
export interface Config {
  readonly ports: readonly PortConfig[];
  /** Seconds between two statistics lines; 0: none. */
  readonly statsInterval: number;
  /** Descriptor the ready line goes to; 1 is stdout. */
  readonly readyFd: number;
  readonly logLevel: LogLevel;
  /** Logs as JSON lines instead of text. */
  readonly logJson: boolean;
  /** File that holds our process id while we run; empty: none. */
  readonly pidFile: string;
}
