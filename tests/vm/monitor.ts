/**
 * QEMU's monitor (QMP) of one guest.
 *
 * @module
 */
import { LineSocket } from "./line_socket.ts";

/** An asynchronous event of QEMU, e.g. NETDEV_STREAM_DISCONNECTED. */
export interface MonitorEvent {
  readonly event: string;
  readonly timestamp: { readonly seconds: number; readonly microseconds: number };
}

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** A monitor connection. Commands are answered in order; events are kept in {@linkcode Monitor.events}. */
export class Monitor implements AsyncDisposable {
  readonly events: MonitorEvent[] = [];
  readonly #waiting: PromiseWithResolvers<Reply>[] = [];
  #socket!: LineSocket;
  #gone = false;

  /** Connect to QEMU's `-qmp` socket. */
  static async connect(path: string, alive: () => boolean): Promise<Monitor> {
    const monitor = new Monitor();
    monitor.#socket = await LineSocket.connect(
      path,
      alive,
      (line) => monitor.#take(line),
      () => monitor.#end(),
    );
    await monitor.command("qmp_capabilities");
    return monitor;
  }

  /** Run a command; throws QEMU's own words on an error. */
  async command(execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#gone) throw new Error(`Cannot run monitor command ${execute}: QEMU ended`);
    const answer = Promise.withResolvers<Reply>();
    this.#waiting.push(answer);
    await this.#socket.send(JSON.stringify({ execute, arguments: args }));
    const reply = await answer.promise;
    if (reply.error) throw new Error(`Cannot run monitor command ${execute}: ${reply.error.desc}`);
    return reply.return;
  }

  #take(line: string): void {
    const message: Reply | MonitorEvent | { QMP: unknown } = JSON.parse(line);
    if ("event" in message) this.events.push(message);
    else if (!("QMP" in message)) this.#waiting.shift()?.resolve(message);
  }

  #end(): void {
    this.#gone = true;
    for (const answer of this.#waiting.splice(0)) {
      answer.resolve({ error: { desc: "QEMU ended" } });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]();
  }
}
