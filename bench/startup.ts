/**
 * What a switch costs before the first frame: time to the ready line, idle CPU, memory.
 *
 * @module
 */
import { build, type Programs } from "./build.ts";
import { sleep } from "./child.ts";
import { joinIdle, Pair } from "./load.ts";
import { choosePinning, describeMachine, machineLine, type Pinning } from "./machine.ts";
import { type BenchOptions, readOptions, writeJson } from "./options.ts";
import { cpuNanoseconds, residentKib } from "./process.ts";
import { type Port, startOurs } from "./subject.ts";
import { fixed, median, table } from "./table.ts";
import { complain, print, progress } from "./text.ts";

const USAGE = `Usage: deno run -A bench/startup.ts [options]
  --rounds N         starts, 10 by default
  --seconds S        how long to look at an idle switch, 5 by default
  --switch COMMAND   ours; deno run -A main.ts by default
  --json FILE        write results there
  --help`;

/** Ports of the small and the large switch; the difference gives the memory of a port. */
const FEW = 2, MANY = 130;
const TARGETS = { readyMs: 300, idleCpuPercent: 0.05, residentMib: 90 };

interface Setup extends BenchOptions {
  programs: Programs;
  pinning: Pinning;
  room: string;
}

function ports(setup: Setup, count: number): Port[] {
  return Array.from({ length: count }, (_, i) => ({ wire: "dgram", path: `${setup.room}/s${i}` }));
}

/** Milliseconds from spawn to the ready line, each start. Not pinned: starting may use every CPU. */
async function readyTimes(setup: Setup): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < setup.rounds; i++) {
    progress(`start ${i + 1} of ${setup.rounds}`);
    const start = performance.now();
    const subject = await startOurs(setup.command, ports(setup, FEW));
    times.push(performance.now() - start);
    await subject.stop();
  }
  return times;
}

/** A switch whose ports all have idle VMs: CPU in percent over the time, and memory in KiB. */
async function idle(setup: Setup, count: number, seconds: number) {
  progress(`${count} ports, idle for ${seconds} s`);
  const subject = await startOurs(setup.command, ports(setup, count), setup.pinning.subject);
  try {
    const vms = await joinIdle(setup.programs.load, subject.ends, setup.pinning);
    await sleep(1000); // what starting left to do
    const before = cpuNanoseconds(subject.pid);
    await sleep(seconds * 1000);
    const cpuPercent = (cpuNanoseconds(subject.pid) - before) / 1e9 / seconds * 100;
    const kib = residentKib(subject.pid);
    await vms.finish();
    return { cpuPercent, kib };
  } finally {
    await subject.stop();
  }
}

/** Memory in KiB after traffic of small and large frames. */
async function busyKib(setup: Setup): Promise<number> {
  progress(`${FEW} ports, after traffic`);
  const subject = await startOurs(setup.command, ports(setup, FEW), setup.pinning.subject);
  try {
    const pair = await Pair.join(setup.programs.load, subject.ends, setup.pinning);
    for (const size of [64, 1514, 65000]) await pair.throughput({ size, seconds: 1 });
    const kib = residentKib(subject.pid);
    await pair.leave();
    return kib;
  } finally {
    await subject.stop();
  }
}

async function run(setup: Setup) {
  const times = await readyTimes(setup);
  const few = await idle(setup, FEW, setup.seconds);
  const many = await idle(setup, MANY, 1);
  return {
    readyMs: median(times),
    readyMsWorst: Math.max(...times),
    idleCpuPercent: few.cpuPercent,
    residentMib: few.kib / 1024,
    residentMibAfterTraffic: await busyKib(setup) / 1024,
    kibPerPort: (many.kib - few.kib) / (MANY - FEW),
  };
}

if (import.meta.main) {
  const options = readOptions(USAGE, 10, 5);
  const programs = await build(), pinning = await choosePinning();
  const room = await Deno.makeTempDir({ prefix: "startup" });
  const machine = await describeMachine();
  print(machineLine(machine));
  try {
    const r = await run({ ...options, programs, pinning, room });
    progress("");
    const judged = (value: number, target: number) => [
      `< ${target}`,
      value < target ? "met" : "NOT MET",
    ];
    table(["", "value", "target", ""], [
      ["ready, median ms", fixed(r.readyMs, 0), ...judged(r.readyMs, TARGETS.readyMs)],
      ["ready, longest ms", fixed(r.readyMsWorst, 0), "-", ""],
      [
        "idle CPU %",
        fixed(r.idleCpuPercent, 3),
        ...judged(r.idleCpuPercent, TARGETS.idleCpuPercent),
      ],
      [
        `RSS MiB, ${FEW} ports`,
        fixed(r.residentMib, 1),
        ...judged(r.residentMib, TARGETS.residentMib),
      ],
      ["RSS MiB after traffic", fixed(r.residentMibAfterTraffic, 1), "-", ""],
      ["RSS KiB per port more", fixed(r.kibPerPort, 1), "-", ""],
    ]);
    await writeJson(options.json, { machine, pinning, targets: TARGETS, ...r });
  } catch (error) {
    complain(error);
  } finally {
    await Deno.remove(room, { recursive: true });
  }
}
