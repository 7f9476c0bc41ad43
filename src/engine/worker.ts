/**
 * The engine's thread: takes commands, runs the engine between them.
 *
 * A thread that sleeps in a system call hears no messages. So the main thread posts a message and then
 * adds one to the wake counter; the engine leaves its loop when the counter is not zero, and takes as many
 * messages as it counted.
 *
 * @module
 */
import type { Kernel } from "../platform/kernel.ts";
import { Ready } from "../platform/kernel.ts";
import { ARENA_BYTES, GUEST_BYTES, openKernel } from "../platform/mod.ts";
import { Counters } from "./counters.ts";
import { Engine } from "./engine.ts";
import { House } from "./house.ts";
import type { Command, Event, Start } from "./protocol.ts";

/** The part of a worker's global scope that is used. */
export interface WorkerScope {
  onmessage: ((message: MessageEvent<Command>) => void) | null;
  postMessage(event: Event): void;
  close(): void;
}

/** Run the engine in this worker until it is told to stop. */
export async function runEngine(scope: WorkerScope): Promise<void> {
  const inbox = new Inbox(scope);
  try {
    const first = await inbox.next();
    if (first.kind !== "start") {
      throw new Error("Cannot run the engine: the first command is not start");
    }
    const kernel = openKernel(ARENA_BYTES, first.start.shares ? GUEST_BYTES : 0);
    await serve(scope, inbox, kernel, first.start);
    kernel.dispose();
  } catch (error) {
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    scope.postMessage({ kind: "crashed", message });
  }
  scope.close();
}

async function serve(
  scope: WorkerScope,
  inbox: Inbox,
  kernel: Kernel,
  start: Start,
): Promise<void> {
  kernel.raiseDescriptorLimit();
  const at = () => performance.timeOrigin + performance.now();
  const seed = crypto.getRandomValues(new Int32Array(2));
  const engine = new Engine(kernel, new Counters(start.counters), {
    log: (level, port, text) => scope.postMessage({ kind: "log", at: at(), level, port, text }),
    port: (row, name, state, policy) =>
      scope.postMessage({
        kind: "port",
        row,
        name,
        state,
        ...(policy === undefined ? {} : { policy }),
      }),
  }, seed);
  const house = new House(engine);
  let wakes = 0;
  engine.watch(start.wakeFd, { ready: () => wakes += kernel.takeWakes(start.wakeFd) }, Ready.READ);
  for (;;) {
    engine.run(() => wakes > 0);
    for (; wakes > 0; wakes--) {
      const command = await inbox.next();
      if (command.kind === "open") scope.postMessage(house.open(command.ports));
      if (command.kind !== "stop") continue;
      house.stop();
      scope.postMessage({ kind: "stopped" });
      return;
    }
  }
}

/** Messages in order, one at a time. */
class Inbox {
  readonly #waiting: Command[] = [];
  #wanted: ((command: Command) => void) | undefined;

  constructor(scope: WorkerScope) {
    scope.onmessage = ({ data }) => {
      const wanted = this.#wanted;
      this.#wanted = undefined;
      if (wanted === undefined) this.#waiting.push(data);
      else wanted(data);
    };
  }

  next(): Promise<Command> {
    const command = this.#waiting.shift();
    if (command !== undefined) return Promise.resolve(command);
    return new Promise((resolve) => this.#wanted = resolve);
  }
}
