/**
 * The teller under a virtual clock.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Teller } from "../../src/engine/teller.ts";

/** A teller that remembers what it let through. */
class Listener {
  readonly lines: { port: string; text: string }[] = [];
  readonly teller = new Teller((_, port, text) => this.lines.push({ port, text }));

  /** Records the lines say were left out. */
  get leftOut(): number {
    const counts = this.lines.map(({ text }) =>
      text.match(/\((\d+) records left out before this\)$/)
    );
    return counts.reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0);
  }
}

Deno.test("Teller.tell() lets a few records through as they are", () => {
  const { teller, lines } = new Listener();
  for (let i = 0; i < 8; i++) teller.tell(5, "info", "a", `record ${i}`);
  assertEquals(lines.map(({ text }) => text), Array.from({ length: 8 }, (_, i) => `record ${i}`));
});

Deno.test("Teller.tell() passes level, port and text on", () => {
  const seen: unknown[] = [];
  const teller = new Teller((level, port, text) => seen.push([level, port, text]));
  teller.tell(0, "warning", "vm1", "VM connected");
  teller.tell(0, "debug", "vm2", "gone");
  assertEquals(seen, [["warning", "vm1", "VM connected"], ["debug", "vm2", "gone"]]);
});

Deno.test("Teller.tell() turns a million records of one port into a line a second, and counts the rest", () => {
  const listener = new Listener();
  const calls = 1_000_000, seconds = 60;
  for (let i = 0; i < calls; i++) {
    listener.teller.tell(i * (seconds * 1000 / calls), "info", "a", "x");
  }
  assert(listener.lines.length <= 8 + seconds, `${listener.lines.length} lines`);
  assert(listener.lines.length >= seconds, `${listener.lines.length} lines`);
  listener.teller.tell(seconds * 1000 + 1000, "info", "a", "the last");
  assertEquals(listener.lines.at(-1)?.text.startsWith("the last ("), true);
  assertEquals(listener.lines.length + listener.leftOut, calls + 1);
});

Deno.test("Teller.tell() turns a million records of many ports into five lines a second", () => {
  const listener = new Listener();
  const calls = 1_000_000, seconds = 60, ports = 200;
  for (let i = 0; i < calls; i++) {
    listener.teller.tell(i * (seconds * 1000 / calls), "info", `port ${i % ports}`, "x");
  }
  assert(listener.lines.length <= 64 + 5 * seconds, `${listener.lines.length} lines`);
  assert(listener.lines.length >= 5 * seconds, `${listener.lines.length} lines`);
  for (let port = 0; port < ports; port++) {
    listener.teller.tell(1e6 + port * 1000, "info", `port ${port}`, "the last");
  }
  assertEquals(listener.lines.length + listener.leftOut, calls + ports);
});

Deno.test("Teller.tell() lets a quiet port speak while another one floods", () => {
  const { teller, lines } = new Listener();
  for (let ms = 0; ms < 20_000; ms++) {
    for (let i = 0; i < 10; i++) teller.tell(ms, "info", "noisy", "x");
    if (ms % 5000 === 4999) teller.tell(ms, "info", "quiet", "hello");
  }
  assertEquals(lines.filter(({ port }) => port === "quiet").length, 4);
});

Deno.test("Teller.tell() does not save up budget beyond a burst while nothing happens", () => {
  const { teller, lines } = new Listener();
  for (let i = 0; i < 20; i++) teller.tell(0, "info", "a", "x");
  for (let i = 0; i < 20; i++) teller.tell(1e9, "info", "a", "x");
  assertEquals(lines.length, 16);
});

Deno.test("Teller.tell() lets errors pass while others use up what all have together", () => {
  const { teller, lines } = new Listener();
  for (let i = 0; i < 1000; i++) teller.tell(0, "info", `port${i}`, "x");
  teller.tell(0, "info", "late", "unheard");
  teller.tell(0, "error", "late", "heard");
  assertEquals(lines.at(-1)?.text.startsWith("heard"), true);
  assertEquals(lines.filter(({ text }) => text === "unheard"), []);
});
