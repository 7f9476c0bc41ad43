/**
 * The forwarding database: which port a MAC address was last seen behind.
 *
 * Flat typed arrays: a seeded hash with chains, and per port a list in order of last use. The lists give
 * three things in constant time: aging looks only at the oldest entries, forgetting a port touches only
 * its own, and eviction can be fair. When the table is full, the entry to go is the least recently used
 * one of the port that has the most (Open vSwitch's rule): a VM that invents addresses pushes out its own
 * and can never make the switch flood somebody else's frames past it.
 *
 * Keys are 16 high bits of the address below a 12-bit VLAN identifier, and its 32 low bits.
 *
 * @module
 */

/** Answer of {@linkcode Fdb.learn}. */
export const Learned = { KNOWN: 0, NEW: 1, MOVED: 2, REFUSED: 3 } as const;
/** One of {@linkcode Learned}. */
export type Learned = typeof Learned[keyof typeof Learned];

/** Entries of the table: Open vSwitch's default (mac-table-size 8192). */
export const FDB_ENTRIES = 8192;
/** An address not heard for this long is forgotten (IEEE 802.1Q 8.8.3 recommends 300 s). */
export const AGING_SECONDS = 300;
/** {@linkcode Fdb.lookup}: nobody has this address. */
export const UNKNOWN = -1;

const NONE = -1;

/** See the head of this file. */
export class Fdb {
  readonly #capacity: number;
  readonly #mask: number;
  readonly #seed: Int32Array;
  readonly #buckets: Int32Array;
  // by entry
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  readonly #port: Int32Array;
  readonly #seen: Int32Array;
  readonly #next: Int32Array; // hash chain, or free list
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  // by port
  readonly #oldest: Int32Array;
  readonly #newest: Int32Array;
  readonly #count: Int32Array;
  readonly #limit: Int32Array;
  /** Entries in use, head of the free list, ports that ever had an entry (the highest + 1). */
  readonly #state = new Int32Array(3);
  /** Port an address moved away from, after learn() answered MOVED. */
  movedFrom = 0;

  /**
   * @param capacity entries
   * @param ports handles 0 .. ports-1
   * @param seed two random words, so that a VM cannot choose addresses that collide
   */
  constructor(capacity: number, ports: number, seed: Int32Array) {
    this.#capacity = capacity;
    this.#seed = seed;
    const buckets = 2 ** Math.ceil(Math.log2(capacity * 2));
    this.#mask = buckets - 1;
    this.#buckets = new Int32Array(buckets).fill(NONE);
    this.#high = new Int32Array(capacity);
    this.#low = new Int32Array(capacity);
    this.#port = new Int32Array(capacity);
    this.#seen = new Int32Array(capacity);
    this.#next = Int32Array.from({ length: capacity }, (_, i) => i + 1 < capacity ? i + 1 : NONE);
    this.#older = new Int32Array(capacity);
    this.#newer = new Int32Array(capacity);
    this.#oldest = new Int32Array(ports).fill(NONE);
    this.#newest = new Int32Array(ports).fill(NONE);
    this.#count = new Int32Array(ports);
    this.#limit = new Int32Array(ports).fill(capacity);
  }

  /** Entries in use. */
  get size(): number {
    return this.#state[0];
  }

  /** Entries behind a port. */
  countOf(port: number): number {
    return this.#count[port];
  }

  /** Most entries a port may have; more are refused, its frames are still forwarded. */
  setLimit(port: number, entries: number): void {
    this.#limit[port] = entries;
  }

  /** Port of an address, or {@linkcode UNKNOWN}. `high` is `vid << 16 | upper 16 bits`. */
  lookup(high: number, low: number): number {
    const entry = this.#find(high, low);
    return entry === NONE ? UNKNOWN : this.#port[entry];
  }

