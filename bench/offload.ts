/**
 * What mixing VMs with and without offload costs: TCP from each kind of sender to each kind of receiver
 * through vswitch, beside a C relay that passes the same frames on as they are.
 *
 * Every cell has a switch of its own with two datagram ports and keeps it for the whole run; the cells take
 * turns, in changing order. Then some cells have a third port, and a VM without offload comes to it and
 * leaves it from turn to turn while everybody is sent a little broadcast.
 *
 * @module
 */
import { build } from "./build.ts";
import type { Tcp } from "./load.ts";
import { choosePinning, describeMachine, machineLine } from "./machine.ts";
import { type Bench, type Cell, cellName, end, middle } from "./offload_cell.ts";
import { OFFLOADS, type Place, start, turn, withThird, workOf } from "./offload_cell.ts";
import { type CellResult, judgeCells, judgeThird } from "./offload_verdict.ts";
import { printVerdicts, type ThirdResult } from "./offload_verdict.ts";
import { type BenchOptions, choose, numbers, readOptions, writeJson } from "./options.ts";
import { fixed, grouped, percent, table } from "./table.ts";
import { complain, print, progress } from "./text.ts";

const USAGE = `Usage: deno task bench:offload [options]
  --only PART        matrix or third; both by default
  --from A,B         senders, of off, csum, tso, vnet; all by default
  --to A,B           receivers, of the same
  --flows N          TCP connections, interleaved frame by frame, 1 by default
  --window N         most segments on the way, 724 (1 MiB) by default
  --rounds N         turns of each cell, 5 by default
  --seconds S        length of a turn, 1 by default
  --switch COMMAND   ours; deno run -A main.ts by default
  --json FILE        write results there
  --smoke            half a second of load in all, every byte checked: does it work, not how fast
  --help`;

/** 1 MiB of segments. */
const WINDOW = 724;
/** A broadcast for every 16 MiB of payload: tens to hundreds a second. */
const SIDE = 16 * WINDOW;
/** Untimed turn of a cell: a JIT compiles in the first. */
const WARM_SECONDS = 0.5;
/** Above this part of a turn spent waiting for the CPU, a result says more about the machine. */
const WEATHER = 0.05;
/** Cells whose speed with and without a third VM is compared: one for each kind of work. */
const THIRD = [
  "off -> off",
  "vnet -> vnet",
  "tso -> tso",
  "tso -> off",
  "off -> tso",
  "csum -> off",
];

interface Setup extends BenchOptions, Place {
  parts: ("matrix" | "third")[];
  cells: Cell[];
  tcp: Tcp;
  smoke: boolean;
}

async function prepare(): Promise<Setup> {
  const smoke = Deno.args.includes("--smoke");
  const text = { type: "string" } as const;
  const options = readOptions(USAGE, smoke ? 1 : 5, smoke ? 0.02 : 1, {
    ...{ only: text, from: text, to: text, flows: text, window: text },
    smoke: { type: "boolean" },
  });
  const { own, seconds } = options;
  const parts = choose("only", own.only, ["matrix", "third"] as const);
  const senders = choose("from", own.from, OFFLOADS), receivers = choose("to", own.to, OFFLOADS);
  const [flows] = numbers("flows", own.flows, [1]);
  const [window] = numbers("window", own.window, [WINDOW]);
  const cells = senders.flatMap((from): Cell[] => [
    ...receivers.map((to): Cell => ({ from, to, through: "vswitch" })),
    { from, to: from, through: "relay" },
  ]);
  const tcp = { seconds, flows, window, full: smoke };
  const [programs, pinning] = [await build(), await choosePinning()];
  const room = await Deno.makeTempDir({ prefix: "offload" });
  return { ...options, parts, cells, tcp, smoke, programs, pinning, room };
}

/** Run a turn; a cell that fails is told so, and the others go on. */
async function attempt(result: { failed?: string }, run: () => Promise<unknown>): Promise<void> {
  if (result.failed) return;
  try {
    await run();
  } catch (error) {
    result.failed = error instanceof Error ? error.message : String(error);
    complain(result.failed);
  }
}

async function warm(setup: Setup, bench: Bench): Promise<void> {
  if (!setup.smoke) await turn(bench, { ...setup.tcp, seconds: WARM_SECONDS });
}

async function runMatrix(setup: Setup): Promise<CellResult[]> {
  const results: CellResult[] = setup.cells.map((cell) => ({ ...cell, rounds: [] }));
  const benches: (Bench | undefined)[] = results.map(() => undefined);
  try {
    for (const [i, one] of results.entries()) {
      progress(`${cellName(one)}: start`);
      await attempt(one, async () => {
        const bench = benches[i] = await start(setup, setup.cells[i]);
        await warm(setup, bench);
      });
    }
    for (let round = 0; round < setup.rounds; round++) {
      for (let i = 0; i < results.length; i++) {
        const k = (i + round) % results.length, one = results[k];
        progress(`${cellName(one)}: round ${round + 1} of ${setup.rounds}`);
        await attempt(one, async () => one.rounds.push(await turn(benches[k]!, setup.tcp)));
      }
    }
  } finally {
    for (const bench of benches) if (bench) await end(bench);
  }
  return results;
}

