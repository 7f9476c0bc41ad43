/**
 * Recorded answers of the kernel: lines of JSON, each with frames that went in and what came out.
 *
 * Frames are written as wire_text.ts says. `deno run -A tests/kernel/record.ts` asks the kernel
 * again, as root, and writes the files anew.
 *
 * @module
 */

/** A frame with its vnet header, and the frames Linux makes of it for a VM that takes nothing unfinished. */
export interface CutVector {
  /** What is special about it. */
  readonly name?: string;
  readonly in: string;
  /** Without vnet headers. None: Linux dropped it, or refused it at once. */
  readonly out: readonly string[] | "refused";
}

/** A burst of segments, and what Linux makes of it for a VM that takes everything unfinished. */
export interface MergeVector {
  readonly name?: string;
  readonly in: readonly string[];
  readonly out: readonly string[];
}

/** The files of vectors of one frame. */
export const CUT_FILES = ["segment", "fill", "accept"] as const;

/** The vectors of a file. */
export function load<Vector>(name: string): Vector[] {
  const lines = Deno.readTextFileSync(pathOf(name)).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** Write a file of vectors. */
export function save(name: string, vectors: readonly (CutVector | MergeVector)[]): void {
  const lines = vectors.map((vector) => `${JSON.stringify(vector)}\n`);
  Deno.writeTextFileSync(pathOf(name), lines.join(""));
}

function pathOf(name: string): string {
  return `${import.meta.dirname}/${name}.jsonl`;
}
