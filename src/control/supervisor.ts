/**
 * The supervisor owns the engine's thread: it starts it, sends it commands and hears its events.
 *
 * The engine runs in a Worker made from the program's own main module, so a bundle or a compiled program
 * stays one file. It blocks in the kernel and takes messages only when it is woken: a command is always
 * one message and then exactly one wake. Only the first, `start`, needs none: it is what the engine begins
 * with, before it blocks.
 *
 * @module
 */
import { readCounters, ROWS, SHARED_BYTES } from "../engine/counters.ts";
import type { Command, Event, OpenedPort } from "../engine/protocol.ts";
import type { Kernel } from "../platform/kernel.ts";
import { openKernel } from "../platform/mod.ts";
import type { PortConfig } from "../port/config.ts";
import { kinds } from "../port/mod.ts";
import { Exit, Failure } from "./failure.ts";
import type { Entry } from "./log.ts";
import type { PortRow, Snapshot } from "./reports.ts";

/** Longest a stop may take: SIGTERM is promised to end the process within 500 ms. */
const STOP_BACKSTOP_MS = 450;
/** Address space of the main thread's kernel, which sends no frames. */
const ARENA_BYTES = 1 << 20;

/** See the head of this file. */
export class Supervisor {
  /** System calls of the main thread. */
  readonly kernel: Kernel;
  /**
   * Rejects when the engine dies ({@linkcode Failure} with exit code 70), and never resolves. Nobody
   * has to listen.
   */
  readonly ended: Promise<never>;
  readonly #worker: Worker;
  readonly #wakeFd: number;
  readonly #counters = new SharedArrayBuffer(SHARED_BYTES);
  readonly #ports = new Map<number, PortRow>();
  readonly #onLog: (entry: Entry) => void;
  readonly #answer = Promise.withResolvers<Event & { kind: "opened" }>();
  readonly #end = Promise.withResolvers<never>();
  readonly #stopped = Promise.withResolvers<void>();
  #opened: readonly OpenedPort[] = [];
  #bulk = "";
  #openedAt = performance.now();
  #stopping: Promise<boolean> | undefined;

  private constructor(mainUrl: string, onLog: (entry: Entry) => void) {
    this.#onLog = onLog;
    this.ended = this.#end.promise;
    this.ended.catch(() => {});
    this.kernel = openKernel(ARENA_BYTES);
    this.#wakeFd = this.kernel.openWake();
    this.#worker = new Worker(mainUrl, { type: "module", name: "engine" });
    this.#worker.onmessage = (message: MessageEvent<Event>) => this.#hear(message.data);
    this.#worker.onerror = (error) => {
      error.preventDefault(); // or it would be thrown here, past everybody who could clean up
      const place = error.filename ? ` (${error.filename}:${error.lineno})` : "";
      this.#die(error.message + place);
    };
  }

  /**
   * Start an engine and open its ports, all or none.
   *
   * @param mainUrl `import.meta.url` of the main module, which runs the engine when it finds itself in a Worker
   * @param onLog gets the engine's log records
   * @throws Failure when a port cannot be opened; nothing is left behind
   */
  static async start(
    mainUrl: string,
    ports: readonly PortConfig[],
    onLog: (entry: Entry) => void,
  ): Promise<Supervisor> {
    const supervisor = new Supervisor(mainUrl, onLog);
    try {
      supervisor.#post({
        kind: "start",
        start: {
          wakeFd: supervisor.#wakeFd,
          counters: supervisor.#counters,
          shares: ports.some(({ kind }) => kinds[kind].shares),
        },
      });
      supervisor.#command({ kind: "open", ports });
      const answer = await Promise.race([supervisor.#answer.promise, supervisor.ended]);
      supervisor.#opened = answer.ports;
      supervisor.#bulk = answer.bulk;
      supervisor.#openedAt = performance.now();
      return supervisor;
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
  }

  /** Facts of the opened ports, in the order they were configured. */
  get opened(): readonly OpenedPort[] {
    return this.#opened;
  }

  /** The calls that carry its datagrams. */
  get bulk(): string {
    return this.#bulk;
  }

  /** The counters of this moment, consistent. After {@linkcode stop}: those of the end. */
  snapshot(): Snapshot {
    return {
      time: new Date(),
      uptimeMs: performance.now() - this.#openedAt,
      ports: [...this.#ports.values()].sort((a, b) => a.row - b.row),
      opened: this.#opened,
      cells: readCounters(this.#counters, ROWS),
    };
  }

  /**
   * Finish started frames and close every port. Resolves with true once the engine said so, and with false when it
   * did not within 450 ms: then the process has to end, its thread cannot be stopped.
   */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<boolean> {
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), STOP_BACKSTOP_MS);
    this.#command({ kind: "stop" });
    const clean = await Promise.race([this.#stopped.promise.then(() => true), late.promise]);
    clearTimeout(timer);
    if (clean) this.#release();
    return clean;
  }

  /** Only when the engine has ended: until then it uses the wake counter, and may be inside the kernel. */
  #release(): void {
    this.#worker.terminate();
    this.kernel.close(this.#wakeFd);
    this.kernel.dispose();
  }

  #post(command: Command): void {
    this.#worker.postMessage(command);
  }

  #command(command: Command): void {
    this.#post(command);
    this.kernel.wake(this.#wakeFd);
  }

  #hear(event: Event): void {
    switch (event.kind) {
      case "opened":
        return this.#answer.resolve(event);
      case "failed":
        return this.#answer.reject(
          new Failure(event.message, event.usage ? Exit.USAGE : Exit.FAILED),
        );
      case "log":
        return this.#onLog(event);
      case "port":
        return this.#note(event);
      case "stopped":
        return this.#stopped.resolve();
      case "crashed":
        return this.#die(event.message);
    }
  }

  #note({ row, name, state, policy }: PortRow): void {
    if (this.#stopping === undefined) {
      if (state === "closed") this.#ports.delete(row);
      else this.#ports.set(row, { row, name, state, policy });
      return;
    }
    // Ports closed by our own stop stay in the table as they were: the last report is about them.
    const last = this.#ports.get(row)?.policy;
    this.#ports.set(row, { row, name, state, policy: policy ?? last });
  }

  /** The engine's thread is gone, and with it whatever a stop would wait for. */
  #die(message: string): void {
    this.#end.reject(new Failure(`Cannot go on: the engine failed: ${message}`, Exit.BUG));
    this.#stopped.resolve();
  }
}