/**
 * One cell in pairs of turns, without and with a third VM, and the next pair the other way round: many short
 * ones, since a small difference is looked for.
 */
async function runPairs(setup: Setup, one: ThirdResult, bench: Bench): Promise<void> {
  const pairs = setup.rounds * 2;
  const tcp = { ...setup.tcp, seconds: setup.seconds / 2, side: SIDE };
  await warm(setup, bench);
  for (let round = 0; round < pairs; round++) {
    progress(`${cellName(one)} and a third VM: pair ${round + 1} of ${pairs}`);
    const alone = async () => one.without.push(await turn(bench, tcp));
    const accompanied = async () =>
      one.with.push(await withThird(setup, bench, () => turn(bench, tcp)));
    for (const go of round % 2 ? [accompanied, alone] : [alone, accompanied]) await go();
  }
}

async function runThird(setup: Setup): Promise<ThirdResult[]> {
  const cells = setup.cells.filter((cell) => THIRD.includes(cellName(cell)));
  const results: ThirdResult[] = cells.map((cell) => ({ ...cell, without: [], with: [] }));
  for (const [i, one] of results.entries()) {
    await attempt(one, async () => {
      const bench = await start(setup, cells[i], 1);
      try {
        await runPairs(setup, one, bench);
      } finally {
        await end(bench);
      }
    });
  }
  return results;
}

function printCells(results: readonly CellResult[]): void {
  const rows = results.map((one) => {
    if (one.failed || one.rounds.length === 0) {
      return [cellName(one), workOf(one), "FAILED", ...Array<string>(7).fill("-")];
    }
    const f = middle(one.rounds);
    return [
      cellName(one),
      workOf(one),
      fixed(f.gbitPerSecond, 2),
      fixed(f.cpuPerGib, 3),
      grouped(f.framesIn),
      grouped(f.framesOut),
      percent(f.loss),
      fixed(f.busy * 100, 0),
      fixed(f.waited * 100, 0),
      fixed(f.rested * 100, 0),
    ];
  });
  const costs = ["payload Gbit/s", "CPU s/GiB", "frames/s in", "out"];
  table(["case", "work", ...costs, "loss", "CPU %", "wait %", "load idle %"], rows, 2);
}

/** The matrix itself, a row a sender. */
function printMatrix(results: readonly CellResult[]): void {
  const senders = OFFLOADS.filter((from) => results.some((r) => r.from === from));
  const receivers = OFFLOADS.filter((to) =>
    results.some((r) => r.to === to && r.through === "vswitch")
  );
  const rate = (one: CellResult | undefined) =>
    one?.rounds.length && !one.failed ? fixed(middle(one.rounds).gbitPerSecond, 2) : "-";
  print("\npayload Gbit/s");
  table(
    ["from \\ to", ...receivers, "relay"],
    senders.map((from) => {
      const row = results.filter((r) => r.from === from);
      const ours = receivers.map((to) => row.find((r) => r.to === to && r.through === "vswitch"));
      return [from, ...ours.map(rate), rate(row.find((r) => r.through === "relay"))];
    }),
  );
}

function warnOfWeather(cells: readonly CellResult[], third: readonly ThirdResult[]): void {
  const turns = [
    ...cells.flatMap((c) => c.rounds),
    ...third.flatMap((t) => [...t.without, ...t.with]),
  ];
  const waited = Math.max(0, ...turns.map((f) => f.waited));
  if (waited <= WEATHER) return;
  print(
    `\nSomething else ran on the switch's CPU for up to ${
      percent(waited)
    } of a turn: rates are worth ` +
      `little, payload a CPU second holds better. Run again on a quiet machine.`,
  );
}

if (import.meta.main) {
  const setup = await prepare();
  const machine = await describeMachine();
  print(machineLine(machine));
  try {
    const cells = setup.parts.includes("matrix") ? await runMatrix(setup) : [];
    const third = setup.parts.includes("third") ? await runThird(setup) : [];
    progress("");
    if (cells.length > 0) printCells(cells);
    if (cells.length > 0) printMatrix(cells);
    const verdicts = setup.smoke ? [] : judgeCells(cells);
    const thirdVerdicts = setup.smoke ? [] : judgeThird(third);
    printVerdicts("each cell / off -> off, median of the ratios within each round:", verdicts);
    printVerdicts(
      "with a third VM without offload / without it, median of the pairs:",
      thirdVerdicts,
    );
    warnOfWeather(cells, third);
    const { pinning, tcp } = setup;
    await writeJson(setup.json, { machine, pinning, tcp, cells, third, verdicts, thirdVerdicts });
  } catch (error) {
    complain(error);
  } finally {
    await Deno.remove(setup.room, { recursive: true });
  }
}
