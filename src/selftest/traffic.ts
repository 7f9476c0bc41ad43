/**
 * The last probe: frames through a real switch, by the demo's hosts.
 *
 * It shows that the pieces the other probes looked at work together.
 *
 * @module
 */
import { formatText } from "../control/log.ts";
import { Failure } from "../control/failure.ts";
import { DemoError } from "../demo/demo_error.ts";
import type { Steps } from "../demo/screen.ts";
import { Tour } from "../demo/tour.ts";
import type { StepReport } from "./report.ts";

/** Length of its throughput runs together, in seconds. */
const SECONDS = 0.8;

/** What the traffic showed; `error` is the reason it went wrong. */
export interface Traffic {
  readonly steps: readonly StepReport[];
  readonly error?: string;
}

/** Take the demo's tour; `url` is the main module's, `folder` is for its sockets. */
export async function sendTraffic(url: string, folder: string): Promise<Traffic> {
  const steps: StepReport[] = [], warnings: string[] = [];
  const recorder: Steps = {
    step: async (label, action) => {
      try {
        const [value, result] = await action();
        steps.push({ step: label, ok: true, result });
        return value;
      } catch (error) {
        const result = error instanceof Error ? error.message : String(error);
        steps.push({ step: label, ok: false, result });
        throw error;
      }
    },
  };
  try {
    await new Tour(url, SECONDS, recorder, folder).run((entry) => {
      if (entry.level !== "debug" && entry.level !== "info") {
        warnings.push(formatText(entry, false));
      }
    });
    return { steps };
  } catch (error) {
    if (!(error instanceof DemoError || error instanceof Failure)) throw error;
    const last = steps.findLast(({ ok }) => !ok)?.step ?? "the end";
    return { steps, error: [`${last}: ${error.message}`, ...warnings].join("; ") };
  }
}
