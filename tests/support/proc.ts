/**
 * What the kernel knows about a process: descriptors, memory, CPU time, signals it got.
 *
 * @module
 */

/** Descriptors a process has open, by what they are. */
export function descriptorsOf(pid: number): string[] {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].flatMap(({ name }) => {
    try {
      return [Deno.readLinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return []; // closed since the folder was read
    }
  });
}

/** Resident memory in MiB. */
export function residentMib(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

/**
 * CPU time of all threads in milliseconds. /proc/PID/stat counts in ticks of 10 ms, too coarse for an idle
 * process; schedstat counts nanoseconds, a thread at a time.
 */
export function cpuMs(pid: number): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`);
      sum += Number(text.split(" ")[0]);
    } catch {
      // the thread ended between the two reads
    }
  }
  return sum / 1e6;
}

/** Share of one CPU a process uses while `during` runs, in percent. */
export async function cpuPercent(pid: number, during: () => Promise<unknown>): Promise<number> {
  const used = cpuMs(pid), started = performance.now();
  await during();
  return (cpuMs(pid) - used) / (performance.now() - started) * 100;
}

/** True while a process is stopped (SIGSTOP). */
export function isStopped(pid: number): boolean {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}
