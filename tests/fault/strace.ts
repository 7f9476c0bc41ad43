/**
 * The switch under strace, which makes chosen system calls fail.
 *
 * `-D` leaves the switch its process id and its parent; `--seccomp-bpf` stops it at the traced call only, so
 * that everything else runs at its usual speed. What was injected is counted in strace's output: a test
 * whose fault never happened proves nothing, and fails.
 *
 * @module
 */

import { say } from "../support/time.ts";

/** Words that go in front of the program; see {@linkcode injected}. */
export function injecting(call: string, what: string, output: string): string[] {
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:${what}`];
  return ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", output, ...inject];
}

/** How many calls were tampered with. */
export function injected(output: string): number {
  const marked = /\((INJECTED|DELAYED|INJECTED, DELAYED)\)$/;
  return Deno.readTextFileSync(output).split("\n").filter((line) => marked.test(line)).length;
}

/** How many calls strace has seen. */
export function traced(output: string): number {
  return Deno.readTextFileSync(output).split("\n").length - 1;
}

/**
 * A test that needs strace. Without it the test is ignored and a line says why; where `CI` is set, which
 * promises a complete machine, it fails.
 */
export function straceTest(name: string, fn: () => Promise<void>): void {
  const promised = (Deno.env.get("CI") ?? "") !== "";
  const run = missing === "" ? fn : () => Promise.reject(new Error(missing));
  Deno.test({ name, ignore: missing !== "" && !promised, fn: run });
}

/** Why strace cannot be used here; empty when it can. */
async function whyNot(): Promise<string> {
  try {
    const args = ["-f", "--seccomp-bpf", "-qq", "-e", "trace=getpid", "true"];
    const { success, stderr } = await new Deno.Command("strace", { args }).output();
    return success ? "" : `strace does not work here: ${new TextDecoder().decode(stderr).trim()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "strace is not installed";
    throw error;
  }
}

const missing = await whyNot();
if (missing !== "") say(`SKIP of the tests in this file: ${missing}`);
