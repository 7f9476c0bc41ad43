/**
 * The configured ports of an engine: opened together, closed together.
 *
 * @module
 */
import { policyOf } from "../offload/policy.ts";
import type { PortConfig } from "../port/config.ts";
import { kinds } from "../port/mod.ts";
import { type Opened, PortError } from "../port/port.ts";
import { ROWS } from "./counters.ts";
import type { Engine } from "./engine.ts";
import type { Event, OpenedPort } from "./protocol.ts";

/** Between two looks at silent peers. */
const TICK_MS = 1000;
/** Longest time a VM is given to take the end of a frame it has the start of. */
const FINISH_MS = 200;
/** Longest time for reading what VMs still have for us, all of them together. */
const DISCARD_MS = 100;

/** See the head of this file. */
export class House {
  readonly #engine: Engine;
  readonly #ports: Opened[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#tick();
  }

  /** Open ports, all or none. */
  open(configs: readonly PortConfig[]): Event {
    if (this.#ports.length + configs.length > ROWS) {
      const message = `Cannot open ${configs.length} ports: ${ROWS} is the most; ` +
        "use clients=many, which serves many VMs at one path";
      return { kind: "failed", message, usage: true };
    }
    const opened: Opened[] = [];
    try {
      for (const config of configs) opened.push(kinds[config.kind].open(this.#engine, config));
    } catch (error) {
      for (const port of opened) port.close();
      if (error instanceof PortError) {
        return { kind: "failed", message: error.message, usage: error.usage };
      }
      if (error instanceof RangeError) {
        const message = `Cannot open ports: ${error.message}; use fewer ports or a smaller queue=`;
        return { kind: "failed", message, usage: true };
      }
      throw error;
    }
    this.#ports.push(...opened);
    const ports = opened.map((port, i) => facts(configs[i], port));
    return { kind: "opened", ports, bulk: this.#engine.kernel.bulk };
  }

  /** Take no new VMs, finish started frames, close everything. Takes at most {@linkcode FINISH_MS}. */
  stop(): void {
    const engine = this.#engine;
    for (const port of this.#ports) port.quiesce();
    engine.abandon();
    const deadline = engine.now + FINISH_MS;
    engine.later(FINISH_MS, () => {}); // so that the last turn does not sleep past the deadline
    engine.run(() => !engine.unfinished || engine.now >= deadline);
    engine.discardUntil = engine.kernel.now() + DISCARD_MS;
    for (const port of this.#ports) port.close();
    engine.publish();
  }

  #tick(): void {
    for (const port of this.#ports) port.tick();
    this.#engine.later(TICK_MS, () => this.#tick());
  }
}

function facts(config: PortConfig, port: Opened): OpenedPort {
  const { name, kind, target, clients, client, asked } = config;
  const { socket, buffers, path } = port, policy = policyOf(config);
  const known = { name, kind, socket, target, clients, buffers, client, asked, policy };
  return path === undefined ? known : { ...known, path };
}
