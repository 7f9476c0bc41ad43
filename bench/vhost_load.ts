/**
 * The vhost-user load generator, as the bench uses it: one process holds both guests of a pair (or one guest
 * and a VM on a datagram port) and measures on demand, see limit/vhost_load.c.
 *
 * @module
 */
import { Child } from "./child.ts";
import type { Pinning } from "./machine.ts";

/** What one run measured. */
export interface GuestResult {
  /** Bytes of each frame. */
  size: number;
  sent: number;
  received: number;
  seconds: number;
  framesPerSecond: number;
  lost: number;
  /** Frames that were changed, cut, out of order or doubled. */
  bad: number;
  /** Kicks the guests gave and calls they got. */
  kicks: number;
  calls: number;
  /** From just before a frame is made available until it is seen in the other guest's used ring. */
  p50Us: number;
  p99Us: number;
  maxUs: number;
  /** Time the generator had nothing to do; near zero: it was the bottleneck. */
  restedSeconds: number;
}

/** What one run to a datagram end measured; a TCP segment counts as a frame. */
export interface TcpResult extends Omit<GuestResult, "calls" | "p50Us" | "p99Us" | "maxUs"> {
  /** Payload. */
  bytes: number;
  arrived: number;
  /** Frames of which every byte was checked. */
  checked: number;
  /** What was wrong with the first bad frame; empty when nothing was. */
  why: string;
}

/** What a run sends. */
export interface Frames {
  size: number;
  /** TCP that is left to be cut, of 65226 bytes whatever `size` says. */
  tcp?: boolean;
  /** In both directions at once. */
  both?: boolean;
  /** Check every byte and the order, not only lengths. */
  full?: boolean;
  /** Buffers a frame lies in. */
  pieces?: number;
}

/** Bytes of a frame of TCP that is left to be cut: 45 segments. */
export const TCP_SIZE = 65226;

/** Two guests, or a guest and a datagram end (`dgram:PATH`). */
export class Guests {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Connect both and wait until the switch has learned them; `driver` is in the words of vhost_load.c. */
  static async join(
    program: string,
    ends: readonly string[],
    pinning: Pinning,
    driver: readonly string[] = [],
  ): Promise<Guests> {
    const child = new Child([program, ...driver, ...ends], cpuOf(pinning));
    try {
      await child.next("ready", 15_000);
    } catch (error) {
      await child.finish();
      throw error;
    }
    return new Guests(child);
  }

  async throughput(frames: Frames, seconds: number): Promise<GuestResult> {
    const { size, tcp = false, both = false, full = false, pieces = 1 } = frames;
    await this.#child.say(
      `throughput seconds=${seconds} size=${size} tcp=${Number(tcp)} both=${Number(both)} ` +
        `full=${Number(full)} pieces=${pieces}`,
    );
    return await this.#result("throughput", seconds);
  }

  /** One frame of 64 bytes at a time, the next `pauseUs` after the last has come. */
  async latency(pauseUs: number, seconds: number): Promise<GuestResult> {
    await this.#child.say(`latency size=64 full=1 seconds=${seconds} pause=${pauseUs}`);
    return await this.#result("latency", seconds);
  }

  /** So many frames a second, one by one; the guests sleep in between and are called. */
  async trickle(rate: number, seconds: number): Promise<GuestResult> {
    await this.#child.say(`trickle size=64 full=1 seconds=${seconds} rate=${rate}`);
    return await this.#result("trickle", seconds);
  }

  /** A guest's TCP, 45 segments a frame, to the datagram end; `window` is in segments. */
  async tcp(window: number, full: boolean, seconds: number): Promise<TcpResult> {
    await this.#child.say(`tcp seconds=${seconds} window=${window} full=${Number(full)}`);
    return await this.#result("tcp", seconds) as unknown as TcpResult;
  }

  async leave(): Promise<void> {
    await this.#child.finish();
  }

  async #result(event: string, seconds: number): Promise<GuestResult> {
    return await this.#child.next(event, seconds * 1000 + 10_000) as unknown as GuestResult;
  }
}

/** A guest that joins and leaves `rate` times a second, until it is told to end. */
export class Churn {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async start(program: string, path: string, rate: number, pinning: Pinning) {
    const child = new Child([program, "--churn", `${rate}`, path], cpuOf(pinning));
    await child.next("ready", 10_000);
    return new Churn(child);
  }

  /** End it; how often it joined, a second. */
  async end(): Promise<number> {
    await this.#child.say("");
    const { joins, seconds } = await this.#child.next("churn", 10_000);
    await this.#child.finish();
    return Number(joins) / Number(seconds);
  }
}

function cpuOf(pinning: Pinning): number | undefined {
  return pinning.load === undefined ? undefined : Number.parseInt(pinning.load);
}
