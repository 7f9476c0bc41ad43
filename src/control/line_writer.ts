/**
 * Lines to a pipe, a file or a terminal that may be slow, stuck or gone.
 *
 * A reader that stopped reading must not stop us, and one that went away must not end us: writes are
 * asynchronous, what waits is bounded, and an error loses the lines it happened on and nothing more.
 *
 * @module
 */

/** Where bytes go: `Deno.stdout`, `Deno.stderr` or a test's own. */
export interface Output {
  /** Write some of the bytes; resolves with how many were taken. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Pause before another try of an output that is non-blocking and full (another process may have made it so). */
const RETRY_MS = 10;

/** See the head of this file. */
export class LineWriter {
  readonly #output: Output;
  readonly #limit: number;
  #waiting: string[] = [];
  #pumping: Promise<void> | undefined;

  /** @param limit most lines that wait while an earlier write is not finished */
  constructor(output: Output, limit: number) {
    this.#output = output;
    this.#limit = limit;
  }

  /** True when every line was written or lost. */
  get idle(): boolean {
    return this.#pumping === undefined;
  }

  /** Resolves once nothing is being written. */
  get settled(): Promise<void> {
    return this.#pumping ?? Promise.resolve();
  }

  /** Write a line, given without its newline. False: too many are waiting and this one is dropped. */
  write(line: string): boolean {
    if (this.#waiting.length >= this.#limit) return false;
    this.#waiting.push(line);
    this.#pumping ??= this.#pump();
    return true;
  }

  /** Wait until all lines are written, at most `milliseconds`; tells whether they are. */
  async drain(milliseconds: number): Promise<boolean> {
    if (this.#pumping === undefined) return true;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, milliseconds);
    await Promise.race([this.#pumping, late.promise]);
    clearTimeout(timer);
    return this.idle;
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = new TextEncoder().encode(this.#waiting.join("\n") + "\n");
      this.#waiting = [];
      await this.#writeAll(bytes);
    }
    this.#pumping = undefined;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength;) {
      try {
        done += await this.#output.write(bytes.subarray(done));
      } catch (error) {
        // Anything but a full non-blocking output (a closed pipe, a full disk) loses these lines.
        if (!(error instanceof Deno.errors.WouldBlock)) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
