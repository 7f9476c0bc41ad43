/**
 * What QEMU says to a vhost-user device, step by step (seen with 7.2; hw/virtio/vhost.c, vhost_dev_start and
 * vhost_virtqueue_start), so that a test can leave out, repeat, reorder or break off anywhere.
 *
 * @module
 */
import { type FrontEnd, USUAL_PROTOCOL } from "./front_end.ts";
import { bits, Feature, hasBit, Protocol } from "./wire.ts";

/** One message of a conversation. */
export interface Step {
  readonly name: string;
  run(): void;
}

/** Messages with which a ring is set up. */
export type RingStep = "num" | "base" | "addr" | "kick" | "call";
/** The order in which QEMU sends them. */
export const RING_STEPS: readonly RingStep[] = ["num", "base", "addr", "kick", "call"];

const PROTOCOL_BIT = bits(Feature.PROTOCOL_FEATURES);

/** From the connection to the moment a guest boots. The rings exist from here on, in the driver's eyes. */
export function hello(front: FrontEnd): Step[] {
  const { guest } = front;
  const call = [0, 1].flatMap((ring) => [
    step(`call ${ring}`, () => front.setVringCall(ring)),
    step(`err ${ring}`, () => front.setVringErr(ring)),
  ]);
  return [
    step("get features", () => {
      const offered = front.getFeatures(), { wanted = offered } = front.plan;
      const features = offered & wanted & ~PROTOCOL_BIT;
      // After a reconnect the driver goes on with what it has.
      if (!guest.isRunning) guest.start(features);
      else if ((guest.features & ~offered) !== 0n) throw new Error("Features are missing");
    }),
    step("get protocol features", () => {
      if (!speaksProtocol(front)) return;
      const { wantedProtocol = USUAL_PROTOCOL } = front.plan;
      front.protocol = front.getProtocolFeatures() & wantedProtocol;
    }),
    step("set protocol features", () => {
      if (speaksProtocol(front)) front.setProtocolFeatures(front.protocol);
    }),
    step("get queue num", () => {
      if (hasBit(front.protocol, Protocol.MQ)) front.getQueueNum();
    }),
    step("set owner", () => front.setOwner()),
    step("get features again", () => front.getFeatures()),
    ...call,
  ];
}

/** The driver is ready: the device starts. */
export function start(front: FrontEnd, order: readonly RingStep[] = RING_STEPS): Step[] {
  return [
    ...enable(front, true),
    step("set features", () => {
      front.setFeatures(front.guest.features | (speaksProtocol(front) ? PROTOCOL_BIT : 0n));
    }),
    step("set mem table", () => front.setMemTable()),
    ...startRing(front, 0, order),
    ...startRing(front, 1, order),
  ];
}

/** Set one ring up; it goes on where it was, as its used index says. */
export function startRing(
  front: FrontEnd,
  ring: number,
  order: readonly RingStep[] = RING_STEPS,
): Step[] {
  const say: Record<RingStep, () => void> = {
    num: () => front.setVringNum(ring),
    base: () => front.setVringBase(ring, front.guest.rings[ring].usedIndex),
    addr: () => front.setVringAddr(ring),
    kick: () => front.setVringKick(ring),
    call: () => front.setVringCall(ring),
  };
  return order.map((name) => step(`${name} ${ring}`, say[name]));
}

/** Both rings, one after the other; without the protocol features they are enabled from the start. */
export function enable(front: FrontEnd, on: boolean): Step[] {
  return [0, 1].map((ring) =>
    step(`${on ? "enable" : "disable"} ${ring}`, () => {
      if (speaksProtocol(front)) front.setVringEnable(ring, on);
    })
  );
}

/** The guest shuts down or is paused: rings stop. Each has to be where its used index says. */
export function stop(front: FrontEnd): Step[] {
  return [0, 1].map((ring) =>
    step(`get base ${ring}`, () => {
      const base = front.getVringBase(ring), used = front.guest.rings[ring].usedIndex;
      if (base !== used) throw new Error(`Ring ${ring} stopped at ${base}, but has used ${used}`);
    })
  );
}

/** Everything from the connection to traffic, and the first kick of each ring. */
export function boot(front: FrontEnd): void {
  front.connect();
  for (const each of [...hello(front), ...start(front)]) each.run();
  // A driver kicks when it is ready, and QEMU once more when it has handed over the descriptors.
  for (const ring of front.guest.rings) ring.forceKick();
}

function speaksProtocol(front: FrontEnd): boolean {
  const { wanted = PROTOCOL_BIT } = front.plan;
  return (front.offered & wanted & PROTOCOL_BIT) !== 0n;
}

function step(name: string, run: () => void): Step {
  return { name, run };
}
