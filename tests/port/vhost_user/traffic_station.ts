/**
 * VMs of the traffic tests, whatever they are connected by: what each of them still has to receive, and
 * whether what it received is that.
 *
 * @module
 */
import { assert } from "@std/assert";
import { EVERYBODY, makeFrame } from "../../support/test_frame.ts";
import type { FrontEnd, FrontEndPlan, Way } from "../../support/vhost_frontend/front_end.ts";
import type { GuestPlan } from "../../support/vhost_frontend/guest.ts";
import type { Vm } from "../../support/vm.ts";
import type { Layout } from "../../support/vhost_frontend/layout.ts";

/** A VM of a test. */
export interface Station {
  readonly n: number;
  /** Frames sent to it, not yet arrived, by sender. */
  readonly expected: Map<number, Uint8Array[]>;
  arrived: number;
  /** Send bytes; false when there is no room now. */
  send(frame: Uint8Array, layout?: Layout): boolean;
  /** Look what has arrived. */
  poll(): void;
  readonly front?: FrontEnd;
  close(): void;
}

/** What a kind of VM brings along. */
export type Part = Pick<Station, "send" | "poll" | "close" | "front">;

/** What a guest's station is like. */
export interface GuestStation {
  readonly plan?: FrontEndPlan;
  readonly guest?: GuestPlan;
  /** How it gets its connection, when not by the port's path. */
  readonly way?: string | Way;
  /** Its receive buffers, header included. */
  readonly bufferBytes?: number;
  readonly bufferLayout?: Layout;
}

/** A frame of any length, as much of a test frame as there is room for. */
export function numbered(from: Station, to: Station, seq: number, length: number): Uint8Array {
  return makeFrame({ from: from.n, to: to.n, seq, length: Math.max(length, 22) })
    .subarray(0, length);
}

/** The frame is to arrive, after those that are expected already. */
export function expect(from: Station, to: Station, frame: Uint8Array): void {
  const list = to.expected.get(from.n) ?? [];
  to.expected.set(from.n, list);
  list.push(frame);
}

/** What a station says to become known. */
export function introduction(n: number): Uint8Array {
  return makeFrame({ from: n, to: EVERYBODY, seq: 0, length: 60 });
}

/** A frame has arrived at a station: the next one that was sent to it, or something is wrong. */
export function arrive(station: Station, frame: Uint8Array): void {
  if (frame[0] === 0xff) return; // an introduction
  const from = frame[10] << 8 | frame[11];
  const wanted = station.expected.get(from)?.shift();
  assert(wanted !== undefined, `station ${station.n} got a frame of ${from} that was not sent`);
  station.arrived++;
  if (wanted.length === frame.length && wanted.every((byte, i) => byte === frame[i])) return;
  throw new Error(`Sent: ${wanted.length} bytes, ${wanted.subarray(0, 24)}
Came: ${frame.length} bytes, ${frame.subarray(0, 24)}`);
}

/** A guest behind a vhost-user front-end. */
export function guestPart(front: FrontEnd, me: Station): Part {
  return {
    front,
    send: (frame, layout) => {
      return front.guest.transmit.transmit(frame, layout === undefined ? {} : { layout });
    },
    poll: () => {
      const { receive, transmit } = front.guest;
      const due = receive.ring.isCallDue;
      // The first call after a start may be one too many: what the driver has seen is not known.
      if (receive.ring.takeCalls() === 0) assert(!due, "a call was due and did not come");
      for (let one = receive.next(); one !== undefined; one = receive.next()) {
        arrive(me, one.frame);
      }
      receive.refill();
      transmit.reclaim();
    },
    close: () => front.close(),
  };
}

/** A VM on a socket. */
export function vmPart(vm: Vm, me: Station): Part {
  vm.onFrame = (frame) => arrive(me, frame.slice());
  return {
    send: (frame) => vm.sendBytes(frame),
    poll: () => void vm.poll(),
    close: () => vm.close(),
  };
}
