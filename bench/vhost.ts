/**
 * How fast frames pass from the memory of one VM to that of another: vhost-user ports beside a C backend that
 * only copies, and beside the same switch with datagrams, interleaved, on one machine, in one run.
 *
 * The guests are C (limit/vhost_load.c), two VMs in one thread, pinned to another CPU than the switch; nothing
 * is lost, since they send what fits their rings and the ports have `full=pause`. What one round measures
 * is compared within that round. The C backend is a limit and no switch: no addresses, no checks.
 *
 * Where Debian's testpmd (packages dpdk-dev and librte-net-vhost23) is installed it runs beside the others as
 * `dpdk`, with two net_vhost devices, forwarding between them as they are (`io`: no addresses learned, frames for
 * a full ring dropped). It needs neither a network card nor hugepages (--no-pci --no-huge -m 512), but at
 * most 16384 mbufs in that memory, so frames longer than one mbuf are not sent through it. Open vSwitch with
 * DPDK is not here: ovsdb-server and vswitchd with a database of their own for each run are another bench.
 *
 * @module
 */
import { buildVhost } from "./build.ts";
import { choosePinning, describeMachine, machineLine } from "./machine.ts";
import { choose, readOptions, writeJson } from "./options.ts";
import { fixed, grouped, percent, table } from "./table.ts";
import { complain, print, progress } from "./text.ts";
import { CASES, type Figures, middle } from "./vhost_cell.ts";
import { runCases, runChurn, runIdle, runLatency, runMixed, type Setup } from "./vhost_parts.ts";
import { dpdkMissing, MOVERS } from "./vhost_subject.ts";
import { judge, printVerdicts, type Results } from "./vhost_verdict.ts";

const USAGE = `Usage: deno task bench:vhost [options]
  --only PART,PART   of frames, mixed, latency, idle, churn; all by default
  --cases A,B        of ${CASES.map(({ name }) => name).join(", ")}; all by default
  --subjects A,B     of ours, limit, dpdk; all by default, dpdk when installed
  --rounds N         turns of each subject per case, 5 by default
  --seconds S        length of a turn, 1 by default
  --switch COMMAND   ours; deno run -A main.ts by default
  --json FILE        write results there
  --smoke            a few seconds in all, every byte checked: does it work, not how fast
  --help`;

const PARTS = ["frames", "mixed", "latency", "idle", "churn"] as const;
/** Above this part of a turn spent waiting for the CPU, a result says more about the machine. */
const WEATHER = 0.05;

async function prepare(): Promise<Setup & { parts: typeof PARTS[number][] }> {
  const smoke = Deno.args.includes("--smoke");
  const text = { type: "string" } as const;
  const options = readOptions(USAGE, smoke ? 1 : 5, smoke ? 0.1 : 1, {
    ...{ only: text, cases: text, subjects: text },
    smoke: { type: "boolean" },
  });
  const parts = choose("only", options.own.only, PARTS);
  const names = choose("cases", options.own.cases, CASES.map(({ name }) => name));
  const cases = CASES.filter(({ name }) => names.includes(name));
  let movers = choose("subjects", options.own.subjects, MOVERS);
  const pinning = await choosePinning();
  const missing = movers.includes("dpdk") ? await dpdkMissing(pinning) : undefined;
  if (missing !== undefined) {
    print(missing);
    movers = movers.filter((mover) => mover !== "dpdk");
  }
  const programs = await buildVhost();
  const room = await Deno.makeTempDir({ prefix: "vhost" });
  return { ...options, parts, cases, movers, smoke, programs, pinning, room };
}

async function run(setup: Setup, parts: readonly typeof PARTS[number][]): Promise<Results> {
  const results: Results = parts.includes("frames") ? await runCases(setup) : { cases: [] };
  if (parts.includes("mixed")) results.mixed = await runMixed(setup);
  if (parts.includes("latency")) results.latency = await runLatency(setup);
  if (parts.includes("idle")) results.idle = await runIdle(setup);
  if (parts.includes("churn")) results.churn = await runChurn(setup);
  return results;
}

/** Every series of turns with the names it has in the table. */
function seriesOf({ cases, datagrams, mixed, churn }: Results): [string, string, Figures[]][] {
  const named = (name: string, rounds: Partial<Record<string, Figures[]>>) =>
    Object.entries(rounds).map(([who, f]): [string, string, Figures[]] => [name, who, f!]);
  return [
    ...cases.flatMap(({ name, rounds }) => named(name, rounds)),
    ...named("64, datagrams", datagrams ?? {}),
    ...named("TSO to datagrams", mixed ? { ours: mixed.ours } : {}),
    ...named("1514, datagrams", mixed ? { limit: mixed.limit } : {}),
    ...named("64, nobody joins", churn ? { ours: churn.without } : {}),
    ...named("64, joins and leaves", churn ? { ours: churn.with } : {}),
  ];
}

function printFigures(results: Results): void {
  const series = seriesOf(results);
  if (series.length === 0) return;
  const rows = series.map(([name, who, rounds]) => {
    const f = middle(rounds);
    return [
      name,
      who,
      grouped(f.framesPerSecond),
      fixed(f.gbitPerSecond, 2),
      fixed(f.cpuPerFrame, 1),
      percent(f.loss),
      ...[f.busy, f.waited, f.rested].map((part) => fixed(part * 100, 0)),
    ];
  });
  const columns = ["frames/s", "Gbit/s", "CPU ns/frame", "loss", "CPU %", "wait %", "load idle %"];
  table(["case", "subject", ...columns], rows, 2);
}

function printSingles({ latency, idle, churn }: Results): void {
  if (latency) {
    print();
    table(["one way", "p50 us", "p99 us", "kicked"], [
      [
        "polling",
        fixed(latency.pollingUs, 2),
        fixed(latency.pollingP99Us, 2),
        percent(latency.pollingKicked),
      ],
      [
        "asleep",
        fixed(latency.asleepUs, 2),
        fixed(latency.asleepP99Us, 2),
        percent(latency.asleepKicked),
      ],
      ["limit, polling", fixed(latency.limitUs, 2), "-", "-"],
    ]);
  }
  if (idle) {
    print(
      `\nCPU: ${fixed(idle.idlePercent, 3)} % idle, ` +
        `${fixed(idle.tricklePercent, 2)} % with 1000 frames a second`,
    );
  }
  if (churn) print(`\njoins a second: ${fixed(Math.min(...churn.joinsPerSecond), 1)} at least`);
}

function warnOfWeather(results: Results): void {
  const waited = Math.max(0, ...seriesOf(results).flatMap(([, , f]) => f).map((f) => f.waited));
  if (waited <= WEATHER) return;
  print(
    `\nSomething else ran on the subject's CPU for up to ${percent(waited)} of a turn: absolute ` +
      `figures are worth little, ratios hold better. Run again on a quiet machine.`,
  );
}

if (import.meta.main) {
  const setup = await prepare();
  const machine = await describeMachine();
  print(machineLine(machine));
  try {
    const results = await run(setup, setup.parts);
    progress("");
    printFigures(results);
    printSingles(results);
    const verdicts = setup.smoke ? [] : judge(results);
    printVerdicts(verdicts);
    warnOfWeather(results);
    await writeJson(setup.json, { machine, pinning: setup.pinning, ...results, verdicts });
  } catch (error) {
    complain(error);
  } finally {
    await Deno.remove(setup.room, { recursive: true });
  }
}
