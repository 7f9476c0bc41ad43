/**
 * The shapes the program comes in. The same smoke tests run over each.
 *
 * @module
 */
import { RUN_FLAGS } from "../../dist/permissions.ts";
import { ROOT } from "./room.ts";

/** One package. */
export interface Shape {
  readonly name: string;
  /** Start of the command line. */
  readonly argv: readonly string[];
  /** Why it cannot be tested here; undefined when it can. */
  readonly missing?: string;
}

/** Every shape, those that are missing too. */
export const SHAPES: readonly Shape[] = [
  { name: "bundle", argv: [Deno.execPath(), "run", ...RUN_FLAGS, `${ROOT}/dist/vswitch.js`] },
  { name: "pack", argv: [`${ROOT}/dist/vswitch.run`] },
  compiled(),
];

/** The one shape that cannot be made everywhere. */
function compiled(): Shape {
  const path = `${ROOT}/dist/vswitch`;
  const shape = { name: "compile", argv: [path] };
  try {
    Deno.statSync(path);
    return shape;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { ...shape, missing: "dist/vswitch is not made; it needs denort, see dist/README.md" };
  }
}
