/**
 * Faults: what the fake kernel does instead of succeeding.
 *
 * A script names a call and which of its calls fail; random mode rolls a die with a seed, so that a
 * failing run can be repeated. Random faults are those a healthy machine can show at any time; what
 * means that a peer is gone comes from a script, or from really killing the peer.
 *
 * @module
 */
import { Errno } from "../../src/platform/errno.ts";
import type { Kernel } from "../../src/platform/kernel.ts";
import type { Sharing } from "../../src/platform/sharing.ts";

type NumberMethod<T> = {
  [K in keyof T]-?: T[K] extends (...args: never[]) => number ? K : never;
}[keyof T];

/** A call that can fail. `writable` is no call: a fault there loses one WRITE event, as Darwin's kqueue does. */
export type FaultCall =
  | Exclude<NumberMethod<Kernel> | NumberMethod<Sharing>, "now">
  | "writable";

/** Which calls are hit and how. Without `nth` and `every`, each one is. */
export interface FaultRule {
  /** Only calls on this descriptor. */
  readonly fd?: number;
  /** Only the n-th matching call, counted from 1 when the rule is made. */
  readonly nth?: number;
  /** Every n-th matching call. */
  readonly every?: number;
  /** Error number; one the call cannot have, such as 999, stands for a runtime that overwrote errno. */
  readonly error?: number;
  /** Do less: messages of a batch, or bytes of a stream. */
  readonly short?: number;
}

/** What a call is to do: fail with `error`, or do at most `short`. */
export type Strike = Pick<FaultRule, "error" | "short">;

const transient: Strike[] = [
  { error: Errno.EAGAIN },
  { error: Errno.EINTR },
  { error: Errno.ENOBUFS },
  { error: Errno.ENOMEM },
  { error: 999 },
  { short: 1 },
];

const RANDOM: Partial<Record<FaultCall, readonly Strike[]>> = {
  receive: transient,
  send: transient,
  read: transient,
  write: [...transient, { short: 3 }, { short: 700 }],
  receiveFrom: [{ error: Errno.EAGAIN }, { error: Errno.EINTR }],
  accept: [
    { error: Errno.EAGAIN },
    { error: Errno.EINTR },
    { error: Errno.EMFILE },
    { error: Errno.ECONNABORTED },
  ],
  wait: [{ error: Errno.EINTR }],
  writable: [{}],
};

/** A number in [0, 1) per call, the same row for the same seed (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The script of one fake kernel. */
export class Faults {
  /** How often each call was hit: a test of a fault asserts that it happened. */
  readonly struck: Map<FaultCall, number> = new Map();
  #rules: { call: FaultCall; rule: FaultRule; seen: number }[] = [];
  #roll: () => number = () => 1;
  #probability = 0;
  #calls: readonly FaultCall[] = [];

  /** Add a rule; of several that match a call, the first made wins. */
  on(call: FaultCall, rule: FaultRule): void {
    if (rule.error === undefined && rule.short === undefined && call !== "writable") {
      throw new Error(
        `Cannot script a fault of ${call}(): it has neither an error nor a short count`,
      );
    }
    if (rule.error === 0) {
      throw new Error(`Cannot script errno 0: -0 would read as success; ask for 999 instead`);
    }
    this.#rules.push({ call, rule, seen: 0 });
  }

  /** From now on, each call fails with `probability`; `calls` narrows them down. */
  random(
    seed: number,
    probability: number,
    calls: readonly FaultCall[] = Object.keys(RANDOM) as FaultCall[],
  ): void {
    this.#roll = dice(seed);
    this.#probability = probability;
    this.#calls = calls;
  }

  /** No more faults. */
  clear(): void {
    this.#rules = [];
    this.#probability = 0;
  }

  /** What the fake asks before each call. */
  strike(call: FaultCall, fd: number): Strike | undefined {
    const strike = this.#scripted(call, fd) ?? this.#rolled(call);
    if (strike !== undefined) this.struck.set(call, (this.struck.get(call) ?? 0) + 1);
    return strike;
  }

  #scripted(call: FaultCall, fd: number): Strike | undefined {
    let hit: Strike | undefined;
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (entry.call !== call || (rule.fd !== undefined && rule.fd !== fd)) continue;
      entry.seen++;
      if (rule.nth !== undefined && entry.seen !== rule.nth) continue;
      if (rule.every !== undefined && entry.seen % rule.every !== 0) continue;
      hit ??= rule;
    }
    return hit;
  }

  #rolled(call: FaultCall): Strike | undefined {
    if (this.#probability === 0 || !this.#calls.includes(call)) return undefined;
    const choices = RANDOM[call];
    if (choices === undefined) {
      throw new Error(`Cannot fail ${call}() at random: script it instead`);
    }
    if (this.#roll() >= this.#probability) return undefined;
    return choices[Math.floor(this.#roll() * choices.length)];
  }
}
