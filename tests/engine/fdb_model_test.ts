/**
 * The forwarding database against a naive one made of a Map.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Fdb, Learned, UNKNOWN } from "../../src/engine/fdb.ts";

const SEED = Int32Array.of(0x1234_5678, -0x0765_4321);

interface Entry {
  readonly key: string;
  port: number;
  seen: number;
}

/** The same rules with a Map in order of last use: no chains, no lists, nothing to go wrong. */
class NaiveFdb {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: number[];
  readonly #capacity: number;
  movedFrom = 0;

  constructor(capacity: number, ports: number) {
    this.#capacity = capacity;
    this.#limits = new Array(ports).fill(capacity);
  }

  get size(): number {
    return this.#entries.size;
  }

  of(port: number): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.port === port);
  }

  setLimit(port: number, entries: number): void {
    this.#limits[port] = entries;
  }

  lookup(key: string): number {
    return this.#entries.get(key)?.port ?? UNKNOWN;
  }

  learn(key: string, port: number, now: number): Learned {
    const entry = this.#entries.get(key);
    if (entry?.port === port) {
      if (entry.seen !== now) this.#use(entry, port, now);
      return Learned.KNOWN;
    }
    if (this.of(port).length >= this.#limits[port]) return Learned.REFUSED;
    if (entry !== undefined) {
      this.movedFrom = entry.port;
      this.#use(entry, port, now);
      return Learned.MOVED;
    }
    if (this.size === this.#capacity) this.#entries.delete(this.of(this.#crowded(port))[0].key);
    this.#use({ key, port, seen: now }, port, now);
    return Learned.NEW;
  }

  forget(port: number): void {
    for (const { key } of this.of(port)) this.#entries.delete(key);
  }

  age(now: number, seconds: number): void {
    for (const { key, seen } of [...this.#entries.values()]) {
      if (now - seen >= seconds) this.#entries.delete(key);
    }
  }

  /** The port with most entries; the one that asks loses ties, then the lowest number wins. */
  #crowded(asking: number): number {
    const order = this.#limits.map((_, port) => port).sort((a, b) =>
      this.of(b).length - this.of(a).length || Number(a === asking) - Number(b === asking) || a - b
    );
    return order[0];
  }

  #use(entry: Entry, port: number, now: number): void {
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, { ...entry, port, seen: now });
  }
}

/** Addresses of the model test: a few, in two VLANs, so that they collide and move. */
const HIGHS = [0x5254, 0xffff, (1 << 16) | 0x5254, (4095 << 16) | 0xfeff];
const LOWS = [0, 1, -1, 0x7fff_ffff, -0x8000_0000, 0x0012_3456];

type Step =
  | { readonly learn: readonly [high: number, low: number, port: number] }
  | { readonly forget: number }
  | { readonly limit: readonly [port: number, entries: number] }
  | { readonly wait: number }
  | { readonly age: number };

function stepOf(ports: number): fc.Arbitrary<Step> {
  const port = fc.nat(ports - 1);
  const learn = fc.tuple(fc.constantFrom(...HIGHS), fc.constantFrom(...LOWS), port);
  return fc.oneof(
    { weight: 20, arbitrary: fc.record({ learn }) },
    { weight: 3, arbitrary: fc.record({ wait: fc.constantFrom(1, 1, 2, 100, 299) }) },
    { weight: 1, arbitrary: fc.record({ forget: port }) },
    { weight: 1, arbitrary: fc.record({ age: fc.constantFrom(1, 2, 300) }) },
    { weight: 1, arbitrary: fc.record({ limit: fc.tuple(port, fc.constantFrom(0, 1, 3, 10)) }) },
  );
}

/** Run the steps on both and compare everything that can be seen after each. */
function compare(capacity: number, ports: number, steps: readonly Step[]): void {
  const fdb = new Fdb(capacity, ports, SEED), naive = new NaiveFdb(capacity, ports);
  let now = 0;
  for (const step of steps) {
    if ("learn" in step) {
      const [high, low, port] = step.learn;
      assertEquals(
        fdb.learn(high, low, port, now),
        naive.learn(`${high} ${low}`, port, now),
        `learn ${step.learn}`,
      );
      assertEquals(fdb.movedFrom, naive.movedFrom);
    } else if ("forget" in step) fdb.forget(step.forget), naive.forget(step.forget);
    else if ("limit" in step) fdb.setLimit(...step.limit), naive.setLimit(...step.limit);
    else if ("wait" in step) now += step.wait;
    else fdb.age(now, step.age), naive.age(now, step.age);
    assertEquals(fdb.size, naive.size);
    for (let port = 0; port < ports; port++) {
      assertEquals(fdb.countOf(port), naive.of(port).length);
    }
    for (const high of HIGHS) {
      for (const low of LOWS) assertEquals(fdb.lookup(high, low), naive.lookup(`${high} ${low}`));
    }
  }
}

Deno.test("Fdb keeps to the naive model", () => {
  const run = fc.integer({ min: 3, max: 6 }).chain((ports) =>
    fc.tuple(fc.constant(ports), fc.array(stepOf(ports), { maxLength: 120 }))
  );
  fc.assert(
    fc.property(run, ([ports, steps]) => compare(10, ports, steps)),
    { numRuns: 300 },
  );
});
