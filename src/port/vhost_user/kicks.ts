/**
 * Kicks: how a guest tells that it has made buffers available.
 *
 * A kick adds one to a counter (an eventfd) that the front-end gave us. It is watched by its edges and never
 * read: it is the front-end's as well, which could have emptied it and made reading it wait.
 *
 * Kicks of a guest in whose ring there is nothing tell that we look at other memory than it does.
 *
 * @module
 */
import { errnoName } from "../../platform/errno.ts";
import { Ready } from "../../platform/kernel.ts";
import type { Port, Switch } from "../port.ts";

/** Until another try when the kernel could not watch a descriptor. */
const AGAIN_MS = 10;
/** Kicks for an untouched ring until something must be wrong. */
const IDLE_KICKS = 3;

/** Kick descriptors of a port's rings, while they run. */
export class Kicks {
  readonly #switch: Switch;
  readonly #port: Port;
  readonly #again: () => void;
  readonly #watched: { fd: number; token: number }[] = [];
  /** Kicks for a ring in which nothing has ever been. */
  #idle = 0;

  /** @param again called a little later when a descriptor could not be watched: stop, and watch all anew */
  constructor(host: Switch, port: Port, again: () => void) {
    this.#switch = host;
    this.#port = port;
    this.#again = again;
  }

  /** Call back at each kick. */
  watch(fd: number, action: () => void): void {
    const host = this.#switch, { name, row } = this.#port;
    const source = {
      ready: () => {
        host.tally.rxCall(row);
        action();
      },
    };
    const token = host.watch(fd, source, Ready.READ | Ready.EDGE);
    if (token >= 0) return void this.#watched.push({ fd, token });
    host.log("error", name, `cannot wait for kicks (${errnoName(token)}); trying again`);
    host.later(AGAIN_MS, this.#again);
  }

  /** Call back no more. The descriptors are not ours to close. */
  stop(): void {
    for (const { fd, token } of this.#watched) this.#switch.unwatch(fd, token);
    this.#watched.length = 0;
  }

  /** There was a kick, and nothing has ever been in its ring. A driver that starts may do so once or twice. */
  idle(): void {
    if (++this.#idle !== IDLE_KICKS) return;
    const text = "its guest kicks, but its rings stay empty: the VM monitor does not share the " +
      "guest's memory; use share=on";
    this.#switch.log("warning", this.#port.name, text);
  }
}
