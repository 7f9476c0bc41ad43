/**
 * The two rings of a front-end, as its messages make them: sizes, places, bases and descriptors.
 *
 * Sizes and places come in any order, and a ring that is being moved is for a while half the old
 * one and half the new. So where it lies is judged only when it is to run: enabled, with a kick
 * descriptor, and all said.
 *
 * @module
 */
import type { Sharing } from "../../platform/sharing.ts";
import type { GuestMemory } from "./guest_memory.ts";
import type { MessageReader } from "./message.ts";
import { kinds, Request } from "./requests.ts";
import { MAX_RING, RingState } from "./ring_state.ts";

/**
 * Bits of the payload of SET_VRING_KICK, _CALL and _ERR: the ring, and that no descriptor comes.
 */
const INDEX = 0xff, NO_DESCRIPTOR = 0x100;

/** See the head of this file. */
export class RingPair {
  readonly rings: readonly [RingState, RingState] = [new RingState(), new RingState()];
  readonly #sharing: Sharing;
  readonly #giver: object;

  /** @param giver whom its descriptors are counted for while they are closed */
  constructor(sharing: Sharing, giver: object) {
    this.#sharing = sharing;
    this.#giver = giver;
  }

  /** Do what a SET_VRING_* message says; returns what is wrong with it, or an empty text. */
  handle(message: MessageReader, memory: GuestMemory): string {
    const { request } = message;
    const counter = request >= Request.SET_VRING_KICK && request <= Request.SET_VRING_ERR;
    const index = counter ? message.word(0) & INDEX : message.word(0);
    if (index > 1) return noRing(index);
    const ring = this.rings[index];
    const fault = counter ? this.#setCounter(ring, message) : setRing(ring, message);
    if (fault !== "") return fault;
    ring.translate(memory);
    return this.faultOfPlace(memory);
  }

  /** A ring is to run and all was said, but it lies nowhere in the memory there is: says so. */
  faultOfPlace(memory: GuestMemory): string {
    if (memory.regions === 0) return "";
    const lost = this.rings.findIndex((ring) => ring.lost);
    return lost < 0 ? "" : `its ring ${lost} does not lie in the memory of its guest`;
  }

  /** Have no kick and no call, until others are given. */
  stop(ring: RingState): void {
    ring.kick = this.#instead(ring.kick, -1);
    ring.call = this.#instead(ring.call, -1);
  }

  /** Let both rings move data. */
  enable(memory: GuestMemory): string {
    for (const ring of this.rings) ring.enabled = true;
    return this.faultOfPlace(memory);
  }

  /** Let neither ring move data; all else stays. */
  disable(): string {
    for (const ring of this.rings) ring.enabled = false;
    return "";
  }

  /**
   * Both rings as at the beginning. The error descriptors stay: QEMU gives them once a connection.
   */
  reset(): void {
    for (const ring of this.rings) {
      this.stop(ring);
      ring.forget();
    }
  }

  /** As {@linkcode reset}, and no descriptor stays open. */
  close(): void {
    this.reset();
    for (const ring of this.rings) ring.err = this.#instead(ring.err, -1);
  }

  #setCounter(ring: RingState, message: MessageReader): string {
    const { request } = message, none = (message.word(0) & NO_DESCRIPTOR) !== 0;
    const name = kinds.get(request)?.name;
    if (none && request === Request.SET_VRING_KICK) {
      return "it gave a ring no kick descriptor: the ring would have to be looked at all the time";
    }
    if (!none && message.descriptors.length === 0) return `it sent ${name} without a descriptor`;
    if (!none && this.#sharing.adoptWake(message.descriptors[0]) !== 1) {
      return `it sent ${name} with a descriptor that is no eventfd`;
    }
    const fd = none ? -1 : message.take();
    if (request === Request.SET_VRING_KICK) ring.kick = this.#instead(ring.kick, fd);
    else if (request === Request.SET_VRING_CALL) ring.call = this.#instead(ring.call, fd);
    else ring.err = this.#instead(ring.err, fd);
    return "";
  }

  /** Close a descriptor, and have another in its place. */
  #instead(old: number, fd: number): number {
    if (old >= 0) this.#sharing.closeElsewhere(old, this.#giver);
    return fd;
  }
}

/** Why a message about this ring is refused. */
export function noRing(index: number): string {
  return `it has a ring ${index}: a port has one pair of queues, the rings 0 and 1`;
}

function setRing(ring: RingState, message: MessageReader): string {
  const value = message.word(1);
  switch (message.request) {
    case Request.SET_VRING_NUM:
      if (value < 1 || value > MAX_RING || (value & (value - 1)) !== 0) {
        return `it has a ring of ${value} descriptors, which is no power of two up to ${MAX_RING}`;
      }
      ring.size = value;
      return "";
    case Request.SET_VRING_BASE:
      if (value > 0xffff) return `its ring begins at the index ${value}, which has over 16 bits`;
      ring.base = value;
      return "";
    case Request.SET_VRING_ENABLE:
      if (value > 1) return `it sent SET_VRING_ENABLE with ${value}, which is neither on nor off`;
      ring.enabled = value === 1;
      return "";
    default:
      return placeRing(ring, message);
  }
}

/**
 * SET_VRING_ADDR: index, flags, and the descriptor table, the used ring, the available ring, the
 * log.
 */
function placeRing(ring: RingState, message: MessageReader): string {
  if (message.word(1) !== 0) return "it wants changes to a ring logged, which was not offered";
  const desc = message.long(2), used = message.long(4), avail = message.long(6);
  // Infinity, which stands for what is above 2^53, has no remainder of 0 either
  if (desc % 16 !== 0 || avail % 2 !== 0 || used % 4 !== 0) {
    return "its ring is not aligned as rings are, to 16, 2 and 4 bytes";
  }
  ring.place(desc, avail, used);
  return "";
}
