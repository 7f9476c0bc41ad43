/**
 * A place for sockets that nobody else may look into.
 *
 * @module
 */
import { Exit, Failure } from "../control/failure.ts";

/**
 * Make a temporary folder; the runtime gives it the mode 0700.
 *
 * @throws Failure when there is no place for it
 */
export async function temporaryFolder(prefix: string): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(
      `Cannot make a temporary folder: ${reason}; set TMPDIR to one you may write to`,
      Exit.FAILED,
    );
  }
}
