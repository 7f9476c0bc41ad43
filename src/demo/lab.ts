/**
 * Where the demo's hosts live: one kernel, a loop that serves them, and the time they are given.
 *
 * The loop blocks the thread, so it lets the event loop run now and then: signals and the engine's
 * events are heard, and a demo that is told to end ends.
 *
 * @module
 */
import { type Kernel, Ready } from "../platform/kernel.ts";
import { openKernel } from "../platform/mod.ts";
import { DemoError } from "./demo_error.ts";
import type { Host } from "./host.ts";

/** Address space for the hosts' frames. */
const ARENA_BYTES = 16 << 20;
/** Longest sleep in the kernel, and longest time between two turns of the event loop, in milliseconds. */
const SLEEP_MS = 5;
const TURN_MS = 20;

/** See the head of this file. */
export class Lab implements Disposable {
  readonly kernel: Kernel = openKernel(ARENA_BYTES);
  readonly #hosts: Host[] = [];
  #interrupted: string | undefined;
  #yieldAt = 0;

  /** Make a host part of the lab. */
  add(host: Host): Host {
    this.kernel.watch(host.link.fd, this.#hosts.length, Ready.READ);
    this.#hosts.push(host);
    return host;
  }

  /** End whatever runs, at its next turn. */
  interrupt(reason: string): void {
    this.#interrupted = reason;
  }

  /** Serve the hosts until `done`; false when it is not within `milliseconds`. */
  async serveUntil(done: () => boolean, milliseconds: number): Promise<boolean> {
    const deadline = this.kernel.now() + milliseconds;
    while (!done()) {
      if (this.kernel.now() >= deadline) return false;
      await this.breathe();
      this.serve(Math.min(SLEEP_MS, deadline - this.kernel.now()));
    }
    return true;
  }

  /** Serve the hosts once, after waiting at most `milliseconds` for a frame. */
  serve(milliseconds: number): void {
    const count = this.kernel.wait(Math.max(0, milliseconds) * 1000);
    for (let i = 0; i < count; i++) this.#hosts[this.kernel.readyToken[i]].serve();
    for (const host of this.#hosts) host.link.flush();
  }

  /** Let the event loop run if it is due; `now`: in any case, so that it is not due for a while. */
  async breathe(now = false): Promise<void> {
    if (!now && this.kernel.now() < this.#yieldAt) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#yieldAt = this.kernel.now() + TURN_MS;
    if (this.#interrupted !== undefined) throw new DemoError(this.#interrupted);
  }

  [Symbol.dispose](): void {
    for (const host of this.#hosts) host.link.close();
    this.kernel.dispose();
  }
}
