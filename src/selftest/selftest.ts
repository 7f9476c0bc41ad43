/**
 * `vswitch self-test`: does this system do what the switch believes of it?
 *
 * Most of what differs between systems was read in their sources and not seen on their machines. This asks the
 * machine: each probe one question, then the demo's traffic through a real switch. A user can run it
 * anywhere in a few seconds and paste one line; a build server runs it on every system there is.
 * What is wrong may end the process that finds it out, so each question has a process of its own and this one only
 * asks (ask_process.ts); that process runs the same code below for its one question (ask_here.ts).
 *
 * @module
 */
import { Exit, Failure } from "../control/failure.ts";
import type { Program } from "../control/run.ts";
import { Signals } from "../control/signals.ts";
import { Screen, writeStdout } from "../demo/screen.ts";
import { askHere } from "./ask_here.ts";
import { askProcess } from "./ask_process.ts";
import { ProbeError } from "./probe.ts";
import { type Question, QUESTIONS } from "./questions.ts";
import { makeReport, type Outcome, type ProbeReport, settingOf, summary } from "./report.ts";
import { socketFolder } from "./socket_folder.ts";

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

/** What is asked, and how it is shown. */
export interface SelfTest {
  /** One line of JSON instead of a line for each question. */
  readonly json: boolean;
  /** Name of the one question to ask, in this process; without it all are, each in its own. */
  readonly only?: string;
}

/** Asks a question; soon after `stop` is aborted it answers, whatever it may be. */
type Ask = (question: Question, stop: AbortSignal) => Promise<Outcome>;

/**
 * Ask and print the answers. A signal ends it; what was found out by then is printed all the same as JSON.
 *
 * @returns 0, or 1 when a question got a wrong answer
 * @throws Failure when there is no place for its sockets, or a signal ends it
 */
export async function selfTest(
  program: Program,
  { json, only }: SelfTest,
  { out, err }: Outputs = STANDARD,
): Promise<Exit> {
  const folder = await socketFolder(only === undefined), { url } = program;
  using signals = new Signals();
  const stop = new AbortController(), probes: ProbeReport[] = [];
  const ask: Ask = only === undefined
    ? (question, stop) => askProcess({ url, folder }, question, stop)
    : (question, stop) => askHere(url, folder, question, stop);
  const say = (text: string) => void (json || stop.signal.aborted || out(text));
  const screen = new Screen(say, !json && Deno.stdout.isTerminal() && !Deno.noColor);
  screen.say(INTRODUCTION);
  const questions = QUESTIONS.filter(({ name }) => only === undefined || name === only);
  const asking = askAll(questions, ask, screen, probes, stop.signal);
  try {
    const endedBy = await Promise.race([asking.then(() => undefined), signals.stop]);
    const report = makeReport(settingOf(program.version), probes, endedBy);
    if (json) out(JSON.stringify(report) + "\n");
    if (endedBy !== undefined) {
      throw new Failure(`The self-test was ended by ${endedBy}`, Exit.FAILED);
    }
    screen.say(`\n${summary(report)}`);
    if (json && !report.ok) err(`vswitch: ${summary(report)}\n`);
    return report.ok ? Exit.OK : Exit.FAILED;
  } finally {
    stop.abort();
    await Promise.allSettled([asking]);
    await Deno.remove(folder, { recursive: true });
  }
}

async function askAll(
  questions: readonly Question[],
  ask: Ask,
  screen: Screen,
  probes: ProbeReport[],
  stop: AbortSignal,
): Promise<void> {
  for (const question of questions) {
    const start = performance.now();
    const outcome = await show(screen, question.label, () => ask(question, stop));
    if (stop.aborted) return;
    const { ok, details, figures, steps = [] } = outcome;
    const ms = Math.round(performance.now() - start);
    for (const { step, ok, result } of steps) {
      screen.say(`      ${ok ? "" : "FAILED: "}${step}${result === "" ? "" : `: ${result}`}`);
    }
    probes.push({
      ...{ name: question.name, ok, ms, details, figures },
      ...steps.length === 0 ? {} : { steps },
    });
  }
}

/** Show a question and whether its answer is the right one. */
async function show(screen: Screen, label: string, ask: () => Promise<Outcome>): Promise<Outcome> {
  let outcome: Outcome | undefined;
  try {
    return await screen.step(label, async () => {
      outcome = await ask();
      if (!outcome.ok) throw new ProbeError(outcome.details);
      return [outcome, outcome.details];
    });
  } catch (error) {
    if (outcome === undefined) throw error;
    return outcome;
  }
}
