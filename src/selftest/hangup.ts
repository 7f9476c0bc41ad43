/**
 * Probe: how does a stream end?
 *
 * Its end is an event, comes behind all that was sent before, and stays: reading gives 0 for ever, writing an error
 * that means gone, and no signal (SIGPIPE ends a process, and this probe with it). A peer that leaves what we wrote
 * unread may be told as an error once; that one, too, has to mean gone.
 *
 * @module
 */
import { Fault } from "../platform/errno.ts";
import { Ready, SocketType } from "../platform/kernel.ts";
import { Vector } from "../platform/vectors.ts";
import {
  type Bench,
  judged,
  must,
  patiently,
  type Probe,
  ProbeError,
  same,
  Sockets,
  told,
} from "./probe.ts";

const LENGTH = 1000;
/** Looks at an end. */
const LOOKS = 3;
/** Longest time until it is told, in milliseconds. */
const PATIENCE_MS = 1000;
const TOKEN = 19;

/** See the head of this file. */
export const hangup: Probe = {
  name: "hangup",
  label: "the end of a stream is told, behind what was sent before",
  run(bench) {
    using sockets = new Sockets(bench.kernel);
    const clean = new Ending(bench, sockets).look(false);
    const unread = new Ending(bench, sockets).look(true);
    return {
      details:
        `reading gives 0, writing ${clean.writing}; with bytes left unread: ${unread.reading}`,
      figures: { ...clean, readingUnread: unread.reading, writingUnread: unread.writing },
    };
  },
};

/** A stream pair whose other end goes. */
class Ending {
  readonly #bench: Bench;
  readonly #sockets: Sockets;
  readonly #fd: number;
  readonly #other: number;
  readonly #vector: Vector;
  readonly #at: number;

  constructor(bench: Bench, sockets: Sockets) {
    const { arena } = bench.kernel;
    this.#bench = bench;
    this.#sockets = sockets;
    [this.#fd, this.#other] = sockets.pair(SocketType.STREAM);
    this.#vector = new Vector(arena, 1);
    this.#at = arena.take(LENGTH);
    this.#vector.set(0, this.#at, LENGTH);
  }

  /** What the end was told as by reading and by writing. */
  look(unread: boolean): { reading: string; writing: string } {
    const { kernel } = this.#bench;
    if (unread) same(this.#write(this.#fd), LENGTH, "writing to a stream");
    same(this.#write(this.#other), LENGTH, "writing to a stream");
    must(kernel.watch(this.#fd, TOKEN, Ready.READ), "watch a stream");
    this.#sockets.close(this.#other);
    for (let got = 0; got < LENGTH;) {
      const result = this.#read(LENGTH - got);
      if (result <= 0) {
        throw new ProbeError(
          `${LENGTH - got} bytes sent before a stream's end did not arrive: ${told(result)}`,
        );
      }
      got += result;
    }
    this.#mustBeTold();
    const reading = this.#readEnd(unread);
    kernel.unwatch(this.#fd);
    return { reading, writing: this.#writeEnd() };
  }

  #mustBeTold(): void {
    const { kernel } = this.#bench, end = kernel.now() + PATIENCE_MS;
    for (let left = PATIENCE_MS; left > 0; left = end - kernel.now()) {
      if (kernel.wait(left * 1000) > 0 && (kernel.readyBits[0] & Ready.READ) !== 0) return;
    }
    throw new ProbeError(`the end of a stream was not told within ${PATIENCE_MS} ms`);
  }

  #readEnd(unread: boolean): string {
    const first = this.#read(LENGTH);
    if (first !== 0 && unread) {
      judged(first, Fault.PEER, "0 or an error that means gone", "reading a stream's end");
    } else same(first, 0, "reading a stream's end");
    for (let i = 0; i < LOOKS; i++) same(this.#read(LENGTH), 0, "reading a stream's end again");
    return told(first);
  }

  #writeEnd(): string {
    const results = Array.from({ length: LOOKS }, () => this.#write(this.#fd));
    for (const result of results) {
      judged(result, Fault.PEER, "an error that means gone", "writing to a stream that has ended");
    }
    return told(results[0]);
  }

  #read(length: number): number {
    return patiently(() => this.#bench.kernel.read(this.#fd, this.#at, length));
  }

  #write(fd: number): number {
    return patiently(() => this.#bench.kernel.write(fd, this.#vector, 1));
  }
}
