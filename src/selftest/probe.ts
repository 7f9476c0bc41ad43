/**
 * What a probe is: one question to the kernel through the seam, whose answer is known.
 *
 * The switch believes what src/platform tells it of a system; a probe asks that system. It uses nothing but
 * the seam, so it asks what the switch asks, and a test can hand it a kernel that lies. A probe is allowed to
 * hang, and to bring its process down (see ask_process.ts): a call that blocks where it must not, or writes where it
 * must not, is one of the faults it looks for.
 *
 * @module
 */
import { errnoName, Fault, judge } from "../platform/errno.ts";
import { type Kernel, SocketType } from "../platform/kernel.ts";
import { RETRIES } from "../port/retries.ts";

/** Numbers and words a probe found out, for a report that a program reads. */
export type Figures = Readonly<Record<string, number | string | boolean>>;

/** What a probe that succeeded says: a few words, and figures. */
export interface Finding {
  readonly details: string;
  readonly figures: Figures;
}

/** What a probe has to work with. */
export interface Bench {
  readonly kernel: Kernel;
  /** An empty folder of ours; a socket's path has room for it and a name of 12 bytes. */
  readonly folder: string;
  /**
   * Start another thread that adds one to `back` whenever it sees `call` counted, `rounds` times, after adding one
   * to say that it is there. It ends by itself when nobody calls for a while.
   */
  echo(call: number, back: number, rounds: number): void;
  /** Make a symbolic link. */
  link(path: string, target: string): void;
  /** Start a process that does nothing for a while; undefined where none can be started. */
  startProcess(): Process | undefined;
}

/** A process of ours. */
export interface Process {
  readonly pid: number;
  /** End it, if it has not been. */
  end(): void;
}

/** See the head of this file. */
export interface Probe {
  /** What a report calls it. */
  readonly name: string;
  /** What it finds out, in words. */
  readonly label: string;
  /** @throws ProbeError when the answer is not the known one */
  readonly run: (bench: Bench) => Finding;
}

/** The one error of a probe: what was found instead, in plain words. */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
}

/** The result of a call that has to work. */
export function must(result: number, action: string): number {
  if (result >= 0) return result;
  throw new ProbeError(`cannot ${action}: ${errnoName(result)}`);
}

/** Watch a descriptor, until it is disposed of. */
export function watching(
  kernel: Kernel,
  fd: number,
  token: number,
  interest: number,
  what: string,
): Disposable {
  must(kernel.watch(fd, token, interest), `watch ${what}`);
  return { [Symbol.dispose]: () => void kernel.unwatch(fd) };
}

/** Compare what a call gave with what it has to give. */
export function same(found: number, expected: number, what: string): void {
  if (found !== expected) {
    throw new ProbeError(`${what} gave ${told(found)} instead of ${told(expected)}`);
  }
}

/** Compare what a call that has to fail gave with what the switch is to make of it. */
export function judged(found: number, expected: Fault, wanted: string, what: string): void {
  if (found < 0 && judge(found) === expected) return;
  throw new ProbeError(`${what} gave ${told(found)} instead of ${wanted}`);
}

/** What a call gave, in a word. */
export function told(result: number): string {
  return result < 0 ? errnoName(result) : String(result);
}

/** Call again after an error number that the call cannot have, as the switch does; see errors.ts. */
export function patiently(call: () => number): number {
  for (let tries = 0;; tries++) {
    const result = call();
    if (result >= 0 || judge(result) !== Fault.RETRY || tries === RETRIES) return result;
  }
}

/** Connect a socket to a path. */
export function connect(kernel: Kernel, fd: number, path: string): number {
  return kernel.connect(fd, new TextEncoder().encode(path));
}

/** Sockets of one probe, closed with it. */
export class Sockets implements Disposable {
  readonly #kernel: Kernel;
  readonly #open: number[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Close this descriptor at the end; what a call returned can be given as it is. */
  add(fd: number, action: string): number {
    this.#open.push(must(fd, action));
    return fd;
  }

  /** A connected pair. */
  pair(type: SocketType): [number, number] {
    must(this.#kernel.socketPair(type), "make a socket pair");
    const [a, b] = this.#kernel.pair;
    this.#open.push(a, b);
    return [a, b];
  }

  /** A datagram socket, bound to a path or not. */
  datagram(path?: string): number {
    const fd = this.add(this.#kernel.socket(SocketType.DGRAM), "make a socket");
    if (path !== undefined) must(this.#kernel.bind(fd, path, 0o600), "bind a path");
    return fd;
  }

  /** Close one before the end. */
  close(fd: number): void {
    this.#open.splice(this.#open.indexOf(fd), 1);
    must(this.#kernel.close(fd), "close a descriptor");
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) this.#kernel.close(fd);
  }
}

/** Value below which `share` (0 to 1) of the values lie; they are sorted in place. 0 when there are none. */
export function percentile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
}

/** The figures `p50`, `p99` and `most` of times in microseconds, each with `name` in front. */
export function spread(name: string, microseconds: number[]): Figures {
  const at = (share: number) => Math.round(percentile(microseconds, share) * 10) / 10;
  return { [`${name}P50Us`]: at(0.5), [`${name}P99Us`]: at(0.99), [`${name}MostUs`]: at(1) };
}
