/**
 * Probe: what a full stream looks like, and is everything that it took still there?
 *
 * A stream takes a part of what it is given, and the switch goes on behind that part: if the count is wrong by one byte,
 * every frame after it is garbage. Refused, it must stay silent until there is room; whether it says so then is for the
 * reader, since the switch has a timer as well.
 *
 * @module
 */
import { Errno, Fault } from "../platform/errno.ts";
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
  watching,
} from "./probe.ts";
import { mustRest } from "./rest.ts";

/** Bytes of one write, in two pieces: many frames, so that some writes are taken in part. */
const LENGTH = 200_000, HEAD = 54;
const BUFFER_BYTES = 256 << 10;
/** More than any socket buffer holds. */
const MOST = 64 << 20;
/** Bytes of one read, and a period of the pattern that no length above is a multiple of. */
const WINDOW = 64 << 10, PERIOD = 251;
/** Longest wait of the switch for room, in microseconds. */
const LONGEST_US = 1000;
const TOKEN = 11;

/** See the head of this file. */
export const stream: Probe = {
  name: "stream",
  label: "a full stream refuses, lets the loop rest, and loses no byte",
  run(bench) {
    using sockets = new Sockets(bench.kernel);
    const [from, to] = sockets.pair(SocketType.STREAM);
    for (const fd of [from, to]) must(bench.kernel.setBuffers(fd, BUFFER_BYTES), "set buffers");
    const pipe = new Pipe(bench, from, to);
    using _watch = watching(bench.kernel, from, TOKEN, Ready.WRITE, "a socket");
    return measure(bench, pipe);
  },
};

function measure(bench: Bench, pipe: Pipe): ReturnType<Probe["run"]> {
  const refusedAs = pipe.fill(), held = pipe.sent;
  const again = () => void pipe.fill();
  const eventsIdle = mustRest(bench, again, "a full stream was told as writable");
  pipe.drain();
  const eventMissed = bench.kernel.wait(LONGEST_US) === 0;
  pipe.fill();
  pipe.drain();
  return {
    details: `${refusedAs} after ${held} bytes, ${pipe.partly} writes were taken in part`,
    figures: { refusedAs, bytesUntilFull: held, partlyTaken: pipe.partly, eventsIdle, eventMissed },
  };
}

/** Bytes from one end to the other; byte number n is n modulo {@linkcode PERIOD}. */
class Pipe {
  sent = 0;
  /** Writes that took some of their bytes. */
  partly = 0;
  #got = 0;
  readonly #bench: Bench;
  readonly #from: number;
  readonly #to: number;
  readonly #vector: Vector;
  /** The pattern, long enough to begin anywhere in its first period. */
  readonly #pattern: number;
  readonly #window: number;

  constructor(bench: Bench, from: number, to: number) {
    const { arena } = bench.kernel;
    this.#bench = bench;
    this.#from = from;
    this.#to = to;
    this.#vector = new Vector(arena, 2);
    this.#pattern = arena.take(PERIOD + LENGTH);
    for (let i = 0; i < PERIOD + LENGTH; i++) arena.u8[this.#pattern + i] = i % PERIOD;
    this.#window = arena.take(WINDOW);
  }

  /** Write until refused; the name of the refusal. */
  fill(): string {
    const { kernel } = this.#bench;
    for (const end = this.sent + MOST; this.sent < end;) {
      const at = this.#pattern + this.sent % PERIOD;
      this.#vector.set(0, at, HEAD);
      this.#vector.set(1, at + HEAD, LENGTH - HEAD);
      const result = patiently(() => kernel.write(this.#from, this.#vector, 2));
      if (result <= 0) {
        judged(result, Fault.AGAIN, "EAGAIN", "writing to a stream that nobody reads");
        return told(result);
      }
      this.sent += result;
      if (result < LENGTH) this.partly++;
    }
    throw new ProbeError(`${MOST} bytes that nobody reads were taken, and none was refused`);
  }

  /** Read all that was taken, and compare. */
  drain(): void {
    const { kernel } = this.#bench, { u8 } = kernel.arena;
    while (this.#got < this.sent) {
      const result = patiently(() => kernel.read(this.#to, this.#window, WINDOW));
      if (result <= 0) {
        const rest = this.sent - this.#got;
        throw new ProbeError(`${rest} bytes that were taken did not arrive: ${told(result)}`);
      }
      for (let i = 0; i < result; i++) {
        if (u8[this.#window + i] === (this.#got + i) % PERIOD) continue;
        throw new ProbeError(`byte ${this.#got + i} of a stream is another than was written`);
      }
      this.#got += result;
    }
    const more = patiently(() => kernel.read(this.#to, this.#window, WINDOW));
    same(more, -Errno.EAGAIN, "reading more than was written");
  }
}
