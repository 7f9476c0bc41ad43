/**
 * One run of the switch: from a configuration to an exit code.
 *
 * ```
 *  signals, pid file looked at -> engine and ports -> ready line, pid file
 *    -> reports, until a signal -> engine stopped -> last report, pid file gone
 * ```
 * stdout carries JSON lines only (ready, stats), stderr the log; neither may hold us up.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { Exit } from "./failure.ts";
import { LineWriter } from "./line_writer.ts";
import { type Log, openLog, preciseNow } from "./log.ts";
import { PidFile } from "./pid_file.ts";
import { tellPolicy } from "./policy_text.ts";
import { readyLine, writeReady } from "./ready.ts";
import { statsReport } from "./reports.ts";
import { Signals } from "./signals.ts";
import { Supervisor } from "./supervisor.ts";

/** Log lines kept for a stderr that is not read. */
const LOG_LINES = 1000;
/** Longest wait for stdout and stderr at the end: with the engine's 450 ms still below half a second. */
const DRAIN_MS = 30;

/** What a run needs to know of the program. */
export interface Program {
  /** `import.meta.url` of the main module; see {@linkcode Supervisor.start}. */
  readonly url: string;
  readonly version: string;
}

/**
 * Run the switch until a signal ends it.
 *
 * @throws Failure when it cannot start, or when the engine fails
 */
export async function run(program: Program, config: Config): Promise<Exit> {
  const out = new LineWriter(Deno.stdout, 1);
  const err = new LineWriter(Deno.stderr, LOG_LINES);
  const log = openLog({
    level: config.logLevel,
    json: config.logJson,
    color: Deno.stderr.isTerminal() && !Deno.noColor,
  }, err);
  // Never disposed of: a second signal must not kill what has ended well, and it may come at any moment until
  // the process is gone.
  const signals = new Signals();
  try {
    return await supervise(program, config, signals, out, log);
  } finally {
    await Promise.all([out.drain(DRAIN_MS), err.drain(DRAIN_MS)]);
  }
}

async function supervise(
  program: Program,
  config: Config,
  signals: Signals,
  out: LineWriter,
  log: Log,
): Promise<Exit> {
  const pidFile = PidFile.claim(config.pidFile);
  const supervisor = await Supervisor.start(program.url, config.ports, log.entry);
  const report = () => {
    // A report nobody has read yet is not queued behind: the next one holds its numbers too.
    if (out.idle) out.write(JSON.stringify(statsReport(supervisor.snapshot())));
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = new AbortController();
  let told: Promise<void> | undefined;
  try {
    pidFile.write();
    tellPolicies(supervisor, log);
    told = tellReady(program, config, supervisor, out, log, end.signal);
    signals.onReport = () => answer(out, report);
    if (config.statsInterval > 0) timer = setInterval(report, config.statsInterval * 1000);
    const signal = await Promise.race([signals.stop, supervisor.ended]);
    log.tell("info", `stopping on ${signal}`);
  } finally {
    clearInterval(timer);
    end.abort();
    await told; // it uses the kernel that the supervisor gives back
    const clean = await supervisor.stop();
    pidFile.remove();
    if (!clean) log.tell("warning", "the engine did not stop in time; ending without it");
    else if (config.statsInterval > 0) report();
  }
  return Exit.OK;
}

function tellPolicies({ opened }: Supervisor, log: Log): void {
  for (const port of opened) {
    for (const { level, text } of tellPolicy(port)) {
      log.entry({ at: preciseNow(), level, port: port.name, text });
    }
  }
}

/**
 * Report on demand. Who asks is always answered: when the last report is still being written, once it is. For a reader
 * that stopped reading that may be never, and many demands then wait for the same report.
 */
async function answer(out: LineWriter, report: () => void): Promise<void> {
  await out.settled;
  if (out.idle) report();
}

function tellReady(
  program: Program,
  config: Config,
  supervisor: Supervisor,
  out: LineWriter,
  log: Log,
  end: AbortSignal,
): Promise<void> {
  const { kernel, opened, bulk } = supervisor;
  const line = JSON.stringify(readyLine(opened, {
    version: program.version,
    pid: Deno.pid,
    folder: Deno.cwd(),
    pathLimit: kernel.pathLimit,
    bulk,
  }));
  log.tell("info", `datagrams go by ${bulk}`);
  if (config.readyFd === 1) {
    out.write(line);
    return Promise.resolve();
  }
  return writeReady(kernel, config.readyFd, line, end).then((warning) => {
    if (warning !== undefined) log.tell("warning", warning);
  });
}
