/**
 * The deno program that goes into a package: the one that runs, or that of npm for another machine.
 *
 * @module
 */
import { BuildError, runProgram } from "./command_line.ts";
import { HOST, TARGETS } from "./targets.ts";

/**
 * Bytes of deno `version` for `target`.
 *
 * @throws BuildError when npm has no such package, or is not there
 */
export async function denoProgram(target: string, version: string): Promise<Uint8Array> {
  if (target === HOST && version === Deno.version.deno) return Deno.readFileSync(Deno.execPath());
  const folder = await Deno.makeTempDir({ prefix: "vswitch-pack-" });
  try {
    return await fromNpm(target, version, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function fromNpm(target: string, version: string, folder: string): Promise<Uint8Array> {
  const spec = `${TARGETS[target].npm}@${version}`;
  const packed = await runProgram("npm", ["pack", "--loglevel", "error", spec], folder);
  if (!packed.success) {
    const why = /E404|ETARGET|notarget/.test(packed.stderr)
      ? `npm has no ${spec}; choose a version it has with --deno VERSION`
      : `npm cannot fetch ${spec}; check the network, or build on such a machine`;
    throw new BuildError(`${packed.stderr.trimEnd()}\n\nCannot pack for ${target}: ${why}`);
  }
  const archive = packed.stdout.trim().split("\n").at(-1) ?? "";
  const unpacked = await runProgram("tar", ["-xzf", archive, "package/deno"], folder);
  if (!unpacked.success) {
    throw new BuildError(`Cannot pack for ${target}: ${spec} holds no deno: ${unpacked.stderr}`);
  }
  return await Deno.readFile(`${folder}/package/deno`);
}
