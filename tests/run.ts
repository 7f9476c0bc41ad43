/**
 * `deno task test`: the fast tests, as many as this system can run, and a line about those it cannot.
 *
 * Words behind the command are those of `deno test`, as in `deno task test tests/cli`.
 *
 * @module
 */

/** Tests with a task of their own. */
const APART = ["tests/vm", "tests/fault", "tests/dist", "tests/kernel"];

/** Tests of vhost-user that open the real kernel; what runs over a fake one runs everywhere. */
const MEMORY = [
  ...["dial", "gathering", "guest_memory", "hostile_fault", "hostile", "hostile_work", "kicks"],
  ...["message", "offload_traffic", "session_fuzz", "session_order", "session_refusal", "session"],
  ...["stall", "traffic_change", "traffic"],
].map((name) => `tests/port/vhost_user/${name}_test.ts`);

/** Tests that only Linux can run, by what they need of it. */
const LINUX: Readonly<Record<string, readonly string[]>> = {
  "the switch is started by setpriv(1) and watched in /proc": [
    "tests/process",
    "tests/capture/matrix_test.ts",
  ],
  "guests share their memory by memfd and eventfd": [
    "tests/support/vhost_frontend_test.ts",
    ...MEMORY,
  ],
};

const ignored = [...APART];
if (Deno.build.os !== "linux") {
  for (const [why, tests] of Object.entries(LINUX)) {
    ignored.push(...tests);
    for (const each of tests) tell(`SKIPPED on ${Deno.build.os}: ${each} (${why})`);
  }
}
const args = ["test", "-A", `--ignore=${ignored.join(",")}`, ...Deno.args];
const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
Deno.exit(code);

function tell(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));
}
