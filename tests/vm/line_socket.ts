/**
 * A unix socket that speaks in lines: the command channel of a guest and QEMU's monitor.
 *
 * @module
 */

/** A connection whose incoming lines go to a callback. */
export class LineSocket implements AsyncDisposable {
  readonly #connection: Deno.UnixConn;
  readonly #reader: Promise<void>;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(
    connection: Deno.UnixConn,
    line: (text: string) => void,
    ended: () => void,
  ) {
    this.#connection = connection;
    this.#reader = this.#read(line).finally(ended);
  }

  /** Connect, waiting for the path to appear while `alive`. `ended` is called once, however the connection ends. */
  static async connect(
    path: string,
    alive: () => boolean,
    line: (text: string) => void,
    ended: () => void,
  ): Promise<LineSocket> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      try {
        return new LineSocket(await Deno.connect({ transport: "unix", path }), line, ended);
      } catch (error) {
        if (!alive() || performance.now() > deadline) {
          throw new Error(`Cannot connect to ${path}: nobody listens`, { cause: error });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Send one line; lines of several callers do not mix. */
  send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text + "\n");
    const sent = this.#tail.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    });
    this.#tail = sent.catch(() => {});
    return sent;
  }

  async #read(line: (text: string) => void): Promise<void> {
    const chunk = new Uint8Array(65_536), decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      // a killed process resets its sockets: the end, like an orderly one
      const length = await this.#connection.read(chunk).catch(() => null);
      if (length === null) return;
      const lines = (rest + decoder.decode(chunk.subarray(0, length), { stream: true })).split(
        "\n",
      );
      rest = lines.pop() ?? "";
      for (const text of lines) line(text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#connection.close();
    } catch { /* closed already */ }
    await this.#reader;
  }
}
