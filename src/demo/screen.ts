/**
 * What the demo prints: one line a step, begun when the step begins and ended by its result.
 *
 * @module
 */

/** Who is told of each step. */
export interface Steps {
  /** Run a step and show how it ended; its result is a few words, or empty. */
  step<T>(label: string, action: () => Promise<[T, string]>): Promise<T>;
}

/** Plain text out, with a little colour for a terminal that wants it. */
export class Screen implements Steps {
  readonly #write: (text: string) => void;
  readonly #color: boolean;
  #step = 0;

  constructor(write: (text: string) => void, color: boolean) {
    this.#write = write;
    this.#color = color;
  }

  /** Text of its own. */
  say(text: string): void {
    this.#write(text + "\n");
  }

  /** See {@linkcode Steps}. */
  async step<T>(label: string, action: () => Promise<[T, string]>): Promise<T> {
    this.#write(`${String(++this.#step).padStart(2)}  ${label} ... `);
    try {
      const [value, result] = await action();
      this.say(`${this.#paint(32, "ok")}${result === "" ? "" : `, ${result}`}`);
      return value;
    } catch (error) {
      this.say(this.#paint(31, "FAILED"));
      throw error;
    }
  }

  /** Number of the step that runs or ran last. */
  get current(): number {
    return this.#step;
  }

  #paint(code: number, text: string): string {
    return this.#color ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

/** Standard output; a reader that left is no reason to stop. */
export function writeStdout(text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.byteLength;) {
      done += Deno.stdout.writeSync(bytes.subarray(done));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
