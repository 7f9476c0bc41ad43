/**
 * The pid file: our process id while we run.
 *
 * It is written once the ports are open, so that its appearance means ready, by renaming a complete file: a
 * reader never sees half a number. A file left by a process that is gone is replaced; one that names a
 * living process, or that holds something else, is not.
 *
 * @module
 */
import { Exit, Failure } from "./failure.ts";

/** See the head of this file. */
export class PidFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Look at what is there now; nothing is written yet. An empty path stands for no file.
   *
   * @throws Failure when the file must not be replaced
   */
  static claim(path: string): PidFile {
    if (path === "") return new PidFile(path);
    const text = read(path);
    if (text === undefined || text === "") return new PidFile(path);
    if (!/^\d{1,10}$/.test(text)) {
      throw new Failure(
        `Cannot use pid file ${path}: it holds something else than a process id; use another path`,
        Exit.USAGE,
      );
    }
    // Our own id: left by a predecessor, as in a container that starts again.
    if (Number(text) !== Deno.pid && isAlive(Number(text))) {
      throw new Failure(
        `Cannot use pid file ${path}: process ${text} is running; stop it, or remove the file if that is not vswitch`,
        Exit.FAILED,
      );
    }
    return new PidFile(path);
  }

  /** @throws Failure when it cannot be written */
  write(): void {
    if (this.#path === "") return;
    const draft = `${this.#path}.${Deno.pid}.tmp`;
    try {
      Deno.writeTextFileSync(draft, `${Deno.pid}\n`, { createNew: true, mode: 0o644 });
      Deno.renameSync(draft, this.#path);
    } catch (error) {
      removeIfThere(draft);
      throw new Failure(
        `Cannot write pid file ${this.#path}: ${reason(error)}; use a folder you may write to`,
        Exit.FAILED,
      );
    }
  }

  /** Remove the file if it is still ours. */
  remove(): void {
    if (this.#path === "" || read(this.#path) !== String(Deno.pid)) return;
    removeIfThere(this.#path);
  }
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Failure(
      `Cannot read pid file ${path}: ${reason(error)}; use another path`,
      Exit.USAGE,
    );
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // Gone already, or its folder may no longer be written to: the next start finds it stale.
  }
}

/** Signal 0 only asks (kill(2)); a process of somebody else is alive too. */
function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, 0 as unknown as Deno.Signal);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
