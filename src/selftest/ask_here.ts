/**
 * A question asked in this process: what `--only` does, for the process that reports, and for a debugger.
 *
 * Nothing limits its time here. Who waits can end us, and who looks for the call that waits wants it to.
 *
 * @module
 */
import { type Question, TRAFFIC } from "./questions.ts";
import type { Outcome } from "./report.ts";
import { askThread } from "./thread.ts";
import { sendTraffic } from "./traffic.ts";

/**
 * Ask; a probe has a thread of its own, as the engine has, since a system may treat the main thread better. When
 * `stop` is aborted the answer is of no worth, and does not let wait.
 *
 * @param url main module
 * @param folder an empty folder for its sockets
 */
export function askHere(
  url: string,
  folder: string,
  { name }: Question,
  stop: AbortSignal,
): Promise<Outcome> {
  const { promise: stopped, resolve } = Promise.withResolvers<Outcome>();
  stop.addEventListener("abort", () => resolve({ ok: false, details: "stopped", figures: {} }));
  return Promise.race([
    name === TRAFFIC ? traffic(url, folder) : probe(url, folder, name),
    stopped,
  ]);
}

async function probe(url: string, folder: string, name: string): Promise<Outcome> {
  return { figures: {}, ...await askThread(url, { kind: "probe", probe: name, folder }) };
}

async function traffic(url: string, folder: string): Promise<Outcome> {
  const { steps, error } = await sendTraffic(url, folder);
  const details = error ?? `${steps.length} steps of the demo, every frame accounted for`;
  return { ok: error === undefined, details, figures: { steps: steps.length }, steps };
}