  /**
   * An address was seen as source behind `port`.
   *
   * @param now seconds, any origin, never decreasing
   */
  learn(high: number, low: number, port: number, now: number): Learned {
    const entry = this.#find(high, low);
    if (entry === NONE) return this.#insert(high, low, port, now);
    if (this.#port[entry] !== port) return this.#move(entry, port, now);
    if (this.#seen[entry] !== now) this.#touch(entry, now);
    return Learned.KNOWN;
  }

  /** Forget every address behind a port. */
  forget(port: number): void {
    while (this.#oldest[port] !== NONE) this.#remove(this.#oldest[port]);
  }

  /** Forget what was not heard for `seconds`. Costs only what it forgets, and one look per port. */
  age(now: number, seconds: number): void {
    for (let port = 0; port < this.#state[2]; port++) {
      for (;;) {
        const entry = this.#oldest[port];
        if (entry === NONE || now - this.#seen[entry] < seconds) break;
        this.#remove(entry);
      }
    }
  }

  #bucket(high: number, low: number): number {
    let h = Math.imul(low ^ this.#seed[0], 0x9e3779b1) ^
      Math.imul(high ^ this.#seed[1], 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    return (h ^ (h >>> 13)) & this.#mask;
  }

  #find(high: number, low: number): number {
    let entry = this.#buckets[this.#bucket(high, low)];
    while (entry !== NONE && (this.#low[entry] !== low || this.#high[entry] !== high)) {
      entry = this.#next[entry];
    }
    return entry;
  }

  #insert(high: number, low: number, port: number, now: number): Learned {
    if (this.#count[port] >= this.#limit[port]) return Learned.REFUSED;
    if (this.#state[0] === this.#capacity) this.#remove(this.#oldest[this.#crowdedPort(port)]);
    const entry = this.#state[1];
    this.#state[1] = this.#next[entry];
    this.#state[0]++;
    this.#high[entry] = high;
    this.#low[entry] = low;
    const bucket = this.#bucket(high, low);
    this.#next[entry] = this.#buckets[bucket];
    this.#buckets[bucket] = entry;
    this.#link(entry, port, now);
    return Learned.NEW;
  }

  /** The port with the most entries; among equals not the one that asks, so that it gains its fair share. */
  #crowdedPort(asking: number): number {
    let best = asking;
    for (let port = 0; port < this.#state[2]; port++) {
      const more = this.#count[port] - this.#count[best];
      if (more > 0 || (more === 0 && best === asking)) best = port;
    }
    return best;
  }

  #move(entry: number, port: number, now: number): Learned {
    if (this.#count[port] >= this.#limit[port]) return Learned.REFUSED;
    this.movedFrom = this.#port[entry];
    this.#unlink(entry);
    this.#link(entry, port, now);
    return Learned.MOVED;
  }

  #touch(entry: number, now: number): void {
    const port = this.#port[entry];
    this.#unlink(entry);
    this.#link(entry, port, now);
  }

  #link(entry: number, port: number, now: number): void {
    this.#port[entry] = port;
    this.#seen[entry] = now;
    const newest = this.#newest[port];
    this.#older[entry] = newest;
    this.#newer[entry] = NONE;
    if (newest === NONE) this.#oldest[port] = entry;
    else this.#newer[newest] = entry;
    this.#newest[port] = entry;
    this.#count[port]++;
    if (port >= this.#state[2]) this.#state[2] = port + 1;
  }

  #unlink(entry: number): void {
    const port = this.#port[entry];
    const older = this.#older[entry], newer = this.#newer[entry];
    if (older === NONE) this.#oldest[port] = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest[port] = older;
    else this.#older[newer] = older;
    this.#count[port]--;
  }

  #remove(entry: number): void {
    this.#unlink(entry);
    const bucket = this.#bucket(this.#high[entry], this.#low[entry]);
    if (this.#buckets[bucket] === entry) this.#buckets[bucket] = this.#next[entry];
    else {
      let before = this.#buckets[bucket];
      while (this.#next[before] !== entry) before = this.#next[before];
      this.#next[before] = this.#next[entry];
    }
    this.#next[entry] = this.#state[1];
    this.#state[1] = entry;
    this.#state[0]--;
  }
}
