/**
 * `deno task pack`: the program as one self-extracting file, of the bundle and the deno program that npm
 * ships. It needs no denort, so it can be made, and run, wherever this repository runs.
 *
 * @module
 */
import {
  build,
  BUNDLE,
  chooseTarget,
  needBundle,
  print,
  readOptions,
  ROOT,
} from "./command_line.ts";
import { denoProgram } from "./deno_program.ts";
import { notice } from "./notice.ts";
import { selfExtracting } from "./self_extracting.ts";
import { TARGETS } from "./targets.ts";
import { VERSION } from "../src/cli/version.ts";

const USAGE = `Usage: deno task pack [options]
  --target TARGET   machine to pack for, by npm's deno for it; this one by default
  --deno VERSION    deno to pack; the one that runs by default
  --output FILE     dist/vswitch.run by default, dist/vswitch-TARGET.run with --target`;

/** Write a program so that nobody ever sees, or runs, half of it. */
async function writeProgram(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${Deno.pid}.tmp`;
  await Deno.writeFile(draft, bytes, { mode: 0o755 });
  await Deno.rename(draft, path);
}

if (import.meta.main) {
  await build(async () => {
    const options = readOptions(USAGE, ["target", "deno", "output"]);
    const target = chooseTarget(options.target);
    needBundle();
    const file = await selfExtracting(await Deno.readTextFile(`${ROOT}/dist/launcher.sh`), {
      version: VERSION,
      system: TARGETS[target].uname,
      deno: await denoProgram(target, options.deno ?? Deno.version.deno),
      bundle: await Deno.readFile(BUNDLE),
      notice: notice(),
    });
    const suffix = options.target === undefined ? "" : `-${target}`;
    const output = options.output ?? `${ROOT}/dist/vswitch${suffix}.run`;
    await writeProgram(output, file);
    print(`Wrote ${output} (${(file.byteLength / 1e6).toFixed(1)} MB)`);
  });
}
