/**
 * A probe with a limit of time that holds whatever the probe does.
 *
 * A call that blocks cannot be ended from within its process. So the probe has a thread of its own, and when
 * it does not answer in time that is its result; the thread is left behind and ends with the process.
 *
 * @module
 */
import { type Answer, startThread } from "./thread.ts";

/** How a probe ended. `hangs`: it did not; a call of it blocks. */
export type Outcome = Answer | {
  readonly ok: false;
  readonly details: string;
  readonly hangs: true;
};

/**
 * Run a probe in a thread.
 *
 * @param url main module
 * @param folder an empty folder for its sockets
 */
export async function runProbe(
  url: string,
  probe: string,
  folder: string,
  milliseconds: number,
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const worker = startThread(url, { kind: "probe", probe, folder });
  worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
  worker.onerror = (error) => {
    error.preventDefault(); // or it would be thrown here, past the other probes
    resolve({ ok: false, details: error.message });
  };
  const timer = setTimeout(() => {
    const details = `it did not end within ${milliseconds / 1000} s: a call waits that must not`;
    resolve({ ok: false, details, hangs: true });
  }, milliseconds);
  const outcome = await promise;
  clearTimeout(timer);
  if (!("hangs" in outcome)) worker.terminate();
  return outcome;
}
