/**
 * What the kernel knows about a process: CPU time and memory, from /proc.
 *
 * @module
 */

/** Time of all threads of a process, in nanoseconds. */
export interface Schedule {
  /** On a CPU. */
  ran: number;
  /** Ready to run while something else had the CPU. */
  waited: number;
}

/**
 * How long a process ran and waited so far.
 *
 * /proc/PID/stat counts in ticks of 10 ms, 1 % of a one-second run; schedstat counts nanoseconds but
 * only of one thread, so the threads are summed. The time of a thread that has ended is missing.
 */
export function schedule(pid: number): Schedule {
  const sum = { ran: 0, waited: 0 };
  for (const thread of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/task/${thread.name}/schedstat`);
      const [ran, waited] = text.split(" ").map(Number);
      sum.ran += ran;
      sum.waited += waited;
    } catch (error) {
      // The thread ended between the two reads.
      if (!(error instanceof Deno.errors.NotFound) && !isGone(error)) throw error;
    }
  }
  return sum;
}

/** CPU time all threads of a process have used, in nanoseconds. */
export function cpuNanoseconds(pid: number): number {
  return schedule(pid).ran;
}

/** Resident memory of a process in KiB. */
export function residentKib(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  if (match === null) throw new Error(`Cannot read the memory of process ${pid}: no VmRSS`);
  return Number(match[1]);
}

/** Reading a file of an ended thread fails with ESRCH. */
function isGone(error: unknown): boolean {
  return error instanceof Error && (error as { code?: string }).code === "ESRCH";
}
