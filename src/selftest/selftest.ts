/**
 * `vswitch self-test`: does this system do what the switch believes of it?
 *
 * Most of what differs between systems was read in their sources and not seen on their machines. This asks the
 * machine: each probe one question, then the demo's traffic through a real switch. A user can run it
 * anywhere in a few seconds and paste one line; a build server runs it on every system there is.
 *
 * @module
 */
import { Exit, Failure } from "../control/failure.ts";
import type { Program } from "../control/run.ts";
import { Signals } from "../control/signals.ts";
import { temporaryFolder } from "../demo/folder.ts";
import { Screen, writeStdout } from "../demo/screen.ts";
import { ProbeError } from "./probe.ts";
import { PROBES } from "./probes.ts";
import { makeReport, type ProbeReport, settingOf, summary } from "./report.ts";
import { sendTraffic } from "./traffic.ts";
import { type Outcome, runProbe } from "./watchdog.ts";

/** Longest time of one probe, in milliseconds: ten times what the slowest takes on a busy machine. */
const LIMIT_MS = 20_000;

const INTRODUCTION = "vswitch self-test: does this system do what the switch relies on?\n";

/** Where it writes to. */
export interface Outputs {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const STANDARD: Outputs = {
  out: writeStdout,
  err: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
};

/**
 * Run every probe and print what they found: a line each, or with `json` one line of JSON.
 *
 * @returns 0, or 1 when a probe failed
 * @throws Failure when there is no place for its sockets, or a signal ends it
 */
export async function selfTest(
  program: Program,
  json: boolean,
  { out, err }: Outputs = STANDARD,
): Promise<Exit> {
  const color = !json && Deno.stdout.isTerminal() && !Deno.noColor;
  const screen = new Screen(json ? () => {} : out, color);
  const folder = await temporaryFolder("vswitch-self-test-");
  using signals = new Signals();
  const stopped = signals.stop.then((signal): never => {
    throw new Failure(`The self-test was ended by ${signal}`, Exit.FAILED);
  });
  try {
    screen.say(INTRODUCTION);
    const probes = await Promise.race([probeAll(program.url, folder, screen), stopped]);
    const report = makeReport(settingOf(program.version), probes);
    if (json) out(JSON.stringify(report) + "\n");
    else screen.say(`\n${summary(report)}`);
    if (json && !report.ok) err(`vswitch: ${summary(report)}\n`);
    return report.ok ? Exit.OK : Exit.FAILED;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function probeAll(url: string, folder: string, screen: Screen): Promise<ProbeReport[]> {
  const reports: ProbeReport[] = [];
  let hangs: string | undefined;
  for (const { name, label } of PROBES) {
    const start = performance.now();
    const outcome = await show(screen, label, () => runProbe(url, name, folder, LIMIT_MS));
    const { ok, details } = outcome;
    if ("hangs" in outcome) hangs = name;
    const ms = Math.round(performance.now() - start);
    reports.push({ name, ok, ms, details, figures: outcome.ok ? outcome.figures : {} });
  }
  reports.push(await traffic(url, folder, screen, hangs));
  return reports;
}

async function show(
  screen: Screen,
  label: string,
  run: () => Promise<Outcome>,
): Promise<Outcome> {
  let outcome: Outcome | undefined;
  try {
    return await screen.step(label, async () => {
      outcome = await run();
      if (!outcome.ok) throw new ProbeError(outcome.details);
      return [outcome, outcome.details];
    });
  } catch (error) {
    if (outcome === undefined) throw error;
    return outcome;
  }
}

async function traffic(
  url: string,
  folder: string,
  screen: Screen,
  hangs: string | undefined,
): Promise<ProbeReport> {
  const name = "traffic";
  if (hangs !== undefined) {
    const details = `not tried, since probe ${hangs} did not end`;
    return { name, ok: false, ms: 0, details, figures: {} };
  }
  const start = performance.now();
  const { steps, error } = await sendTraffic(url, folder, screen);
  const ms = Math.round(performance.now() - start);
  const details = error ?? `${steps.length} steps of the demo, every frame accounted for`;
  return { name, ok: error === undefined, ms, details, figures: { steps: steps.length }, steps };
}
