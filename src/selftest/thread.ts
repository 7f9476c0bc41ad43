/**
 * The threads of the self-test: one for each probe, and the one that answers calls.
 *
 * A Worker of this program is the engine unless its name says that it is one of these (main.ts looks). What it is
 * to do is in its name, so no message can be lost before somebody listens; its answer is one message.
 *
 * @module
 */
import { Ready } from "../platform/kernel.ts";
import { openKernel } from "../platform/mod.ts";
import { type Finding, type Probe, ProbeError } from "./probe.ts";
import { PROBES } from "./probes.ts";
import { startProcess } from "./sleeper.ts";
import { THREAD } from "./thread_name.ts";

/** Address space for a probe's datagrams, and of the thread that sends none. */
const ARENA_BYTES = 32 << 20, SMALL_ARENA_BYTES = 1 << 20;
/** Silence after which the answering thread ends, in microseconds. */
const SILENCE_US = 2_000_000;

/** What a thread is to do. */
export type Task =
  | { readonly kind: "probe"; readonly probe: string; readonly folder: string }
  | {
    readonly kind: "echo";
    readonly call: number;
    readonly back: number;
    readonly rounds: number;
  };

/** How a probe ended; of a fault of ours `details` is the stack. */
export type Answer =
  | { readonly ok: true } & Finding
  | { readonly ok: false; readonly details: string };

/** The part of a worker's global scope that is used. */
export interface Scope {
  readonly name: string;
  postMessage(answer: Answer): void;
  close(): void;
}

/**
 * Run a probe in a thread of this process; a call that blocks lets the answer wait for ever.
 *
 * @param url main module
 */
export async function askThread(url: string, task: Task & { kind: "probe" }): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const worker = startThread(url, task);
  worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
  worker.onerror = (error) => {
    error.preventDefault(); // or it would end this process
    resolve({ ok: false, details: error.message });
  };
  const answer = await promise;
  worker.terminate();
  return answer;
}

function startThread(url: string, task: Task): Worker {
  return new Worker(url, { type: "module", name: THREAD + JSON.stringify(task) });
}

/** Do in this thread what its name says, and end it. */
export function runThread(scope: Scope, url: string): void {
  const task = JSON.parse(scope.name.slice(THREAD.length)) as Task;
  if (task.kind === "echo") answerCalls(task);
  else scope.postMessage(probe(task, url));
  scope.close();
}

function probe({ probe, folder }: Task & { kind: "probe" }, url: string): Answer {
  const kernel = openKernel(ARENA_BYTES);
  try {
    const wanted = PROBES.find(({ name }) => name === probe)!;
    return ask(wanted, {
      kernel,
      folder,
      echo: (call, back, rounds) => void startThread(url, { kind: "echo", call, back, rounds }),
      link: (path, target) => Deno.symlinkSync(target, path),
      startProcess,
    });
  } finally {
    kernel.dispose();
  }
}

/** Run a probe here; what it found out, or why not. */
export function ask(probe: Probe, bench: Parameters<Probe["run"]>[0]): Answer {
  try {
    return { ok: true, ...probe.run(bench) };
  } catch (error) {
    if (error instanceof ProbeError) return { ok: false, details: error.message };
    const details = error instanceof Error ? error.stack ?? error.message : String(error);
    return { ok: false, details };
  }
}

/** Answer every call by one of our own; see `Bench.echo`. */
function answerCalls({ call, back, rounds }: Task & { kind: "echo" }): void {
  const kernel = openKernel(SMALL_ARENA_BYTES);
  kernel.watch(call, 0, Ready.READ);
  kernel.wake(back);
  for (let round = 0; round < rounds; round++) {
    if (kernel.wait(SILENCE_US) === 0) break;
    if (kernel.takeWakes(call) > 0) kernel.wake(back);
  }
  kernel.dispose();
}
