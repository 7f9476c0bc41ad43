import { assert, assertEquals } from "@std/assert";
import { LineWriter, type Output } from "../../src/control/line_writer.ts";

/** An output that takes `step` bytes a write once its gate is open, and throws what it is told to. */
class Slow implements Output {
  text = "";
  gate: Promise<void> = Promise.resolve();
  errors: Error[] = [];
  readonly #step: number;

  constructor(step = Infinity) {
    this.#step = step;
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.gate;
    const error = this.errors.shift();
    if (error !== undefined) throw error;
    const taken = bytes.subarray(0, this.#step);
    this.text += new TextDecoder().decode(taken);
    return taken.byteLength;
  }
}

Deno.test("LineWriter.write() finishes lines that are taken byte by byte", async () => {
  const output = new Slow(1);
  const lines = new LineWriter(output, 10);
  assert(lines.write("one"));
  assert(lines.write("two"));
  assert(await lines.drain(1000));
  assertEquals(output.text, "one\ntwo\n");
  assert(lines.idle);
});

Deno.test("LineWriter.write() refuses what goes beyond the limit while nobody reads", async () => {
  const output = new Slow();
  const { promise, resolve } = Promise.withResolvers<void>();
  output.gate = promise;
  const lines = new LineWriter(output, 2);
  assert(lines.write("in the kernel"));
  assert(lines.write("waits"));
  assert(lines.write("waits too"));
  assertEquals(lines.write("too much"), false);
  assertEquals(lines.idle, false);
  assertEquals(await lines.drain(5), false);
  resolve();
  assert(await lines.drain(1000));
  assertEquals(output.text, "in the kernel\nwaits\nwaits too\n");
  assert(lines.write("again"));
  assert(await lines.drain(1000));
});

Deno.test("LineWriter.write() survives a reader that is gone", async () => {
  const output = new Slow();
  output.errors = [new Deno.errors.BrokenPipe("EPIPE")];
  const lines = new LineWriter(output, 10);
  lines.write("lost");
  assert(await lines.drain(1000));
  lines.write("kept");
  assert(await lines.drain(1000));
  assertEquals(output.text, "kept\n");
});

Deno.test("LineWriter.write() tries again when a non-blocking output is full", async () => {
  const output = new Slow();
  output.errors = [new Deno.errors.WouldBlock("EAGAIN"), new Deno.errors.WouldBlock("EAGAIN")];
  const lines = new LineWriter(output, 10);
  lines.write("late");
  assert(await lines.drain(1000));
  assertEquals(output.text, "late\n");
});
