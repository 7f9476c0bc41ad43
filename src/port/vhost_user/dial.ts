/**
 * A vhost-user port whose front-end listens: we connect to it, and again when it is gone.
 *
 * @module
 */
import { Errno, errnoName } from "../../platform/errno.ts";
import { SocketType } from "../../platform/kernel.ts";
import type { PortConfig } from "../config.ts";
import { CLOSING_MAX } from "../../platform/sharing.ts";
import { type Opened, PortError, type Switch } from "../port.ts";
import { hasRoom } from "../room.ts";
import { VhostUserPort } from "./vhost_port.ts";

/** Between two tries. */
const AGAIN_MS = 500;

/** No result of a try: those are 0 and below. */
const NOTHING = 1;

/** See the head of this file. */
export class VhostUserDialer implements Opened {
  readonly socket = "vhost-user";
  readonly buffers = 0;
  readonly #switch: Switch;
  readonly #config: PortConfig;
  readonly #row: number;
  readonly #address: Uint8Array;
  #port: VhostUserPort | undefined;
  #closing = false;
  /** Why the last try failed, so that it is told once. */
  #told: number = NOTHING;

  private constructor(host: Switch, config: PortConfig, address: Uint8Array) {
    this.#switch = host;
    this.#config = config;
    this.#address = address;
    this.#row = host.enroll(config.name);
    this.#dial();
  }

  /** Connect to the path, now or later. */
  static open(host: Switch, config: PortConfig): Opened {
    const address = new TextEncoder().encode(config.target);
    const { pathLimit } = host.kernel;
    if (address.byteLength > pathLimit) {
      const is = `path is ${address.byteLength} bytes, the limit is ${pathLimit}`;
      throw new PortError(`Cannot open port "${config.name}": ${is}; use a shorter path`, true);
    }
    return new VhostUserDialer(host, config, address);
  }

  tick(): void {
    this.#switch.kernel.sharing!.closing();
  }

  quiesce(): void {
    this.#closing = true;
  }

  close(): void {
    this.quiesce();
    this.#port?.close("the switch stops");
  }

  #dial(): void {
    if (this.#closing) return;
    const { kernel } = this.#switch, sharing = kernel.sharing!;
    if (sharing.closing(this.#config) > CLOSING_MAX) return this.#again();
    const fd = kernel.socket(SocketType.STREAM);
    const result = fd < 0 ? fd : kernel.connect(fd, this.#address);
    if (result >= 0 && hasRoom(kernel.arena, this.#config.queue)) return this.#connected(fd);
    if (fd >= 0) sharing.closeElsewhere(fd, this.#config);
    this.#failed(result);
  }

  #connected(fd: number): void {
    this.#told = NOTHING;
    const { name } = this.#config;
    this.#switch.log("info", name, `connected to ${this.#config.target}`);
    this.#port = new VhostUserPort(this.#switch, this.#config, name, this.#row, fd, (_, reason) => {
      this.#port = undefined;
      this.#switch.log("info", name, `VM disconnected: ${reason}`);
      this.#again();
    });
  }

  #failed(error: number): void {
    if (error !== this.#told) {
      const why = error < 0 ? errnoName(error) : "no room for its queue";
      const text = `cannot connect to ${this.#config.target} (${why})${advice(error)}`;
      const again = `trying again every ${AGAIN_MS} ms`;
      this.#switch.log("warning", this.#config.name, `${text}; ${again}`);
    }
    this.#told = error;
    this.#again();
  }

  #again(): void {
    this.#switch.later(AGAIN_MS, () => this.#dial());
  }
}

/** What to do about an error, with a semicolon in front; nothing where that is not known. */
function advice(error: number): string {
  const start = "; start the VM monitor with server=on,wait=off";
  if (error === -Errno.ENOENT) return `${start}, or check the folder`;
  return error === -Errno.ECONNREFUSED ? start : "";
}
