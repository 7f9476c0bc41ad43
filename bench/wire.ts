/**
 * How fast frames pass from one VM to another: ours beside the limit (a C relay that does not switch)
 * and vde_switch, interleaved, on one machine, in one run.
 *
 * Every subject keeps its process and its connections for a whole wire; the subjects take turns of a
 * second, in changing order, and ratios are taken within a round. The subject is pinned to one CPU, the
 * load generator to another.
 *
 * @module
 */
import { build, type Programs } from "./build.ts";
import { framesPerWrite, Pair } from "./load.ts";
import { choosePinning, describeMachine, machineLine, type Pinning } from "./machine.ts";
import { type Bench, type Case, caseName, measure, middle } from "./measure.ts";
import { type BenchOptions, choose, numbers, readOptions, writeJson } from "./options.ts";
import { startLimit, startOurs, startVde, type Subject, type SubjectName } from "./subject.ts";
import { vdeVersion, type Wire } from "./subject.ts";
import { fixed, grouped, percent, table } from "./table.ts";
import { complain, print, progress } from "./text.ts";
import { type CaseResult, judgeAll, printVerdicts } from "./verdict.ts";

const USAGE = `Usage: deno task bench:wire [options]
  --only WIRE        dgram or stream; both by default
  --sizes N,N        frame bytes, 64,512,1514,9014,65000 by default
  --subjects A,B     of ours, limit, vde; all by default, vde when installed
  --rounds N         turns of each subject per case, 5 by default
  --seconds S        length of a turn, 1 by default
  --switch COMMAND   ours; deno run -A main.ts by default
  --json FILE        write results there
  --smoke            a few seconds in all, every byte checked: does it work, not how fast
  --help`;

/** Largest frame vde_switch takes (port.h: 1504 bytes of payload). */
const VDE_LARGEST = 1514;
const SIZES = [64, 512, 1514, 9014, 65000];
/** Untimed run of each subject before a case: a JIT compiles in the first. */
const WARM_SECONDS = 0.5;
const LATENCY_SECONDS = 0.3;
/** Above this part of a turn spent waiting for the CPU, a result says more about the machine. */
const WEATHER = 0.05;

interface Setup extends BenchOptions {
  subjects: SubjectName[];
  wires: Wire[];
  sizes: number[];
  smoke: boolean;
  programs: Programs;
  pinning: Pinning;
}

async function prepare(): Promise<Setup> {
  const smoke = Deno.args.includes("--smoke");
  const options = readOptions(USAGE, smoke ? 1 : 5, smoke ? 0.2 : 1, {
    only: { type: "string" },
    sizes: { type: "string" },
    subjects: { type: "string" },
    smoke: { type: "boolean" },
  });
  const subjects = choose("subjects", options.own.subjects, ["ours", "limit", "vde"] as const);
  const wires = choose("only", options.own.only, ["dgram", "stream"] as const);
  const sizes = numbers("sizes", options.own.sizes, smoke ? [64, 1514, 65000] : SIZES);
  if (subjects.includes("vde") && await vdeVersion() === undefined) {
    print("vde_switch is not installed and is left out");
    subjects.splice(subjects.indexOf("vde"), 1);
  }
  const programs = await build();
  return { ...options, subjects, wires, sizes, smoke, programs, pinning: await choosePinning() };
}

/** The cases of a wire. Frames of which only one fits a coalesced write have one case. */
function casesOf(wire: Wire, sizes: readonly number[]): Case[] {
  const plain = sizes.map((size) => ({ wire, coalesce: false, size }));
  if (wire === "dgram") return plain;
  const small = sizes.filter((size) => framesPerWrite(size) > 1);
  return [...plain, ...small.map((size) => ({ wire, coalesce: true, size }))];
}

async function start(setup: Setup, name: SubjectName, wire: Wire, room: string): Promise<Bench> {
  const ports = ["a", "b"].map((end) => ({ wire, path: `${room}/${name}-${end}.sock` }));
  const cpu = setup.pinning.subject;
  let subject: Subject;
  if (name === "ours") subject = await startOurs(setup.command, ports, cpu);
  else if (name === "limit") subject = await startLimit(setup.programs, ports, cpu);
  else subject = await startVde(`${room}/vde`, cpu);
  try {
    return { subject, pair: await Pair.join(setup.programs.load, subject.ends, setup.pinning) };
  } catch (error) {
    await subject.stop();
    throw error;
  }
}

