/**
 * `deno task test`: the fast tests, as many as this system can run, and a line about those it cannot.
 *
 * Words behind the command are those of `deno test`, as in `deno task test tests/cli`.
 *
 * @module
 */

/** Tests with a task of their own. */
const APART = ["tests/vm", "tests/fault", "tests/dist", "tests/kernel"];

/** Tests that only Linux can run, each with what they need of it. */
const LINUX = { "tests/process": "the switch is started by setpriv(1) and watched in /proc" };

const ignored = [...APART];
if (Deno.build.os !== "linux") {
  for (const [folder, why] of Object.entries(LINUX)) {
    ignored.push(folder);
    tell(`SKIPPED on ${Deno.build.os}: ${folder} (${why})`);
  }
}
const args = ["test", "-A", `--ignore=${ignored.join(",")}`, ...Deno.args];
const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
Deno.exit(code);

function tell(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));
}
