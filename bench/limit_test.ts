/**
 * The limit and the load generator are trusted by every figure, so they are tested: frames pass
 * the relay whole, and a switch that damages, drops or swaps frames is caught.
 */
import { assert, assertEquals } from "@std/assert";
import { build, findCompiler } from "./build.ts";
import { type LoadResult, type Offload, Pair } from "./load.ts";
import { startLimit, type Wire } from "./subject.ts";
import { print } from "./text.ts";

const ready = Deno.build.os === "linux" && await findCompiler() !== undefined;
const ignore = !ready;
/** Compiled once for all tests. */
const programs = ready ? await build() : { relay: "", load: "" };
if (ignore) print("bench/limit is not tested: it needs Linux and a C compiler");

/** Run `work` with a directory of its own. */
async function inRoom(work: (room: string) => Promise<void>): Promise<void> {
  const room = await Deno.makeTempDir({ prefix: "limit" });
  try {
    await work(room);
  } finally {
    await Deno.remove(room, { recursive: true });
  }
}

for (const wire of ["dgram", "stream"] as const satisfies Wire[]) {
  Deno.test({
    name: `relay ${wire}() passes every frame unchanged and counts it`,
    ignore,
    fn: () =>
      inRoom(async (room) => {
        const ports = ["a", "b"].map((name) => ({ wire, path: `${room}/${name}` }));
        const limit = await startLimit(programs, ports);
        const pair = await Pair.join(programs.load, limit.ends, {});
        try {
          for (const size of [64, 130, 1514, 65000]) {
            const before = await limit.traffic();
            const run = await pair.throughput({ size, seconds: 0.05, full: true });
            const after = await limit.traffic();
            assert(run.received > 0);
            assertEquals({ lost: run.lost, bad: run.bad }, { lost: 0, bad: 0 });
            assert(after!.txFrames - before!.txFrames >= run.received);
          }
          const trip = await pair.latency(64, 0.05);
          assertEquals({ lost: trip.lost, bad: trip.bad }, { lost: 0, bad: 0 });
          assert(trip.p50Us > 0 && trip.p50Us <= trip.p99Us && trip.p99Us <= trip.maxUs);
        } finally {
          await pair.leave();
          await limit.stop();
        }
      }),
  });
}

/** TCP through the relay, which passes on what it gets, between VMs of these kinds. */
async function tcpThroughRelay(from: Offload, to: Offload): Promise<LoadResult> {
  let result: LoadResult | undefined;
  await inRoom(async (room) => {
    const ports = ["a", "b"].map((name) => ({ wire: "dgram" as const, path: `${room}/${name}` }));
    const limit = await startLimit(programs, ports);
    const pair = await Pair.join(programs.load, limit.ends, {}, [from, to]);
    try {
      result = await pair.tcp({ seconds: 0.05, flows: 3, window: 724, full: true, side: 100 });
    } finally {
      await pair.leave();
      await limit.stop();
    }
  });
  return result!;
}

for (const kind of ["off", "csum", "tso", "vnet"] as const) {
  Deno.test({
    name: `load() sends TCP that a VM of its own kind takes: ${kind}`,
    ignore,
    async fn() {
      const { received, arrived, checked, lost, bad, why } = await tcpThroughRelay(kind, kind);
      assert(received > 0);
      assertEquals({ lost, bad, why }, { lost: 0, bad: 0, why: "" });
      assertEquals(checked, arrived);
      assertEquals(received / arrived, kind === "tso" || kind === "vnet" ? 45 : 1);
    },
  });
}

for (
  const [from, to, why] of [
    ["csum", "off", "TCP checksum"],
    ["tso", "off", "longer than the MTU"],
    ["tso", "csum", "longer than the MTU"],
  ] as const
) {
  Deno.test({
    name: `load() catches TCP from ${from} that nobody finished for ${to}`,
    ignore,
    async fn() {
      const run = await tcpThroughRelay(from, to);
      // Checksums are looked at in a sample of the batches, so that some frames may have been taken.
      assert(run.bad > 0);
      assertEquals(run.why, why);
    },
  });
}

/** What a bad switch does with frame number `i` of its input; it writes what this returns. */
type Mischief = (frame: Uint8Array, i: number) => Uint8Array[];

/** Let frames pass a stream relay that does mischief to full-size frames, and see what the load tells. */
async function throughBadSwitch(mischief: Mischief): Promise<LoadResult> {
  let result: LoadResult | undefined;
  await inRoom(async (room) => {
    const { load } = programs;
    const paths = [`${room}/a`, `${room}/b`];
    const listeners = paths.map((path) => Deno.listen({ transport: "unix", path }));
    const joining = Pair.join(load, paths.map((path) => `stream:${path}`), {});
    const [a, b] = await Promise.all(listeners.map((listener) => listener.accept()));
    const relaying = [relay(a, b, mischief), relay(b, a, (frame) => [frame])];
    const pair = await joining;
    result = await pair.throughput({ size: 1514, seconds: 0.1, full: true });
    await pair.leave();
    await Promise.all(relaying);
    for (const closing of [a, b, ...listeners]) closing.close();
  });
  return result!;
}

async function relay(from: Deno.Conn, to: Deno.Conn, mischief: Mischief): Promise<void> {
  let held = new Uint8Array(0), count = 0;
  const room = new Uint8Array(65536);
  for (let n = await from.read(room); n !== null; n = await from.read(room)) {
    held = Uint8Array.from([...held, ...room.subarray(0, n)]);
    while (held.length >= 4) {
      const end = 4 + new DataView(held.buffer, held.byteOffset).getUint32(0);
      if (held.length < end) break;
      const frame = held.slice(0, end);
      const out = end === 4 + 1514 ? mischief(frame, count++) : [frame];
      for (const one of out) await writeAll(to, one);
      held = held.slice(end);
    }
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

Deno.test({
  name: "load() takes a faithful switch for faithful",
  ignore,
  async fn() {
    const { received, bad, lost } = await throughBadSwitch((frame) => [frame]);
    assert(received > 10);
    assertEquals({ bad, lost }, { bad: 0, lost: 0 });
  },
});

Deno.test({
  name: "load() catches one changed byte in a body",
  ignore,
  async fn() {
    const { bad } = await throughBadSwitch((frame, i) => {
      if (i === 5) frame[4 + 700] ^= 1;
      return [frame];
    });
    assertEquals(bad, 1);
  },
});

Deno.test({
  name: "load() catches swapped and doubled frames",
  ignore,
  async fn() {
    let kept: Uint8Array = new Uint8Array(0);
    const { bad } = await throughBadSwitch((frame, i) => {
      if (i === 5) kept = frame;
      return i === 5 ? [] : i === 6 ? [frame, kept] : i === 8 ? [frame, frame] : [frame];
    });
    assertEquals(bad, 2);
  },
});

Deno.test({
  name: "load() counts lost frames",
  ignore,
  async fn() {
    const { bad, lost } = await throughBadSwitch((frame, i) => i % 100 === 50 ? [] : [frame]);
    assert(lost > 0);
    assertEquals(bad, 0);
  },
});
