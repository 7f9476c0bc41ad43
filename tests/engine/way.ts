/**
 * One egress over the lab, and what its tests do with it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BATCH_FRAMES, HEADROOM } from "../../src/port/batch.ts";
import type { PortConfig } from "../../src/port/config.ts";
import { frameOf, mac, numbersOf } from "./frames.ts";
import { Lab } from "./lab.ts";
import type { ScriptedPort } from "./scripted_port.ts";

/** Bytes of the queue, unless a test asks for others. */
export const QUEUE = 128 << 10;
/** A frame whose record is 64 bytes. */
export const SIZE = 64 - HEADROOM;
/** Records of {@linkcode SIZE} a queue of {@linkcode QUEUE} holds. */
export const FITS = QUEUE / 64;

/** One port, and pushing to it. */
export class Way {
  readonly lab = new Lab();
  readonly port: ScriptedPort;
  #number = 0;

  constructor(options: Partial<PortConfig> = {}) {
    this.port = this.lab.join({ queue: QUEUE, ...options });
  }

  get egress() {
    return this.lab.egressOf(this.port);
  }

  /** Push frames of `bytes` in one run behind those of this turn, as the forwarder does; returns how many were done with. */
  push(frames: number, bytes = SIZE, longest = bytes): number {
    const options = () => ({ number: this.#number++, bytes });
    const before = this.lab.batch.count, loaded = Array.from({ length: frames });
    this.lab.load(loaded.map(() => frameOf(mac(1), mac(2), options())));
    const to = this.lab.batch.count, from = to - frames;
    assert(from === before || from === 0);
    return this.egress.push(from, to, frames * bytes, longest) - from;
  }

  /** Push and flush. */
  send(frames: number, bytes = SIZE): number {
    const done = this.push(frames, bytes);
    this.lab.flush();
    return done;
  }

  /** Send `frames` frames in turns of one batch; the VM or the queue takes them all. */
  fill(frames: number): void {
    for (let left = frames; left > 0; left -= BATCH_FRAMES) {
      const run = Math.min(left, BATCH_FRAMES);
      assertEquals(this.send(run), run);
    }
  }

  /** Numbers of the frames the VM took. */
  get taken(): number[] {
    return numbersOf(this.port.taken);
  }
}

/** 0 .. n-1. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
