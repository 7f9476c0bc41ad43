/**
 * Frames between the rings of a guest and the switch, while both rings run.
 *
 * What the guest transmits is looked for as long as there is some ({@linkcode Polled}); then it is asked for
 * a kick, which begins that again. What it receives is in its buffers when `tx` returns, and when those are
 * too few the ring is looked at in the same way, for more.
 *
 * A ring that is found broken is the end of this until the rings run anew: the port is lost, and asks for
 * the {@linkcode Traffic.fault}.
 *
 * @module
 */
import type { Gather } from "../../offload/gather.ts";
import { Windows } from "../../frame/windows.ts";
import { type Polled, type Port, type Switch, TX_GONE } from "../port.ts";
import { Delivery } from "./delivery.ts";
import { Intake } from "./intake.ts";
import { ReceiveRing } from "./receive_ring.ts";
import { faultText, type Ring, type RingPlan } from "./ring.ts";
import type { RingState } from "./ring_state.ts";
import type { Session } from "./session.ts";
import { TransmitRing } from "./transmit_ring.ts";

/** Rings by their index, as the guest sees them. */
const RECEIVE = 0, TRANSMIT = 1;
/** Between two looks whether all are there. */
const GATHER_MS = 20;

/** See the head of this file. */
export class Traffic implements Polled {
  readonly pollMs: number;
  /** What is wrong with a ring, until somebody can be told. */
  fault = "";
  readonly #switch: Switch;
  readonly #port: Port;
  readonly #session: Session;
  readonly #windows: Windows;
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  #transmit: TransmitRing | undefined;
  #receive: ReceiveRing | undefined;
  #isReading = true;
  #isWaiting = false;
  /** It is waited for the other VMs of a switch that has just started. */
  #isHeld = false;

  /** @param session says where the rings are */
  constructor(host: Switch, port: Port, session: Session) {
    this.#switch = host;
    this.#port = port;
    this.#session = session;
    this.pollMs = port.config.pollUs / 1000;
    this.#windows = new Windows(host.kernel.arena.u8.buffer);
    this.#intake = new Intake(host, port, this.#windows);
    this.#delivery = new Delivery(host, port, this.#windows);
  }

  /** The rings are where the session says; nothing is done with them yet. */
  start(): void {
    const { rings, features: took, memory } = this.#session, windows = this.#windows;
    this.#receive = new ReceiveRing(windows, memory, plan(rings[RECEIVE], took), took.mergeable);
    this.#transmit = new TransmitRing(windows, memory, plan(rings[TRANSMIT], took));
  }

  /** Go on with rings that were started, in the midst of whatever they were stopped in. */
  resume(): void {
    this.wantWrite(this.#isWaiting);
    this.rouse();
  }

  /** Let go of the rings, and tell the session how far they have got. */
  halt(): void {
    this.#switch.unpoll(this);
    const { rings } = this.#session;
    if (this.#receive !== undefined) rings[RECEIVE].base = this.#receive.next;
    if (this.#transmit !== undefined) rings[TRANSMIT].base = this.#transmit.next;
    this.#receive = this.#transmit = undefined;
  }

  /** The port is not part of the switch any more: nobody will take back what was asked of it. */
  reset(): void {
    this.#isWaiting = false;
    this.#isReading = true; // it may have been paused
  }

  // ---- the guest transmits ----

  /** The guest's ring runs, and it has never made anything available. */
  get isUntouched(): boolean {
    return this.#transmit?.isUntouched === true;
  }

  poll(): boolean {
    let found = false;
    if (this.#isWaiting && this.#receive?.hasMore === true) {
      found = true;
      this.#switch.writable(this.#port);
    }
    const ring = this.#transmit;
    if (ring === undefined || !this.#isReading || this.#isHeld) return found;
    const chains = this.#intake.read(ring);
    if (this.#switch.batch.count > 0) this.#switch.ingress(this.#port);
    this.#publish(ring, this.#session.rings[TRANSMIT]);
    if (chains < 0) {
      this.fault = `transmit ring: ${faultText(chains)}`;
      this.#port.lose(this.fault);
    }
    return found || chains > 0;
  }

  /** See {@linkcode Port.giveBack}. */
  giveBack(frames: number): void {
    this.#transmit?.giveBack(frames);
  }

  hush(): void {
    this.#transmit?.hush();
    this.#receive?.hush();
  }

  rest(): boolean {
    let isQuiet = true;
    if (this.#transmit !== undefined && this.#isReading && !this.#isHeld) {
      isQuiet = this.#transmit.ask() === 0;
    }
    if (this.#receive !== undefined && this.#isWaiting) {
      this.#receive.askMore();
      if (this.#receive.hasMore) isQuiet = false;
    }
    if (!isQuiet) this.hush();
    return isQuiet;
  }

  /** See {@linkcode Port.wantRead}. */
  wantRead(on: boolean): void {
    this.#isReading = on;
    if (on) this.rouse();
  }

  /** Look at the guest's ring, once those are there whom its frames may be for. */
  rouse(): void {
    if (!this.#isReading || this.#transmit === undefined || this.#isHeld) return;
    this.#isHeld = this.#switch.isGathering;
    if (!this.#isHeld) return this.#switch.poll(this);
    this.#switch.later(GATHER_MS, () => {
      this.#isHeld = false;
      this.rouse();
    });
  }

  // ---- the guest receives ----

  /** The guest says that it has given buffers. */
  refilled(): void {
    this.#switch.writable(this.#port);
    // What these did not take waits for the next: they are looked at before they are asked for.
    if (this.#isWaiting) this.#switch.poll(this);
  }

  /** See {@linkcode Port.tx}. */
  tx(at: Int32Array, length: Int32Array, from: number, count: number): number {
    const ring = this.#receive;
    if (ring === undefined) return 0;
    return this.#delivered(ring, this.#delivery.send(ring, at, length, from, count));
  }

  /** See {@linkcode Port.txGather}. */
  txGather(gather: Gather): number {
    const ring = this.#receive;
    if (ring === undefined) return 0;
    return this.#delivered(ring, this.#delivery.sendGather(ring, gather));
  }

  /** See {@linkcode Port.wantWrite}. */
  wantWrite(on: boolean): void {
    this.#isWaiting = on;
    if (this.#receive === undefined) return;
    if (on) this.#switch.poll(this);
    else this.#receive.hush();
  }

  #delivered(ring: ReceiveRing, frames: number): number {
    this.#publish(ring, this.#session.rings[RECEIVE]);
    const { fault } = this.#delivery;
    if (fault === 0) return frames;
    // What was delivered is told first; the next call finds the ring broken again and nothing else.
    if (frames > 0) return frames;
    this.fault = `receive ring: ${faultText(fault)}`;
    return TX_GONE;
  }

  #publish(ring: Ring, { call }: RingState): void {
    if (!ring.publish() || call < 0) return;
    this.#switch.kernel.sharing!.signal(call);
    this.#switch.tally.txCall(this.#port.row);
  }
}

function plan(
  { size, desc, avail, used, base }: RingState,
  { eventIdx, indirect }: { eventIdx: boolean; indirect: boolean },
): RingPlan {
  return { size, desc, avail, used, base, eventIdx, indirect };
}
