/**
 * Where and when a result was measured, and on which CPUs the two sides run.
 *
 * @module
 */
import { findCompiler, firstLine } from "./build.ts";

/** Facts that go beside every result. */
export interface Machine {
  date: string;
  cpu: string;
  cpus: number;
  memoryGib: number;
  kernel: string;
  deno: string;
  compiler: string;
  /** One-minute load average before the run: other work on the machine makes frames/s worthless. */
  loadAverage: number;
}

/** CPU of the subject and CPUs of the load; empty: nothing is pinned. */
export interface Pinning {
  subject?: number;
  /** A list for the load generator's --cpu; two entries mean a thread each for sending and receiving. */
  load?: string;
}

/** Look at this machine. */
export async function describeMachine(): Promise<Machine> {
  const info = await Deno.readTextFile("/proc/cpuinfo");
  const compiler = await findCompiler();
  return {
    date: new Date().toISOString().slice(0, 16) + "Z",
    cpu: /^model name\s*:\s*(.+)$/m.exec(info)?.[1] ?? Deno.build.arch,
    cpus: allowedCpus().length,
    memoryGib: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    deno: `${Deno.version.deno} (V8 ${Deno.version.v8})`,
    compiler: compiler === undefined
      ? "none"
      : await firstLine([compiler, "--version"]) ?? compiler,
    loadAverage: Math.round(Deno.loadavg()[0] * 100) / 100,
  };
}

/** One line for the head of a table. */
export function machineLine(machine: Machine): string {
  return `${machine.date} · ${machine.cpu}, ${machine.cpus} CPUs, ${machine.memoryGib} GiB · ` +
    `${machine.kernel} · Deno ${machine.deno} · ${machine.compiler} · load average ${machine.loadAverage}`;
}

/**
 * The subject on one CPU, the load on others: one if there are two or three, two (a thread each) if there
 * are more. Nothing is pinned on one CPU or without taskset.
 */
export async function choosePinning(): Promise<Pinning> {
  const cpus = allowedCpus();
  if (cpus.length < 2 || await firstLine(["taskset", "--version"]) === undefined) return {};
  const load = cpus.length >= 4 ? `${cpus[1]},${cpus[2]}` : `${cpus[1]}`;
  return { subject: cpus[0], load };
}

/** CPUs this process may run on, from a list such as `0-1,4`. */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return (list ?? "0").split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
