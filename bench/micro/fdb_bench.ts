/**
 * Learning and looking up. Time is per iteration; the name says of how many addresses.
 *
 * @module
 */
import { Fdb, FDB_ENTRIES } from "../../src/engine/fdb.ts";
import { numbers } from "./scene.ts";

const COUNT = 1000, PORTS = 8;
const SEED = Int32Array.of(0x1234_5678, -0x0765_4321);
const next = numbers(7);
const lows = Int32Array.from({ length: COUNT }, next);
const sum = new Int32Array(1);

function learnAll(fdb: Fdb, high: number, now: number): void {
  for (let i = 0; i < COUNT; i++) fdb.learn(high, lows[i], i % PORTS, now);
}

function lookUpAll(fdb: Fdb, high: number): void {
  let all = 0;
  for (let i = 0; i < COUNT; i++) all += fdb.lookup(high, lows[i]);
  sum[0] = all;
}

const known = new Fdb(FDB_ENTRIES, 1024, SEED);
learnAll(known, 0x5254, 0);

Deno.bench(`FDB learn, known in the same second, ${COUNT} addresses`, () => {
  learnAll(known, 0x5254, 0);
});

let seconds = 0;
Deno.bench(`FDB learn, known, a second later, ${COUNT} addresses`, () => {
  learnAll(known, 0x5254, ++seconds);
});

Deno.bench(`FDB look-up, hit, ${COUNT} addresses`, () => lookUpAll(known, 0x5254));
Deno.bench(`FDB look-up, miss, ${COUNT} addresses`, () => lookUpAll(known, 0x5255));

const emptied = new Fdb(FDB_ENTRIES, 1024, SEED);
Deno.bench(`FDB learn new and forget all, ${COUNT} addresses`, () => {
  learnAll(emptied, 0x5254, 0);
  for (let port = 0; port < PORTS; port++) emptied.forget(port);
});

const full = new Fdb(FDB_ENTRIES, 1024, SEED);
for (let i = 0; i < FDB_ENTRIES; i++) full.learn(0x5254, next(), i % PORTS, 0);
Deno.bench(`FDB learn new in a full table, ${COUNT} addresses`, () => {
  for (let i = 0; i < COUNT; i++) full.learn(0x5256, next(), i % PORTS, 0);
});
