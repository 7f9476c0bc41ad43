/**
 * Reachability and round-trip time between two hosts.
 *
 * @module
 */
import { DemoError } from "./demo_error.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { formatIp, type Station } from "./station.ts";

/** How long an answer may take, in milliseconds, and how often a question is asked. */
const ANSWER_MS = 1000;
const ASKS = 3;
/** Between two pings, in milliseconds: long enough that each finds the switch asleep. */
const INTERVAL_MS = 10;

/** Round-trip times in milliseconds. */
export interface RoundTrips {
  readonly count: number;
  readonly min: number;
  readonly avg: number;
  readonly max: number;
}

/** Find out by ARP who has the address of `other`. */
export async function resolve(lab: Lab, host: Host, other: Station): Promise<Station> {
  const known = () => host.neighbour(other.ip) !== undefined;
  for (let ask = 0; ask < ASKS && !known(); ask++) {
    host.ask(other.ip);
    await lab.serveUntil(known, ANSWER_MS);
  }
  const found = host.neighbour(other.ip);
  if (found !== undefined) return found;
  throw new DemoError(
    `host ${host.name} asked ${ASKS} times who has ${formatIp(other.ip)}: no answer`,
  );
}

/** Ping `count` times; every one has to be answered. */
export async function pingAll(
  lab: Lab,
  host: Host,
  to: Station,
  count: number,
): Promise<RoundTrips> {
  const times: number[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    await lab.serveUntil(() => false, INTERVAL_MS);
    await lab.breathe(true);
    const start = lab.kernel.now();
    host.ping(to, Deno.pid & 0xffff, sequence);
    if (!await lab.serveUntil(() => host.answered === sequence, ANSWER_MS)) {
      throw new DemoError(`ping ${sequence} of ${count} was not answered within ${ANSWER_MS} ms`);
    }
    times.push(lab.kernel.now() - start);
  }
  const sum = times.reduce((a, b) => a + b, 0);
  return { count, min: Math.min(...times), avg: sum / count, max: Math.max(...times) };
}
