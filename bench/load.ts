/**
 * The load generator, as the benches use it: one process holds both VMs of a busy pair and measures on
 * demand, so the same connections serve every run of an interleaved series.
 *
 * @module
 */
import { Child } from "./child.ts";
import type { Pinning } from "./machine.ts";

/** What one run measured, see load.c. Of TCP runs, a segment is what counts as a frame. */
export interface LoadResult {
  /** Bytes of each frame that was sent. */
  size: number;
  sent: number;
  received: number;
  bytes: number;
  seconds: number;
  framesPerSecond: number;
  lost: number;
  /** Frames that were changed, cut, out of order, doubled or not ours. */
  bad: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
  /** TCP: frames that brought the segments, and those of them of which every byte was checked. */
  arrived: number;
  checked: number;
  /** TCP: what was wrong with the first bad frame; empty when nothing was. */
  why: string;
  ownCpuSeconds: number;
  /** Time the generator had nothing to do; near zero: it was the bottleneck. */
  restedSeconds: number;
}

/** One throughput run. */
export interface Throughput {
  size: number;
  seconds: number;
  /** Gather stream frames into writes of 64 KiB. */
  coalesce?: boolean;
  /** Check every byte, not only heads and lengths. */
  full?: boolean;
  /** After this many frames one goes to a third VM or to everybody. */
  side?: number;
}

/** What the VMs of a busy pair leave unfinished in their frames: see load_tcp.h. */
export type Offload = "off" | "csum" | "tso" | "vnet";

/** One run of TCP. */
export interface Tcp {
  seconds: number;
  /** Connections, interleaved frame by frame. */
  flows: number;
  /** Most segments on the way. */
  window: number;
  /** Check every byte of every frame, not of a sample. */
  full?: boolean;
  /** After this many segments a short frame goes to everybody. */
  side?: number;
}

/** Most frames on the way: four batches of 64. */
const WINDOW_FRAMES = 256;
/** Most bytes on the way: half of what 2 MiB socket buffers hold of large frames, so nothing need be lost. */
const WINDOW_BYTES = 1 << 20;
/** Coalesced writes on the way. */
const WINDOW_WRITES = 8;
const WRITE_BYTES = 64 * 1024;

/** Frames on the way that keep the switch busy without asking it to drop any. */
export function windowFor(size: number, coalesce: boolean): number {
  if (coalesce) return WINDOW_WRITES * framesPerWrite(size);
  return Math.min(WINDOW_FRAMES, Math.floor(WINDOW_BYTES / size));
}

/** Frames in a coalesced write. */
export function framesPerWrite(size: number): number {
  return Math.max(1, Math.floor(WRITE_BYTES / (size + 4)));
}

/** A busy pair. */
export class Pair {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Connect both ends and wait until the switch has learned them; `offloads` are the sender's, the receiver's. */
  static async join(
    program: string,
    ends: string[],
    pinning: Pinning,
    offloads: readonly [Offload, Offload] = ["off", "off"],
  ): Promise<Pair> {
    const cpu = pinning.load === undefined ? [] : ["--cpu", pinning.load];
    const threads = pinning.load?.includes(",") ? ["--threads", "2"] : [];
    const offload = ["--offload", offloads.join()];
    const child = new Child([program, ...cpu, ...threads, ...offload, ends[0], ends[1]]);
    try {
      await child.next("ready", 10_000);
    } catch (error) {
      await child.finish();
      throw error;
    }
    return new Pair(child);
  }

  /** Frames one way as fast as the window allows. */
  async throughput(run: Throughput): Promise<LoadResult> {
    const { size, seconds, coalesce = false, full = false, side = 0 } = run;
    await this.#child.say(
      `throughput size=${size} seconds=${seconds} window=${windowFor(size, coalesce)} ` +
        `coalesce=${Number(coalesce)} full=${Number(full)} side=${side}`,
    );
    return await this.#result("throughput", seconds);
  }

  /** TCP segments one way as fast as the window allows. */
  async tcp({ seconds, flows, window, full = false, side = 0 }: Tcp): Promise<LoadResult> {
    await this.#child.say(
      `tcp seconds=${seconds} flows=${flows} window=${window} full=${Number(full)} side=${side}`,
    );
    return await this.#result("throughput", seconds);
  }

  /** One frame there and back at a time; the percentiles are of the round trip. */
  async latency(size: number, seconds: number): Promise<LoadResult> {
    await this.#child.say(`latency size=${size} seconds=${seconds}`);
    return await this.#result("latency", seconds);
  }

  async leave(): Promise<void> {
    await this.#child.finish();
  }

  async #result(event: string, seconds: number): Promise<LoadResult> {
    return await this.#child.next(event, seconds * 1000 + 10_000) as unknown as LoadResult;
  }
}

/** Address index of the first end of a third VM; load_source.c sends its side frames there. */
export const THIRD = 0x1000;
/** Address index of idle VMs. */
const BYSTANDERS = 0x2000;

/** VMs that join, are learned and only read; stop the process and they no longer read. */
export async function joinIdle(
  program: string,
  ends: string[],
  pinning: Pinning,
  first: number = BYSTANDERS,
): Promise<Child> {
  const cpu = pinning.load === undefined ? [] : ["--cpu", pinning.load];
  const child = new Child([program, "--idle", ...cpu, "--first", String(first), ...ends]);
  await child.next("ready", 10_000);
  return child;
}
