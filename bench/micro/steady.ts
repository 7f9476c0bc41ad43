/**
 * The work of a switch in steady state, for bench/deopt.ts: `deno run bench/micro/steady.ts FRAMES`.
 *
 * All shapes of traffic take turns in one process, since code that was optimised for one of them is
 * what another one breaks: runs, changing conversations, floods, frames that are dropped, a full VM and
 * its retries, streams split and gathered, and frames between VMs that do not agree.
 *
 * @module
 */
import { Ready } from "../../src/platform/kernel.ts";
import { HEADROOM } from "../../src/port/batch.ts";
import { StreamPort } from "../../src/port/stream.ts";
import { InstantSwitch } from "./instant_kernel.ts";
import { Planning } from "./planning.ts";
import { benchConfig, Scene } from "./scene.ts";

const READ = 1024;

/** Forwarding: each round takes {@linkcode READ} frames of every shape. */
class Forwarding {
  readonly #scene = new Scene(9);
  readonly #shapes = [
    { bytes: 64, ...this.#scene.lay(READ, 64, () => 1) },
    { bytes: 64, ...this.#scene.lay(READ, 64, (i) => 1 + i % 8) },
    { bytes: 1514, ...this.#scene.lay(READ, 1514, (i) => 1 + (i >> 4) % 8) },
    { bytes: 64, ...this.#scene.lay(READ, 64, () => -1) },
    { bytes: 64, ...this.#scene.lay(READ, 64, (i) => i % 3 - 1) }, // floods, its own, another's
    { bytes: 8, ...this.#scene.lay(READ, 14, () => 1) }, // too short
  ];
  readonly frames = READ * (this.#shapes.length + 1);

  round(now: number): void {
    const scene = this.#scene;
    scene.now = now;
    for (const { at, bytes } of this.#shapes) scene.forward(at, bytes);
    this.#fullVm(now);
    scene.fdb.age(1, 300);
  }

  /** The VM of port 1 takes little, then everything. */
  #fullVm(now: number): void {
    const scene = this.#scene, port = scene.ports[1], egress = scene.egress[1]!;
    const { at, bytes } = this.#shapes[2];
    port.room = 5;
    scene.forward(at, bytes);
    for (let i = 0; i < 4; i++) {
      port.room = 3;
      scene.now = now + i + 1;
      egress.retry();
    }
    port.room = Infinity;
    egress.retry();
  }
}

/** Streams: each round reads one window and writes it as runs and as single frames. */
class Streaming {
  readonly #host = new InstantSwitch();
  readonly #port = new StreamPort(this.#host, benchConfig("a"), "a", 0, 3, () => {});
  readonly #at = new Int32Array(READ);
  readonly #length = new Int32Array(READ).fill(64);
  readonly frames = 3 * READ;

  constructor() {
    const record = 64 + HEADROOM, { kernel, memory } = this.#host;
    for (let i = 0; i < READ; i++) {
      kernel.arena.view.setUint32(memory.window + i * record, 64);
      this.#at[i] = memory.window + i * record + HEADROOM;
    }
    kernel.readBytes = READ * record;
  }

  round(): void {
    this.#port.ready(Ready.READ);
    this.#port.tx(this.#at, this.#length, 0, READ);
    for (let i = 0; i < READ; i += 64) this.#port.tx(this.#at, this.#length, i, i + 32);
    for (let i = READ - 32; i > 0; i -= 32) this.#port.tx(this.#at, this.#length, i, i + 32);
  }
}

const frames = Number(Deno.args[0]);
const forwarding = new Forwarding(), streaming = new Streaming(), planning = new Planning();
for (let done = 0, now = 1000; done < frames; now += 1000) {
  forwarding.round(now);
  streaming.round();
  planning.round();
  done += forwarding.frames + streaming.frames + planning.frames;
}
