/**
 * `deno task compile`: the program as one executable file.
 *
 * The bundle is all that goes in. It needs no npm package, no configuration and no second file for the
 * engine's thread (the program starts itself again there), so everything Deno might add is switched off, and
 * with the bundle's time set to zero the same sources give the same file. The code cache is off because
 * it would be a file of a well-known name in the temporary folder.
 *
 * Deno builds on `denort`, its runtime without tools, which it downloads once. A machine that cannot do
 * that needs one of the ways named in the error.
 *
 * @module
 */
import {
  build,
  BuildError,
  BUNDLE,
  chooseTarget,
  needBundle,
  print,
  readOptions,
  ROOT,
  runProgram,
} from "./command_line.ts";
import { PERMISSIONS } from "./permissions.ts";
import { HOST } from "./targets.ts";

const USAGE = `Usage: deno task compile [options]
  --target TARGET   machine to build for; this one by default
  --output FILE     dist/vswitch-TARGET by default, and dist/vswitch too when it is for this machine

DENORT_BIN names a denort program for the target; without it Deno downloads one.`;

const FLAGS = [
  ...PERMISSIONS,
  ...["--no-check", "--no-config", "--no-lock", "--no-npm", "--no-remote", "--no-code-cache"],
];

async function compile(target: string, output: string): Promise<void> {
  needBundle();
  await Deno.utime(BUNDLE, 0, 0);
  const where = ["--target", target, "--app-name", "vswitch", "--output", output];
  const { success, stderr } = await runProgram(
    Deno.execPath(),
    ["compile", "--quiet", ...FLAGS, ...where, BUNDLE],
    ROOT,
  );
  if (success) return;
  if (/denort|base binary/.test(stderr)) throw await noRuntime(target, stderr);
  throw new BuildError(`Cannot compile for ${target}: deno compile failed\n${stderr}`);
}

/**
 * Sign a program for macOS ad hoc. Deno does that by itself for arm64; for x64 it leaves the signature that denort came
 * with, whose first page has changed. Only a Mac has codesign.
 */
async function sign(target: string, output: string): Promise<void> {
  if (!target.endsWith("apple-darwin")) return;
  const words = ["--force", "--sign", "-", output];
  if (Deno.build.os !== "darwin") {
    return print(`On a Mac, before it runs there: codesign ${words.join(" ")}`);
  }
  const { success, stderr } = await runProgram("codesign", words, ROOT);
  if (!success) throw new BuildError(`Cannot sign ${output}: ${stderr}`);
}

async function noRuntime(target: string, said: string): Promise<BuildError> {
  const { stdout } = await runProgram(Deno.execPath(), ["info", "--json"], ROOT);
  const { denoDir } = JSON.parse(stdout) as { denoDir: string };
  const { deno } = Deno.version;
  const name = `denort-${target}.zip`;
  return new BuildError(
    `${said.split("\n\nStack backtrace")[0].trimEnd()}\n
Cannot compile for ${target}: denort ${deno}, which the program is put into, is not here and cannot be had. Either
  - set DENORT_BIN to a denort ${deno} program for ${target}, or
  - put ${name} of Deno's release v${deno} into ${denoDir}/dl/release/v${deno}/, or
  - use \`deno task pack\`: one file too, and it needs no denort.`,
  );
}

if (import.meta.main) {
  await build(async () => {
    const options = readOptions(USAGE, ["target", "output"]);
    const target = chooseTarget(options.target);
    const output = options.output ?? `${ROOT}/dist/vswitch-${target}`;
    await compile(target, output);
    print(`Wrote ${output}`);
    await sign(target, output);
    if (target !== HOST || options.output !== undefined) return;
    await Deno.copyFile(output, `${ROOT}/dist/vswitch`);
    print(`Wrote ${ROOT}/dist/vswitch`);
  });
}
