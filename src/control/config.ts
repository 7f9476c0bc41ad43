/**
 * The whole configuration: plain data, made by the command line.
 *
 * @module
 */
import type { PortConfig } from "../port/config.ts";

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
