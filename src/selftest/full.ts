/**
 * Probe: what a full peer looks like, and whether there is a way back from it.
 *
 * Darwin refuses a datagram for a full peer with ENOBUFS and sometimes never says that there is room again;
 * Linux says EAGAIN and reports the descriptor writable when half of its buffer is free. The switch lives with both
 * because it waits for the event and for a timer, whichever is first. So a peer is filled, half drained, and the
 * same is done here: it must be possible to go on within a second, and nothing that was taken may be lost. And while
 * nobody reads, the event must not come again and again: the loop would do nothing else.
 *
 * @module
 */
import { Errno, errnoName, Fault } from "../platform/errno.ts";
import { Ready, SocketType } from "../platform/kernel.ts";
import { Numbered } from "./datagrams.ts";
import {
  type Bench,
  judged,
  must,
  type Probe,
  ProbeError,
  same,
  Sockets,
  spread,
  watching,
} from "./probe.ts";
import { mustRest } from "./rest.ts";

const ROUNDS = 20;
const LENGTH = 1514;
const BUFFER_BYTES = 256 << 10;
/** More datagrams than any socket buffer holds. */
const MOST = 200_000;
/** First and longest wait for the event, in microseconds, as the switch waits. */
const FIRST_US = 50, LONGEST_US = 1000;
/** Longest time until there must be room, in milliseconds. */
const PATIENCE_MS = 1000;
const TOKEN = 7;

/** See the head of this file. */
export const full: Probe = {
  name: "full",
  label: "a full peer is told, and there is a way back (ENOBUFS, EAGAIN)",
  run(bench) {
    using sockets = new Sockets(bench.kernel);
    const [from, to] = sockets.pair(SocketType.DGRAM);
    for (const fd of [from, to]) must(bench.kernel.setBuffers(fd, BUFFER_BYTES), "set buffers");
    const peer = new FullPeer(bench, from, to);
    using _watch = watching(bench.kernel, from, TOKEN, 0, "a socket");
    for (let round = 0; round < ROUNDS; round++) peer.round();
    const times = spread("recovery", peer.times);
    const { refusedAs, fits, byEvent, byTimer, early, missed, tries, idle } = peer;
    return {
      details: `${refusedAs} after ${fits} frames; room again in ${times.recoveryP50Us} us (p99 ` +
        `${times.recoveryP99Us}), ${byEvent} times by the event, ${byTimer} by the timer`,
      figures: {
        ...{ refusedAs, fits, rounds: ROUNDS, byEvent, byTimer },
        ...{ mostTries: tries, eventsEarly: early, eventsMissed: missed, eventsIdle: idle },
        ...times,
      },
    };
  },
};

/** A pair of datagram sockets, one of which does not read for a while. */
class FullPeer {
  /** Error name of a refusal. */
  refusedAs = "";
  /** Datagrams that fitted, the last time. */
  fits = 0;
  byEvent = 0;
  byTimer = 0;
  /** Rounds after which the writable event did not come, though all was drained. */
  missed = 0;
  /** Events while there was no room for a frame. */
  early = 0;
  /** Events in a row while nothing was read, in the first round. */
  idle = 0;
  /** Most tries until there was room. */
  tries = 0;
  /** From the draining to the first datagram that was taken, in microseconds. */
  readonly times: number[] = [];
  readonly #bench: Bench;
  readonly #from: number;
  readonly #to: number;
  readonly #datagrams: Numbered;
  #sent = 0;
  #got = 0;

  constructor(bench: Bench, from: number, to: number) {
    this.#bench = bench;
    this.#from = from;
    this.#to = to;
    this.#datagrams = new Numbered(bench, LENGTH);
  }

  /** Fill, drain half, go on, drain all. */
  round(): void {
    const before = this.#sent;
    for (let calls = 0; this.#send(); calls++) {
      if (calls > MOST) {
        throw new ProbeError(
          `${MOST} datagrams that nobody reads were taken, and none was refused`,
        );
      }
    }
    this.fits = this.#sent - before;
    if (this.fits === 0) throw new ProbeError("a peer with an empty queue is full");
    const { kernel } = this.#bench;
    // The event is asked for when it is needed and no earlier, as the switch does: Darwin tells it once.
    must(kernel.rewatch(this.#from, TOKEN, Ready.WRITE), "ask for the writable event");
    // And there it comes as soon as one byte is free, while no frame fits: not the event that is waited for.
    if (kernel.wait(0) > 0) this.early++;
    if (this.times.length === 0) {
      this.idle = mustRest(this.#bench, () => this.#send(), "a full peer was told as writable");
    }
    this.#drain(this.#got + Math.ceil(this.fits / 2));
    this.#recover();
    this.#drain(this.#sent);
    same(this.#datagrams.receive(this.#to), -Errno.EAGAIN, "receiving more than was sent");
    // All is drained, so the event has to be there; the switch does not depend on it, so it is only told.
    if (kernel.wait(LONGEST_US) === 0) this.missed++;
    must(kernel.rewatch(this.#from, TOKEN, 0), "stop asking for the writable event");
  }

  /** Go on as the switch does: by the event, or by a timer that starts at 50 us and doubles. */
  #recover(): void {
    const { kernel } = this.#bench, start = kernel.now();
    let pause = FIRST_US;
    for (let tries = 1;; tries++) {
      const events = kernel.wait(pause);
      if (this.#send()) {
        this.times.push((kernel.now() - start) * 1000);
        this.tries = Math.max(this.tries, tries);
        return void (events > 0 ? this.byEvent++ : this.byTimer++);
      }
      if (kernel.now() - start > PATIENCE_MS) {
        throw new ProbeError(
          `a peer that was full and has read half of it was still full after ${PATIENCE_MS} ms ` +
            `and ${tries} tries (${this.refusedAs})`,
        );
      }
      pause = Math.min(2 * pause, LONGEST_US);
    }
  }

  /** Send one datagram; false when the peer is full. */
  #send(): boolean {
    const result = this.#datagrams.send(this.#from, this.#sent);
    if (result === 1) this.#sent++;
    if (result >= 0) return result === 1;
    judged(result, Fault.AGAIN, "ENOBUFS or EAGAIN", "sending to a peer that does not read");
    this.refusedAs = errnoName(result);
    return false;
  }

  /** Receive until datagram `end` is the next. */
  #drain(end: number): void {
    for (let idle = 0; this.#got < end;) {
      const number = this.#datagrams.receive(this.#to);
      if (number >= 0) same(number, this.#got++, "the number of a datagram");
      else if (++idle > 100) {
        const rest = end - this.#got;
        throw new ProbeError(
          `${rest} datagrams that were taken did not arrive: ${errnoName(number)}`,
        );
      }
    }
  }
}
