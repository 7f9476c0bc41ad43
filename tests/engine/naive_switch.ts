/**
 * What a switch does, written down without any thought of speed: the reference for the real one.
 *
 * Frames are objects, addresses are strings, queues are arrays. It knows the same rules: what is learned,
 * where a frame goes, that a frame needs credit, that sending is tried before one is turned away.
 *
 * @module
 */
import type { DropReason } from "../../src/engine/counters.ts";

/** A frame as the reference sees it. */
export interface NaiveFrame {
  readonly number: number;
  readonly dst: string;
  readonly src: string;
  readonly vid: number;
  readonly bytes: number;
}

/** A port of the reference and its way out. */
export class NaivePort {
  readonly delivered: number[] = [];
  readonly drops: Partial<Record<DropReason, number>> = {};
  room = Infinity;
  gone = false;
  up = true;
  received = 0;
  copies = 0;
  blocked = false;
  pending: NaiveFrame[] = [];
  queue: NaiveFrame[] = [];
  readonly capacity: number;
  readonly maxFrame: number;

  constructor(capacity: number, maxFrame: number) {
    this.capacity = capacity;
    this.maxFrame = maxFrame;
  }

  drop(reason: DropReason, frames = 1): void {
    if (frames > 0) this.drops[reason] = (this.drops[reason] ?? 0) + frames;
  }

  push(frame: NaiveFrame): void {
    if (this.up && frame.bytes > this.maxFrame) return this.drop("oversize");
    if (!this.#fits(frame)) this.flush();
    if (!this.up) return this.drop("peer-gone");
    if (!this.#fits(frame)) return this.drop("queue-full");
    this.pending.push(frame);
  }

  /** The end of a turn. */
  flush(): void {
    if (this.pending.length === 0) return;
    if (this.blocked) this.queue.push(...this.pending.splice(0));
    else this.#send(this.pending);
  }

  retry(): void {
    if (this.blocked) this.#send(this.queue);
  }

  /** Frames the VM takes from the front of a list; the rest waits. */
  #send(list: NaiveFrame[]): void {
    if (this.gone) {
      this.drop("peer-gone", this.pending.length + this.queue.length);
      this.pending = [];
      this.queue = [];
      this.up = this.blocked = false;
      return;
    }
    const n = Math.min(this.room, list.length);
    this.room -= n;
    this.delivered.push(...list.splice(0, n).map((frame) => frame.number));
    this.queue.push(...this.pending.splice(0));
    this.blocked = this.queue.length > 0;
  }

  #fits(frame: NaiveFrame): boolean {
    const waiting = [...this.queue, ...this.pending, frame];
    return waiting.reduce((sum, { bytes }) => sum + bytes + 4, 0) <= this.capacity;
  }
}

/** See the head of this file. */
export class NaiveSwitch {
  readonly ports: NaivePort[] = [];
  readonly #stations = new Map<string, number>();

  ingress(from: number, frames: readonly NaiveFrame[]): void {
    const port = this.ports[from];
    for (const frame of frames) {
      port.received++;
      const to = this.#decide(from, frame);
      if (typeof to === "string") {
        port.drop(to);
        continue;
      }
      port.copies += to.length - 1;
      for (const other of to) this.ports[other].push(frame);
    }
    for (const each of this.ports) each.flush();
  }

  /** A port whose VM is gone is no member any more, and nothing is known behind it. */
  bury(port: number): void {
    for (const [station, at] of this.#stations) {
      if (at === port) this.#stations.delete(station);
    }
    this.#members.delete(port);
  }

  add(port: NaivePort): void {
    this.#members.add(this.ports.length);
    this.ports.push(port);
  }

  readonly #members = new Set<number>();

  #decide(from: number, { src, dst, vid, bytes }: NaiveFrame): DropReason | number[] {
    const isGroup = (address: string) => parseInt(address.slice(0, 2), 16) % 2 === 1;
    if (bytes < 14) return "runt";
    if (bytes > this.ports[from].maxFrame) return "oversize";
    if (isGroup(src) || src === "00:00:00:00:00:00") return "bad-source";
    this.#stations.set(`${vid} ${src}`, from);
    if (/^01:80:c2:00:00:0[1-9a-f]$/.test(dst)) return "reserved";
    const known = isGroup(dst) ? undefined : this.#stations.get(`${vid} ${dst}`);
    if (known === from) return "hairpin";
    if (known !== undefined) return [known];
    const others = [...this.#members].filter((port) => port !== from);
    return others.length === 0 ? "nowhere" : others;
  }
}