async function runCase(setup: Setup, benches: readonly Bench[], one: Case): Promise<CaseResult> {
  const able = benches.filter(({ subject }) => subject.name !== "vde" || one.size <= VDE_LARGEST);
  const result: CaseResult = { ...one, rounds: {} };
  for (const { subject, pair } of able) {
    progress(`${caseName(one)}: ${subject.name} warms up`);
    const seconds = setup.smoke ? setup.seconds : WARM_SECONDS;
    await pair.throughput({ size: one.size, coalesce: one.coalesce, seconds });
  }
  const latency = one.coalesce ? 0 : setup.smoke ? 0.05 : LATENCY_SECONDS;
  for (let round = 0; round < setup.rounds; round++) {
    for (let turn = 0; turn < able.length; turn++) {
      const bench = able[(turn + round) % able.length];
      progress(`${caseName(one)}: round ${round + 1} of ${setup.rounds}, ${bench.subject.name}`);
      const figures = await measure(bench, one, setup.seconds, latency, setup.smoke);
      (result.rounds[bench.subject.name] ??= []).push(figures);
    }
  }
  return result;
}

async function runWire(setup: Setup, wire: Wire): Promise<CaseResult[]> {
  const room = await Deno.makeTempDir({ prefix: "wire" });
  const benches: Bench[] = [];
  try {
    for (const name of setup.subjects) {
      if (name === "vde" && wire === "stream") continue;
      benches.push(await start(setup, name, wire, room));
    }
    const results: CaseResult[] = [];
    for (const one of casesOf(wire, setup.sizes)) results.push(await runCase(setup, benches, one));
    return results;
  } finally {
    for (const { subject, pair } of benches) {
      await pair.leave();
      await subject.stop();
    }
    await Deno.remove(room, { recursive: true });
  }
}

function printResults(results: readonly CaseResult[]): void {
  const rows = results.flatMap((one) =>
    Object.entries(one.rounds).map(([name, rounds]) => {
      const f = middle(rounds);
      return [
        caseName(one),
        name,
        grouped(f.framesPerSecond),
        fixed(f.gbitPerSecond, 2),
        percent(f.loss),
        fixed(f.framesPerRx, 1),
        fixed(f.framesPerTx, 1),
        fixed(f.cpuPerMillion, 3),
        fixed(f.mbitPerCpuPercent, 1),
        fixed(f.busy * 100, 0),
        fixed(f.waited * 100, 0),
        fixed(f.p50Us, 1),
        fixed(f.p99Us, 1),
      ];
    })
  );
  const rates = ["frames/s", "Gbit/s", "loss", "frames/rx", "frames/tx"];
  const costs = ["CPU s/Mframe", "Mbit/s/%CPU", "CPU %", "wait %", "rtt p50 us", "p99 us"];
  table(["case", "subject", ...rates, ...costs], rows, 2);
  const waited = Math.max(
    ...results.flatMap((r) => Object.values(r.rounds).flat()).map((f) => f.waited),
  );
  if (waited > WEATHER) {
    print(
      `Something else ran on the subject's CPU for up to ${
        percent(waited)
      } of a turn: frames/s and round ` +
        `trips are worth little, CPU per frame holds better. Run again on a quiet machine.`,
    );
  }
}

if (import.meta.main) {
  const setup = await prepare();
  const machine = await describeMachine();
  print(machineLine(machine));
  try {
    const results: CaseResult[] = [];
    for (const wire of setup.wires) results.push(...await runWire(setup, wire));
    progress("");
    printResults(results);
    const verdicts = setup.smoke ? [] : judgeAll(results);
    printVerdicts(verdicts);
    await writeJson(setup.json, { machine, pinning: setup.pinning, results, verdicts });
  } catch (error) {
    complain(error);
  }
}
