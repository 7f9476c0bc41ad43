/**
 * A question asked in this process, by threads that do not answer.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { askHere } from "../../src/selftest/ask_here.ts";
import { QUESTIONS } from "../../src/selftest/questions.ts";
import { standIn } from "./stand_in.ts";

const [question] = QUESTIONS;

Deno.test("askHere() does not wait for a thread once it is told to stop", async () => {
  // It ends by itself some time later, as one in a call that blocks would not.
  const url = standIn(`setTimeout(close, 300); await new Promise(() => {});`);
  const stop = new AbortController();
  const asking = askHere(url, "/tmp", question, stop.signal);
  stop.abort();
  assertEquals((await asking).ok, false);
  await new Promise((resolve) => setTimeout(resolve, 600));
});

Deno.test("askHere() tells why a thread failed", async () => {
  const url = standIn(`throw new Error("boom");`);
  const { ok, details } = await askHere(url, "/tmp", question, new AbortController().signal);
  assertEquals(ok, false);
  assertMatch(details, /boom/);
});
