/**
 * A write that stops in the middle of a frame, at every place that matters.
 *
 * strace lets the kernel say it has taken N bytes without taking any. So exactly the first N bytes of the
 * frame are missing at the VM, and what follows shows where the switch goes on: with byte N of that frame,
 * then with whole frames.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { SocketType } from "../../src/platform/kernel.ts";
import { ProcessLab } from "../support/process_lab.ts";
import { makeFrame } from "../support/test_frame.ts";
import { figure, until } from "../support/time.ts";
import { injected, injecting, straceTest } from "./strace.ts";

const LENGTH = 1000;
const RECORD = LENGTH + 4;

/** What an unhurried VM reads, as one piece. */
class Reader {
  bytes: Uint8Array = new Uint8Array();
  readonly #lab: ProcessLab;
  readonly #fd: number;
  readonly #at: number;

  constructor(lab: ProcessLab, name: string) {
    this.#lab = lab;
    this.#fd = lab.kernel.socket(SocketType.STREAM);
    this.#at = lab.kernel.arena.take(65_536);
    lab.kernel.connect(this.#fd, new TextEncoder().encode(lab.path(name)));
  }

  poll(): number {
    const n = this.#lab.kernel.read(this.#fd, this.#at, 65_536);
    if (n <= 0) return this.bytes.length;
    const more = new Uint8Array(this.bytes.length + n);
    more.set(this.bytes);
    more.set(this.#lab.kernel.arena.u8.subarray(this.#at, this.#at + n), this.bytes.length);
    this.bytes = more;
    return more.length;
  }

  close(): void {
    this.#lab.kernel.close(this.#fd);
  }
}

function record(seq: number): Uint8Array {
  const bytes = new Uint8Array(RECORD);
  new DataView(bytes.buffer).setUint32(0, LENGTH);
  bytes.set(makeFrame({ from: 1, to: 2, seq, length: LENGTH }), 4);
  return bytes;
}

for (const taken of [1, 3, 4, 5, 18, 500, RECORD - 1, RECORD]) {
  const name = `sendmsg that takes ${taken} bytes of a frame goes on with the next`;
  straceTest(name, () => cut(taken));
}

async function cut(taken: number): Promise<void> {
  await using lab = new ProcessLab();
  const output = lab.path("strace");
  const wrap = injecting("sendmsg", `retval=${taken}:when=3`, output);
  const vswitch = await lab.start(lab.ports("a.sock", "lan=stream:b.sock"), { wrap });
  const sender = lab.dgram(1, "a.sock");
  const reader = new Reader(lab, "b.sock");
  await vswitch.statsWhen(
    "both VMs",
    ({ ports }) => ports.filter((p) => p.state === "up").length === 2,
  );
  const before = await vswitch.stats();
  for (let seq = 1; seq <= 6; seq++) {
    sender.send(2, LENGTH); // unknown, so it is flooded: to the reader
    const due = seq * RECORD - (seq >= 3 ? taken : 0);
    await until(`${due} bytes after frame ${seq}`, () => reader.poll() === due);
  }
  const whole = new Uint8Array(6 * RECORD);
  for (let seq = 1; seq <= 6; seq++) whole.set(record(seq), (seq - 1) * RECORD);
  const expected = new Uint8Array(whole.length - taken);
  expected.set(whole.subarray(0, 2 * RECORD));
  expected.set(whole.subarray(2 * RECORD + taken), 2 * RECORD);
  assertEquals(reader.bytes, expected);
  assertEquals(injected(output), 1);
  const after = await vswitch.statsWhen("6 frames to be counted", ({ total }) => {
    return total.tx - before.total.tx >= 6;
  });
  assertEquals([after.total.tx - before.total.tx, after.total.balanced], [6, true]);
  assertEquals((await vswitch.stop()).code, 0, vswitch.log);
  figure(`taken ${taken} of ${RECORD}: 6 frames sent, every other byte in its place`);
  reader.close();
}
