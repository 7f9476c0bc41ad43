/**
 * How long two guests could not reach each other, as they saw it.
 *
 * @module
 */
import type { Guest } from "./guest.ts";

/** Time between two probes. */
const PROBE_SECONDS = 0.1;

/** What a running series of pings saw. */
export interface Probes {
  readonly sent: number;
  readonly answered: number;
  /** Longest time without an answer in seconds, to 0.1 s; the whole time when nothing was answered. */
  readonly gap: number;
  /** Whether the last second had answers: traffic runs at the end. */
  readonly wellAtEnd: boolean;
}

/** Ping ten times a second for `seconds`; await the result afterwards. */
export async function probe(from: Guest, to: Guest, seconds: number): Promise<Probes> {
  const { output } = await from.run(
    `ping -i ${PROBE_SECONDS} -w ${seconds} ${to.ip}`,
    seconds + 15,
  );
  const sent = Number(output.match(/(\d+) packets transmitted/)?.[1]);
  if (!(sent > 0)) throw new Error(`ping said: ${output}`);
  const answered = [...output.matchAll(/seq=(\d+)/g)].map((match) => Number(match[1]));
  const marks = [-1, ...answered, sent];
  const holes = marks.slice(1).map((mark, i) => mark - marks[i]);
  return {
    sent,
    answered: new Set(answered).size,
    gap: Math.max(...holes) * PROBE_SECONDS,
    wellAtEnd: (answered.at(-1) ?? -1) >= sent - 1 / PROBE_SECONDS,
  };
}
