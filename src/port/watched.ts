/**
 * A descriptor and what the loop is asked to report about it.
 *
 * A descriptor nobody wants events of is not watched at all: a hang-up is reported whatever one asks for,
 * and a port that is paused while its peer is gone would be reported without end.
 *
 * @module
 */
import { Ready } from "../platform/kernel.ts";
import type { Source, Switch } from "./port.ts";

/** Until another try when the kernel had no memory to watch with, in milliseconds. */
const AGAIN_MS = 10;

/** See the head of this file. */
export class Watched {
  readonly fd: number;
  readonly #switch: Switch;
  readonly #source: Source;
  #token = -1;
  /** What is reported now, and what shall be: they differ while the kernel cannot watch. */
  #interest = 0;
  #wanted = 0;

  constructor(host: Switch, fd: number, source: Source) {
    this.#switch = host;
    this.#source = source;
    this.fd = fd;
  }

  /** Report (or no longer report) data to read. */
  read(on: boolean): void {
    this.#set(on ? this.#wanted | Ready.READ : this.#wanted & ~Ready.READ);
  }

  /** Report (or no longer report) room to write. */
  write(on: boolean): void {
    this.#set(on ? this.#wanted | Ready.WRITE : this.#wanted & ~Ready.WRITE);
  }

  /** Stop all reports; the descriptor stays open. */
  stop(): void {
    this.#set(0);
  }

  #set(wanted: number): void {
    this.#wanted = wanted;
    if (wanted === this.#interest) return;
    if (this.#interest === 0) {
      const token = this.#switch.watch(this.fd, this.#source, wanted);
      if (token < 0) return this.#switch.later(AGAIN_MS, () => this.#set(this.#wanted));
      this.#token = token;
    } else if (wanted === 0) this.#switch.unwatch(this.fd, this.#token);
    else this.#switch.rewatch(this.fd, this.#token, wanted);
    this.#interest = wanted;
  }
}
