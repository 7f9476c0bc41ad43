/**
 * The vhost-user load generator and its limit are trusted by every figure, so they are tested: frames
 * pass whole whatever the guests' drivers are like, a backend that damages or drops some is caught, and the
 * verdicts say what the figures do.
 */
import { assert, assertEquals } from "@std/assert";
import { buildMischief, buildVhost, findCompiler } from "./build.ts";
import { startJson } from "./subject.ts";
import { print } from "./text.ts";
import type { Figures } from "./vhost_cell.ts";
import { Churn, type Frames, Guests } from "./vhost_load.ts";
import { judge, type Results, type Verdict } from "./vhost_verdict.ts";

const ready = Deno.build.os === "linux" && await findCompiler() !== undefined;
const ignore = !ready;
const programs = ready ? await buildVhost() : { vhostLoad: "", vhostMemcpy: "" };
if (ignore) print("the vhost-user load generator is not tested: it needs Linux and a C compiler");

/** Two guests at the ends of a backend. */
async function between(
  backend: string,
  driver: readonly string[],
  work: (guests: Guests) => Promise<void>,
): Promise<void> {
  const room = await Deno.makeTempDir({ prefix: "vhost" });
  const paths = [`${room}/a`, `${room}/b`];
  const subject = await startJson("limit", [backend, ...paths], []);
  try {
    const guests = await Guests.join(programs.vhostLoad, paths, {}, driver);
    try {
      await work(guests);
    } finally {
      await guests.leave();
    }
  } finally {
    await subject.stop();
    await Deno.remove(room, { recursive: true });
  }
}

const DRIVERS: Record<string, string[]> = {
  "as Linux's": [],
  "with indirect descriptors": ["--indirect", "1"],
  "without event indexes": ["--event-idx", "0"],
  "with one large buffer a frame": ["--mrg", "0", "--rx", "69632", "--ring", "64"],
  "with small buffers": ["--rx", "256", "--ring", "512"],
  "without offloads": ["--offload", "0"],
};

for (const [name, driver] of Object.entries(DRIVERS)) {
  Deno.test({
    name: `vhost_memcpy and vhost_load, drivers ${name}: every byte comes`,
    ignore,
    fn: () =>
      between(programs.vhostMemcpy, driver, async (guests) => {
        const runs: Frames[] = [64, 1514, 65550].map((size) => ({ size }));
        runs.push({ size: 64, both: true }, { size: 9014, pieces: 4, both: true });
        runs.push({ size: 0, tcp: true });
        for (const frames of runs) {
          const run = await guests.throughput({ ...frames, full: true }, 0.03);
          assert(run.received > 0);
          assertEquals({ lost: run.lost, bad: run.bad }, { lost: 0, bad: 0 });
        }
      }),
  });
}

Deno.test({
  name: "vhost_load is called only when it asked for it",
  ignore,
  fn: () =>
    between(programs.vhostMemcpy, [], async (guests) => {
      const one = await guests.latency(0, 0.05);
      assertEquals({ bad: one.bad, lost: one.lost, calls: one.calls }, {
        bad: 0,
        lost: 0,
        calls: 0,
      });
      assert(one.p50Us > 0 && one.p50Us <= one.p99Us && one.p99Us <= one.maxUs);
      const few = await guests.trickle(200, 0.2);
      assertEquals({ bad: few.bad, lost: few.lost }, { bad: 0, lost: 0 });
      assert(few.calls > 0);
    }),
});

Deno.test({
  name: "vhost_load catches damaged frames",
  ignore,
  fn: async () =>
    await between(await buildMischief("DAMAGE"), [], async (guests) => {
      const whole = await guests.throughput({ size: 1514, full: true }, 0.05);
      assert(whole.bad > 0);
      assertEquals(whole.lost, 0);
    }),
});

Deno.test({
  name: "vhost_load counts lost frames",
  ignore,
  fn: async () =>
    await between(await buildMischief("DROP"), [], async (guests) => {
      for (const full of [false, true]) {
        const run = await guests.throughput({ size: 64, full }, 0.05);
        assertEquals({ bad: run.bad, some: run.lost > 0 }, { bad: 0, some: true });
      }
    }),
});

Deno.test({
  name: "a guest joins and leaves beside nobody",
  ignore,
  async fn() {
    const room = await Deno.makeTempDir({ prefix: "vhost" });
    const subject = await startJson("limit", [programs.vhostMemcpy, `${room}/a`, `${room}/b`], []);
    const churn = await Churn.start(programs.vhostLoad, `${room}/a`, 50, {});
    assert(await churn.end() > 0);
    await subject.stop();
    await Deno.remove(room, { recursive: true });
  },
});

/** Turns in which so many million frames a second came. */
function turns(...mpps: number[]): Figures[] {
  const rest = { loss: 0, busy: 1, waited: 0, rested: 0.5 };
  return mpps.map((rate) => ({
    ...{ framesPerSecond: rate * 1e6, gbitPerSecond: rate * 512, cpuPerFrame: 1000 / rate },
    ...rest,
  }));
}

function named(results: Results, figure: string): Verdict | undefined {
  return judge(results).find((verdict) => verdict.figure === figure);
}

Deno.test("judge() takes ratios within a round and their median", () => {
  const cases = [{ name: "64", rounds: { ours: turns(16, 32, 16) } }];
  const results = { cases, datagrams: { ours: turns(1, 1, 2), limit: turns(1, 1, 1) } };
  assertEquals(named(results, "64 B / datagrams, ours"), {
    ...{ figure: "64 B / datagrams, ours", kind: "ratio", unit: "", target: ">= 15" },
    ...{ value: 16, perCpu: 16, met: true },
  });
  assertEquals(named(results, "64 B / datagrams, C relay")?.met, null);
});

Deno.test("judge() says when a figure is missed, and nothing of what was not measured", () => {
  const cases = [{ name: "64", rounds: { ours: turns(11.9) } }, {
    name: "1514",
    rounds: { ours: turns(9), limit: turns(27) },
  }];
  const verdicts = judge({ cases });
  assertEquals(named({ cases }, "64 B one way")?.met, false);
  assertEquals(named({ cases }, "1514 B one way")?.met, true);
  assertEquals(named({ cases }, "1514 / limit")?.value, 1 / 3);
  assertEquals(verdicts.some(({ figure }) => figure.startsWith("latency")), false);
});

Deno.test("judge() misses the target of no loss for one lost frame", () => {
  const [turn] = turns(20);
  const cases = [{ name: "64", rounds: { ours: [turn, { ...turn, loss: 1e-9 }] } }];
  assertEquals(named({ cases }, "lost between guests")?.met, false);
});

Deno.test("judge() takes the worse of the two costs of joining", () => {
  const without = turns(10), slower = turns(9);
  const busier = [{ ...turns(10)[0], cpuPerFrame: 200 }];
  const cost = (accompanied: Figures[]) =>
    named(
      { cases: [], churn: { with: accompanied, without, joinsPerSecond: [10] } },
      "cost of joins and leaves",
    );
  assertEquals(Math.round(cost(slower)!.value), 10);
  assertEquals(Math.round(cost(busier)!.value), 50);
  assertEquals(cost(turns(9.9))!.met, true);
});
