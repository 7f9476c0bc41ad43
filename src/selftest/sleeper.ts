/**
 * A process that only sleeps: something to be watched, which ends when it is told to, and soon if nobody does.
 *
 * @module
 */
import type { Process } from "./probe.ts";

/** Where POSIX systems have it; by name where they keep it elsewhere. */
const COMMANDS = ["/bin/sleep", "sleep"];
const SECONDS = "10";

/** Start one; undefined where that is not possible. */
export function startProcess(): Process | undefined {
  for (const command of COMMANDS) {
    try {
      const child = new Deno.Command(command, {
        ...{ args: [SECONDS], stdin: "null", stdout: "null", stderr: "null" },
      }).spawn();
      child.unref();
      let running = true;
      const end = () => {
        if (running) child.kill("SIGKILL");
        running = false;
      };
      return { pid: child.pid, end };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}
