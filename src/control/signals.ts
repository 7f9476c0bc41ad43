/**
 * Signals, as a daemon under a supervisor or a terminal gets them.
 *
 * SIGTERM and SIGINT ask for an end; once is enough, since an end takes half a second at most whatever
 * stands in its way. Launchers often send more than one (timeout(1) signals its child and then its
 * group), so the others change nothing. SIGUSR1 and SIGUSR2 ask for a report; SIGHUP is survived, since a terminal
 * that closes must not take a network with it. SIGPIPE needs nothing: the runtime ignores it and writes
 * fail with EPIPE.
 *
 * @module
 */
import { closeDebugger } from "./debugger.ts";

/** Listens until disposed of. */
export class Signals implements Disposable {
  /** Resolves with the first signal that asks for an end. */
  readonly stop: Promise<Deno.Signal>;
  /** Called on SIGUSR1 and SIGUSR2. */
  onReport: () => void = () => {};
  readonly #listeners: [Deno.Signal, () => void][] = [];

  constructor() {
    const first = Promise.withResolvers<Deno.Signal>();
    this.stop = first.promise;
    const end = (signal: Deno.Signal) => () => first.resolve(signal);
    this.#listen("SIGTERM", end("SIGTERM"));
    this.#listen("SIGINT", end("SIGINT"));
    this.#listen("SIGUSR2", () => this.onReport());
    this.#listen("SIGUSR1", () => {
      this.onReport();
      closeDebugger();
    });
    this.#listen("SIGHUP", () => {});
  }

  #listen(signal: Deno.Signal, listener: () => void): void {
    Deno.addSignalListener(signal, listener);
    this.#listeners.push([signal, listener]);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }
}
