/**
 * Tokens: small integers that stand for watched descriptors.
 *
 * The kernel reports a token; the table says who it is. A token given back during a turn may still be
 * among the events of that turn, so it is not handed out again before the turn is over.
 *
 * @module
 */
import type { Kernel } from "../platform/kernel.ts";
import type { Source } from "../port/port.ts";

/** Sources by token. */
export class Watcher {
  readonly #kernel: Kernel;
  readonly #sources: (Source | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #limbo: number[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Watch a descriptor; returns its token or a negative error. */
  watch(fd: number, source: Source, interest: number): number {
    const token = this.#take(source);
    const result = this.#kernel.watch(fd, token, interest);
    if (result >= 0) return token;
    this.#give(token);
    return result;
  }

  /** Watch a process; returns its token and descriptor, or undefined when the kernel cannot. */
  watchExit(pid: number, source: Source): { fd: number; token: number } | undefined {
    const token = this.#take(source);
    const fd = this.#kernel.watchExit(pid, token);
    if (fd >= 0) return { fd, token };
    this.#give(token);
    return undefined;
  }

  /** Forget a descriptor; it is still open. */
  unwatch(fd: number, token: number): void {
    this.#kernel.unwatch(fd);
    this.#give(token);
  }

  /** Call the source of each ready descriptor of the last wait. */
  dispatch(count: number): void {
    const { readyToken, readyBits } = this.#kernel;
    for (let i = 0; i < count; i++) this.#sources[readyToken[i]]?.ready(readyBits[i]);
    while (this.#limbo.length > 0) this.#free.push(this.#limbo.pop()!);
  }

  #take(source: Source): number {
    const token = this.#free.pop() ?? this.#sources.length;
    this.#sources[token] = source;
    return token;
  }

  #give(token: number): void {
    this.#sources[token] = undefined;
    this.#limbo.push(token);
  }
}
