/**
 * Starting the switch the way launchers do, the careless ones too.
 *
 * `VSWITCH` names another build to judge (words separated by spaces, e.g. `dist/vswitch`); without it the
 * sources of this repository run under the same deno as the test. The process dies with the thread that
 * started it (`setpriv --pdeathsig`, kept over exec).
 *
 * @module
 */
import { inheriting } from "./descriptors.ts";

/** How to start a switch, besides its arguments. */
export interface VswitchOptions {
  /** Shell commands run in the process before it becomes the switch, as `umask 000`. */
  readonly before?: string;
  /** Shell redirections of the switch, as `<&-`. */
  readonly redirect?: string;
  /** Words in front of the program, as `strace -D`: the program must keep the process id. */
  readonly wrap?: readonly string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Descriptors of ours it may use, by the same numbers. */
  readonly descriptors?: readonly number[];
  /** Leave stdout unread, as a launcher does that has lost interest. Ready must go elsewhere then. */
  readonly holdStdout?: boolean;
}

/** The words that start the switch. */
function program(): string[] {
  const chosen = Deno.env.get("VSWITCH")?.trim();
  if (chosen) return chosen.split(/\s+/);
  return [Deno.execPath(), "run", "-A", `${import.meta.dirname}/../../main.ts`];
}

/** Start it, with stdout and stderr as pipes. */
export function spawnVswitch(args: readonly string[], options: VswitchOptions): Deno.ChildProcess {
  const script = `${options.before ?? ":"}; exec "$@" ${options.redirect ?? ""}`;
  const words = [...options.wrap ?? [], ...program(), ...args];
  const command = new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", "sh", "-c", script, "sh", ...words],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // The runtime would look for its own updates now and then: system calls that are not ours.
    env: { DENO_NO_UPDATE_CHECK: "1", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return inheriting(options.descriptors ?? [], () => command.spawn());
}
