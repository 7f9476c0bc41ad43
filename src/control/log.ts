/**
 * Log records as lines of text or JSON on stderr.
 *
 * LogTape stands in the role of `@std/log`, which was removed from std in 2025: it picks by level and
 * hands each record to one sink, and this file is the only one that knows it. Records of the engine come
 * with the time they were made; main's own are made here. The engine counts per frame and rate-limits
 * what it tells, so nothing here needs to.
 *
 * @module
 */
import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import type { LogLevel } from "./config.ts";
import type { LineWriter } from "./line_writer.ts";

/** One log record. */
export interface Entry {
  /** Milliseconds since the epoch, with microseconds as fractions. */
  readonly at: number;
  readonly level: LogLevel;
  /** Name of the port it is about; empty: the switch itself. */
  readonly port: string;
  readonly text: string;
}

/** How entries become lines. */
export interface LogStyle {
  readonly level: LogLevel;
  readonly json: boolean;
  readonly color: boolean;
}

/** Takes log entries; see {@linkcode openLog}. */
export interface Log {
  /** Log a record made elsewhere. */
  entry(entry: Entry): void;
  /** Log something about the switch itself, now. */
  tell(level: LogLevel, text: string): void;
}

/** Level names in five columns. */
const LABEL: Record<LogLevel, string> = {
  debug: "debug",
  info: "info ",
  warning: "warn ",
  error: "error",
};
const COLOR: Record<LogLevel, string> = {
  debug: "\x1b[2m",
  info: "\x1b[32m",
  warning: "\x1b[33m",
  error: "\x1b[31m",
};

/** Drift between the clocks that is a step or a suspend and no measuring error, in milliseconds. */
const STEP_MS = 50;

/** Milliseconds since the epoch, with a resolution of microseconds. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Time of a {@linkcode preciseNow} as a wall clock shows it. The precise clock counts from the start of
 * the process and stands still while the machine sleeps, so a laptop's log would be hours behind.
 */
export function wallTime(at: number, precise = preciseNow(), wall = Date.now()): number {
  const drift = wall - precise;
  return Math.abs(drift) < STEP_MS ? at : at + drift;
}

/** `2026-11-20 11:04:38.123456`, local time. */
function formatTime(at: number): string {
  const micros = Math.floor(at * 1000);
  const date = new Date(Math.floor(micros / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(micros % 1_000_000).padStart(6, "0")}`;
}

/** Control characters made visible: names and reasons may hold what a peer chose. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what this looks for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** An entry as a line of text: time, level, port, what happened. */
export function formatText(entry: Entry, color: boolean): string {
  const label = color ? `${COLOR[entry.level]}${LABEL[entry.level]}\x1b[0m` : LABEL[entry.level];
  const port = entry.port === "" ? "" : `${entry.port}: `;
  return `${formatTime(entry.at)} ${label} ${printable(port + entry.text)}`;
}

/** An entry as a line of JSON: `{"time","level","port","text"}`, the time in UTC with microseconds. */
export function formatJson(entry: Entry): string {
  const micros = Math.floor(entry.at * 1000);
  const second = new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19);
  const time = `${second}.${String(micros % 1_000_000).padStart(6, "0")}Z`;
  return JSON.stringify({ time, level: entry.level, port: entry.port, text: entry.text });
}

/** Make the log of this process; a second call replaces the first. */
export function openLog(style: LogStyle, lines: LineWriter): Log {
  let lost = 0;
  const format = (entry: Entry) => style.json ? formatJson(entry) : formatText(entry, style.color);
  const sink = (record: LogRecord) => {
    if (lost > 0) {
      const text = `${lost} log records are missing: stderr was not read`;
      const told = lines.write(format({ at: record.timestamp, level: "warning", port: "", text }));
      if (told) lost = 0;
    }
    if (!lines.write(format(toEntry(record)))) lost++;
  };
  configureSync({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: "vswitch", sinks: ["lines"], lowestLevel: style.level },
      // LogTape's own, which would otherwise greet the user at level info.
      { category: "logtape", sinks: ["lines"], lowestLevel: "error" },
    ],
  });
  const logger = getLogger("vswitch");
  const entry = ({ at, level, port, text }: Entry) => {
    const timestamp = wallTime(at);
    logger.emit({ timestamp, level, message: [text], rawMessage: text, properties: { port } });
  };
  return { entry, tell: (level, text) => entry({ at: preciseNow(), level, port: "", text }) };
}

function toEntry(record: LogRecord): Entry {
  const { level, properties, timestamp: at } = record;
  const known: LogLevel = level === "trace" ? "debug" : level === "fatal" ? "error" : level;
  const port = typeof properties.port === "string" ? properties.port : "";
  return { at, level: known, port, text: record.message.map(String).join("") };
}
