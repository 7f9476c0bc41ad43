/**
 * A question asked in a process of its own.
 *
 * What a wrong structure does over a foreign call is seldom an error: the process is gone, or waits for ever. So the one
 * that reports makes no such call itself. It starts this program again for each question (`--only`), and a
 * process that ends without an answer is the answer. Nothing a question leaves behind reaches the next one.
 *
 * @module
 */
import { startOfOurselves } from "./ourselves.ts";
import type { Question } from "./questions.ts";
import type { Outcome, Report } from "./report.ts";

/** Characters kept of what a process writes, and shown of what it wrote last. */
const KEPT = 64 << 10, SHOWN = 500;
/** How long a process that was killed may take to end, in milliseconds; one in the kernel may never. */
const KILL_MS = 1000;
/**
 * Ctrl-C is for all processes of a terminal: when one was asked to end, so are we, soon after. In milliseconds;
 * until then its end is no result.
 */
const ASKED_TOO_MS = 500;

/** Whom to start, and where. */
export interface Place {
  /** Main module. */
  readonly url: string;
  /** Folder for what it leaves behind: its TMPDIR. */
  readonly folder: string;
}

/** What is known of a process that has ended. */
interface End {
  readonly status: Deno.CommandStatus;
  readonly out: string;
  readonly err: string;
}

/** Ask; when `stop` is aborted, or after the question's limit, its process is killed. */
export async function askProcess(
  place: Place,
  question: Question,
  stop: AbortSignal,
): Promise<Outcome> {
  let child: Deno.ChildProcess;
  try {
    child = start(place, question.name);
  } catch (error) {
    return failed(`cannot start this program again: ${(error as Error).message}`);
  }
  const limit = new Limit(child, question.limitMs);
  stop.addEventListener("abort", limit.kill);
  try {
    const end = await Promise.race([ended(child), limit.passed]);
    if (end === undefined) return failed(`${limit.words}, and its process cannot be killed`);
    return limit.isOver ? failed(limit.words) : await judge(question.name, end);
  } finally {
    stop.removeEventListener("abort", limit.kill);
    limit.cancel();
  }
}

function start({ url, folder }: Place, name: string): Deno.ChildProcess {
  const { program, args } = startOfOurselves(url);
  return new Deno.Command(program, {
    args: [...args, "self-test", "--json", "--only", name],
    env: { TMPDIR: folder, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(child: Deno.ChildProcess): Promise<End> {
  const ends = [child.status, tail(child.stdout), tail(child.stderr)] as const;
  const [status, out, err] = await Promise.all(ends);
  return { status, out, err };
}

/** The last of what is written. */
async function tail(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + part).slice(-KEPT);
  }
  return text;
}

/** The limit of a process's time. */
class Limit {
  isOver = false;
  /** Resolves when the process should have been killed, and is still there. */
  readonly passed: Promise<undefined>;
  readonly words: string;
  readonly #child: Deno.ChildProcess;
  readonly #giveUp: (nothing: undefined) => void;
  #timer: ReturnType<typeof setTimeout>;

  constructor(child: Deno.ChildProcess, milliseconds: number) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.passed = promise;
    this.words = `it did not end within ${milliseconds / 1000} s: a call waits that must not`;
    this.#child = child;
    this.#giveUp = resolve;
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.kill();
    }, milliseconds);
  }

  /** Kill the process, and do not wait for its end for long. */
  readonly kill = (): void => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#giveUp, KILL_MS, undefined);
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      const hasEnded = error instanceof TypeError || error instanceof Deno.errors.NotFound;
      if (!hasEnded) throw error;
    }
  };

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

/** What a process's end says of its question. */
async function judge(name: string, { status, out, err }: End): Promise<Outcome> {
  const report = readReport(out);
  const probe = report?.probes.find((each) => each.name === name);
  if (probe !== undefined && probe.ok === status.success) return probe; // else it ended otherwise
  const signal = status.signal ?? report?.endedBy;
  if (signal === "SIGINT" || signal === "SIGTERM") {
    await new Promise((resolve) => setTimeout(resolve, ASKED_TOO_MS));
  }
  const how = signal === undefined
    ? `ended with exit code ${status.code}`
    : `was ended by ${signal}`;
  const wrote = printable(err);
  return failed(`its process ${how}${wrote === "" ? "" : `; the last it wrote is: ${wrote}`}`);
}

/** The line of a report; undefined for anything else. */
function readReport(line: string): Report | undefined {
  try {
    const report = JSON.parse(line) as Partial<Report> | null;
    return report?.event === "self-test" ? report as Report : undefined;
  } catch {
    return undefined;
  }
}

/** The end of a text, in one line and without anything that a terminal would obey. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is taken out
  const plain = text.replace(/\x1b\[[\d;]*m/g, "").replace(/[\x00-\x20\x7f-\x9f]+/g, " ").trim();
  return plain.length > SHOWN ? `... ${plain.slice(-SHOWN)}` : plain;
}

function failed(details: string): Outcome {
  return { ok: false, details, figures: {} };
}
